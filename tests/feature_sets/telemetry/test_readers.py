"""Readers: good files come out sorted, typed and complete."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.feature_sets.telemetry.telemetry_folder import TIMES, Frames, read


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_good_files_come_out_sorted_typed_and_fully_accepted(tmp_path: Path, kind: str) -> None:
    def shuffle(frames: Frames) -> None:
        for name in frames:
            frames[name] = frames[name].iloc[::-1]

    telemetry, report = read(tmp_path, shuffle, kind=kind)
    assert list(telemetry.metrics.columns) == ["device", "at", "load", "heat"]
    assert telemetry.metrics["device"].tolist() == ["osl/a", "osl/b", "osl/a", "osl/b"]
    assert telemetry.metrics["load"].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert telemetry.metrics["at"].tolist() == [pd.Timestamp(time) for time in TIMES]
    assert str(telemetry.metrics["at"].dtype) == "datetime64[ns, UTC]"
    assert list(telemetry.labels.columns) == ["device", "at", "broken", "edge"]
    assert telemetry.labels["broken"].tolist() == [0, 1, 0, 1]
    assert telemetry.labels["broken"].dtype == np.int64
    assert telemetry.static.to_dict("list") == {
        "device": ["osl/a", "osl/b"],
        "role": ["leaf", "spine"],
        "live": ["true", "false"],
    }
    assert [part.rows_read for part in report.files] == [4, 4, 2]
    assert all(not part.rejected and not part.values and not part.notes for part in report.files)


def test_rows_at_one_time_are_ordered_by_device(tmp_path: Path) -> None:
    def one_time(frames: Frames) -> None:
        frames["metrics"] = frames["metrics"].iloc[[3, 2]].assign(at=TIMES[0])

    assert read(tmp_path, one_time)[0].metrics["device"].tolist() == ["osl/a", "osl/b"]


def test_a_full_key_is_taken_where_levels_are_missing(tmp_path: Path) -> None:
    def keyed(frames: Frames) -> None:
        metrics = frames["metrics"]
        frames["metrics"] = metrics.assign(device="osl/" + metrics["box"]).drop(columns=["site", "box"])

    assert set(read(tmp_path, keyed)[0].metrics["device"]) == {"osl/a", "osl/b"}
