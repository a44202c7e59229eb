"""Readers: metrics and labels as numbers, and what is no reading."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from feature_sets.telemetry.readers import TelemetryError
from tests.feature_sets.telemetry.telemetry_folder import Frames, read


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_values_without_a_reading_stay_as_nan_and_are_counted_by_what_they_were(
    tmp_path: Path, kind: str
) -> None:
    def spoil(frames: Frames) -> None:
        frames["metrics"]["load"] = [np.nan, 100.5, -1.0, 100.0]
        frames["metrics"]["heat"] = [np.inf, -np.inf, np.nan, 1e300]

    telemetry, report = read(tmp_path, spoil, kind=kind)
    assert report.metrics.values == {
        "missing_values": {"load": 1, "heat": 1},
        "out_of_range": {"load": 2},
        "infinite": {"heat": 2},
    }
    assert telemetry.metrics["load"].isna().tolist() == [True, True, True, False]
    assert telemetry.metrics["heat"].isna().tolist() == [True, True, True, False]
    assert not report.metrics.rejected


def test_words_for_missing_are_missing_and_not_bad_numbers(tmp_path: Path) -> None:
    def words(frames: Frames) -> None:
        frames["metrics"]["load"] = ["NaN", "null", "", "4"]

    telemetry, report = read(tmp_path, words)
    assert report.metrics.values == {"missing_values": {"load": 3}}
    assert not report.metrics.rejected
    assert telemetry.metrics["load"].tolist()[3] == 4.0


@pytest.mark.parametrize(
    ("dtype", "values"),
    [("bool", [True, False, True, True]), ("Int64", [1, None, 1, 1]), ("int8", [1, 0, 1, 1])],
)
def test_metrics_of_other_number_types_become_floats(tmp_path: Path, dtype: str, values: list[Any]) -> None:
    def retype(frames: Frames) -> None:
        frames["metrics"]["heat"] = pd.array(values, dtype=dtype)

    telemetry, report = read(tmp_path, retype)
    assert telemetry.metrics["heat"].dtype == np.float64
    assert telemetry.metrics["heat"].sum() == 3.0
    assert not report.metrics.rejected


def test_a_metric_that_holds_times_is_not_a_number(tmp_path: Path) -> None:
    def retype(frames: Frames) -> None:
        frames["metrics"]["heat"] = pd.to_datetime(frames["metrics"]["at"])

    with pytest.raises(TelemetryError, match="'not_a_number': 4"):
        read(tmp_path, retype)


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_labels_that_are_neither_zero_nor_one_are_rejected(tmp_path: Path, kind: str) -> None:
    def spoil(frames: Frames) -> None:
        frames["labels"]["broken"] = ["1", "2", "", "false"]

    telemetry, report = read(tmp_path, spoil, kind=kind)
    assert report.labels.rejected == {"bad_label": 2}
    assert telemetry.labels["broken"].tolist() == [1, 0]


def test_boolean_labels_are_zero_and_one(tmp_path: Path) -> None:
    def retype(frames: Frames) -> None:
        frames["labels"]["broken"] = [True, False, False, True]

    assert read(tmp_path, retype)[0].labels["broken"].tolist() == [1, 0, 0, 1]


@pytest.mark.parametrize("kind", ["parquet", "csv"])
@pytest.mark.parametrize("values", [[1.0, 2.0, np.nan, 0.0], [1, -1, 3, 0], [1.0, 0.5, np.inf, 0.0]])
def test_labels_that_are_numbers_follow_the_same_rule(tmp_path: Path, kind: str, values: list[float]) -> None:
    def spoil(frames: Frames) -> None:
        frames["labels"]["broken"] = values

    telemetry, report = read(tmp_path, spoil, kind=kind)
    assert report.labels.rejected == {"bad_label": 2}
    assert telemetry.labels["broken"].tolist() == [1, 0]


def test_a_label_without_a_reading_stays_and_is_counted(tmp_path: Path) -> None:
    def move(frames: Frames) -> None:
        frames["labels"].loc[0, "at"] = "2024-05-01T12:00:05Z"

    telemetry, report = read(tmp_path, move)
    assert len(telemetry.labels) == 4
    assert report.labels.values == {"label_without_metrics": {"broken": 1}}
