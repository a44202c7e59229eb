"""Rows that MLRun keeps of a feature set, read back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlrun.feature_store as fstore
import pandas as pd


def feature_set_frame(vector: Any, name: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Rows of one of a vector's feature sets, from its offline target.

    :param vector: MLRun feature vector; the feature set is of its project.
    :param name: of the feature set.
    :param columns: which to read; all by default.
    :returns: the entity and, where the feature set has one, the time as columns, then those that were asked
        for.
    """
    feature_set = fstore.get_feature_set(f"store://feature-sets/{vector.metadata.project}/{name}")
    frame: pd.DataFrame = feature_set.to_dataframe(columns=list(columns) if columns is not None else None)
    return frame.reset_index() if frame.index.names[0] else frame


def in_utc(frame: pd.DataFrame, time: str) -> pd.DataFrame:
    """The frame with UTC times: MLRun wrote UTC, but gives partitioned Parquet back without a zone.

    :param time: name of the time column.
    """
    return frame.assign(**{time: utc_times(frame[time])})


def utc_times(times: pd.Series) -> pd.Series:
    """The same of a column of times."""
    aware: pd.Series = times.dt.tz_localize("UTC") if times.dt.tz is None else times.dt.tz_convert("UTC")
    return aware
