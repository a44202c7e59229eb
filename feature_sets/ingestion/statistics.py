"""MLRun's statistics and preview of the rows of a feature set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mlrun.feature_store as fstore
import numpy as np
import pandas as pd
from mlrun.data_types import InferOptions
from mlrun.data_types.infer import get_df_preview, get_df_stats

PREVIEW_ROWS = 20


def statistics(columns: Mapping[str, pd.Series], infer_options: int) -> dict[str, Any]:
    """MLRun's statistics, a column at a time: it would copy the whole frame several times.

    :param infer_options: what is asked for; nothing is computed that is not.
    """
    if not InferOptions.get_common_options(infer_options, InferOptions.Stats):
        return {}
    options = InferOptions.get_common_options(infer_options, InferOptions.Stats + InferOptions.Histogram)
    stats: dict[str, Any] = {}
    # An infinite reading has no deviation; MLRun leaves it out then.
    with np.errstate(invalid="ignore", over="ignore"):
        for name, column in columns.items():
            if isinstance(column.dtype, pd.UInt64Dtype):
                continue  # What a counter shows: where it stands says nothing, its rate does.
            stats.update(get_df_stats(pd.DataFrame({name: column}, copy=False), options))
    return stats


def preview_rows(count: int) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Positions of the rows that a preview of so many shows."""
    chosen = np.random.default_rng(0).permutation(count)[:PREVIEW_ROWS]
    return np.sort(chosen)


def preview(frame: pd.DataFrame) -> list[list[Any]]:
    """MLRun's preview of the rows at ``preview_rows``.

    :param frame: indexed by the entity.
    """
    # A missing whole number is one that JSON has no word for.
    whole = [name for name in frame.columns if isinstance(frame[name].dtype, pd.UInt64Dtype)]
    if whole:
        frame = frame.astype(dict.fromkeys(whole, object))
        frame = frame.assign(**{name: frame[name].where(frame[name].notna(), None) for name in whole})
    shown: list[list[Any]] = get_df_preview(frame, PREVIEW_ROWS)
    return shown


def describe_sample(feature_set: fstore.FeatureSet, frame: pd.DataFrame, infer_options: int) -> None:
    """Put statistics and preview of some rows into the status of a feature set.

    :param frame: indexed by the entity.
    """
    if InferOptions.get_common_options(infer_options, InferOptions.Stats):
        described = {str(name): frame[name].reset_index(drop=True) for name in frame.columns}
        if InferOptions.get_common_options(infer_options, InferOptions.Index):
            described = {str(frame.index.name): pd.Series(frame.index.to_numpy()), **described}
        feature_set.status.stats = statistics(described, infer_options)
    if InferOptions.get_common_options(infer_options, InferOptions.Preview):
        feature_set.status.preview = preview(frame.iloc[preview_rows(len(frame))])
