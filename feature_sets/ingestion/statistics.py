"""MLRun's statistics and preview of the rows of a feature set."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import mlrun.feature_store as fstore
import numpy as np
import pandas as pd
from mlrun.data_types import InferOptions
from mlrun.data_types.infer import default_num_bins, get_df_preview, get_df_stats

PREVIEW_ROWS = 20
_QUARTILES = (25, 50, 75)


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
            if column.dtype in (np.float64, np.int64) and len(column):
                stats[name] = _of_numbers(column.to_numpy(), options)
            else:
                stats.update(get_df_stats(pd.DataFrame({name: column}, copy=False), options))
    return stats


def _of_numbers(values: np.ndarray[Any, Any], options: int) -> dict[str, Any]:
    """What ``get_df_stats`` says of a column of numbers, digit for digit, in an eighth of the time.

    :param values: shape (n,), one or more; NaN is a missing one.
    """
    missing = np.isnan(values)
    known, count = values[~missing], len(values) - int(missing.sum())
    stats = {"count": float(count)}
    if count:
        # With zeros for what is missing, as pandas sums: another order would be other last digits.
        mean = np.where(missing, 0, values).sum(dtype=np.float64) / count
        squares = np.where(missing, 0.0, (mean - values) ** 2)
        deviation = np.sqrt(squares.sum() / (count - 1)) if count > 1 else np.nan
        quartiles = np.percentile(known, _QUARTILES)
        stats |= {"mean": mean, "std": deviation, "min": known.min()}
        stats |= {f"{percent}%": value for percent, value in zip(_QUARTILES, quartiles, strict=True)}
        stats["max"] = known.max()
    found: dict[str, Any] = {name: float(value) for name, value in stats.items() if not np.isnan(value)}
    if InferOptions.get_common_options(options, InferOptions.Histogram):
        # There are no bins where a value is missing or endless, or all are one that is too large to be apart.
        with contextlib.suppress(ValueError, IndexError):
            counts, edges = np.histogram(values, bins=default_num_bins)
            found["hist"] = [counts.tolist(), edges.tolist()]
    return found


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
