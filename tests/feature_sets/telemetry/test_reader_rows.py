"""Readers: which rows are left out, for which reason, and counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from feature_sets.telemetry.readers import TelemetryError
from feature_sets.telemetry.schema import TelemetrySchema
from tests.feature_sets.telemetry.telemetry_folder import BASE, TIMES, Frames, read, set_cell


@pytest.mark.parametrize(
    ("reason", "column", "value"),
    [
        ("missing_device", "box", None),
        ("missing_device", "box", " "),
        ("separator_in_key", "site", "osl/1"),
        ("unparsable_time", "at", "noon"),
        ("unparsable_time", "at", None),
        ("naive_time", "at", "2024-05-01T12:00:10"),
        ("unknown_device", "box", "zz"),
        ("not_a_number", "load", "high"),
    ],
)
@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_a_row_that_cannot_be_used_is_rejected_and_counted(
    tmp_path: Path, reason: str, column: str, value: Any, kind: str
) -> None:
    def spoil(frames: Frames) -> None:
        frame = set_cell(column, value)(frames["metrics"])
        frames["metrics"] = (
            frame.assign(load=frame["load"].astype(str)) if reason == "not_a_number" else frame
        )

    telemetry, report = read(tmp_path, spoil, kind=kind)
    assert report.metrics.rejected == {reason: 1}
    assert telemetry.metrics["load"].tolist() == [1.0, 3.0, 4.0]
    assert report.metrics.rows_accepted == 3


def test_a_key_with_a_nul_is_not_taken_for_one_that_begins_like_it(tmp_path: Path) -> None:
    def spoil(frames: Frames) -> None:
        frames["metrics"] = set_cell("box", "b\0")(frames["metrics"])

    telemetry, report = read(tmp_path, spoil)
    assert report.metrics.rejected == {"broken_text_in_key": 1}
    assert telemetry.metrics["load"].tolist() == [1.0, 3.0, 4.0]
    for path in tmp_path.iterdir():
        path.unlink()
    with pytest.raises(
        TelemetryError, match=r"metrics\.csv: must be text without NUL, in UTF-8, .*, got 'one at byte \d+'"
    ):
        read(tmp_path, spoil, kind="csv")


@pytest.mark.parametrize("name", ["metrics", "labels"])
def test_a_device_that_differs_in_upper_and_lower_case_is_told_with_the_one_that_is_known(
    tmp_path: Path, name: str
) -> None:
    def shout(frames: Frames) -> None:
        frames[name] = set_cell("box", "B")(frames[name])

    _, report = read(tmp_path, shout)
    (sample,) = (table.samples["unknown_device"] for table in report.files if table.name == name)
    assert sample.endswith(
        f"row 2 of {name}.parquet: 'osl/b' is known, which differs in upper and lower case"
    )


def test_naive_times_are_taken_as_utc_where_the_schema_says_so(tmp_path: Path) -> None:
    def naive(frames: Frames) -> None:
        frames["metrics"]["at"] = pd.to_datetime(frames["metrics"]["at"]).dt.tz_localize(None)

    assumed = TelemetrySchema.from_dict({**BASE, "assume_timezone": "UTC"})
    telemetry, report = read(tmp_path, naive, schema=assumed)
    assert not report.metrics.rejected
    assert telemetry.metrics["at"].iloc[1] == pd.Timestamp(TIMES[1])


def test_arrival_times_are_read_where_the_schema_names_them(tmp_path: Path) -> None:
    def arriving(frames: Frames) -> None:
        frames["metrics"]["came"] = [TIMES[1], "2024-05-01T14:00:10+02:00", "later", "2024-05-01T12:00:30"]

    schema = TelemetrySchema.from_dict({**BASE, "arrival": "came"})
    telemetry, report = read(tmp_path, arriving, schema=schema)
    assert list(telemetry.metrics.columns) == ["device", "at", "came", "load", "heat"]
    assert telemetry.metrics["came"].tolist() == [pd.Timestamp(TIMES[1])] * 2
    assert report.metrics.rejected == {"unparsable_arrival": 1, "naive_arrival": 1}


@pytest.mark.parametrize("came", ["2024-05-01T12:00:50Z", "2024-05-01T11:00:00Z"], ids=["late", "too early"])
def test_of_readings_sent_twice_the_first_to_arrive_stays_unless_it_is_from_the_future(
    tmp_path: Path, came: str
) -> None:
    def sent_twice(frames: Frames) -> None:
        metrics = frames["metrics"].assign(came=TIMES)
        again = metrics.iloc[[0]].assign(came=came, load=99.0)
        frames["metrics"] = pd.concat([again, metrics], ignore_index=True)

    schema = TelemetrySchema.from_dict({**BASE, "arrival": "came"})
    telemetry, report = read(tmp_path, sent_twice, schema=schema)
    assert telemetry.metrics["load"].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert report.metrics.rejected == {"contradicting": 1}
    assert report.metrics.samples["contradicting"].endswith("which counts (the first to arrive)")


def test_naive_times_alone_leave_nothing_which_is_an_error_with_the_counts(tmp_path: Path) -> None:
    def naive(frames: Frames) -> None:
        frames["metrics"]["at"] = pd.to_datetime(frames["metrics"]["at"]).dt.tz_localize(None)

    with pytest.raises(
        TelemetryError,
        match=r"metrics\.parquet: must hold at least one usable row; rejected {'naive_time': 4}",
    ):
        read(tmp_path, naive)


@pytest.mark.parametrize(("unit", "scale"), [("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)])
@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_epoch_numbers_are_understood_by_size_and_noted(
    tmp_path: Path, unit: str, scale: int, kind: str
) -> None:
    def numbers(frames: Frames) -> None:
        seconds = pd.to_datetime(frames["metrics"]["at"]).astype("int64") // 10**9
        frames["metrics"]["at"] = seconds * scale

    telemetry, report = read(tmp_path, numbers, kind=kind)
    assert telemetry.metrics["at"].tolist() == [pd.Timestamp(time) for time in TIMES]
    assert any(note.startswith(f"time_unit {unit}: 4 times") for note in report.metrics.notes)


def test_the_first_of_rows_with_the_same_device_and_time_stays(tmp_path: Path) -> None:
    def repeat(frames: Frames) -> None:
        extra = frames["metrics"].iloc[[1, 1]].assign(load=[50.0, 60.0], at="2024-05-01T14:00:10+02:00")
        frames["metrics"] = pd.concat([frames["metrics"], extra])
        frames["labels"] = pd.concat([frames["labels"], frames["labels"].iloc[[0]].assign(broken=1)])
        frames["static"] = pd.concat([frames["static"], frames["static"].iloc[[0]].assign(role="edge")])

    telemetry, report = read(tmp_path, repeat)
    assert [part.rejected for part in report.files] == [
        {"contradicting": 2},
        {"contradicting": 1},
        {"contradicting": 1},
    ]
    assert telemetry.metrics["load"].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert telemetry.labels["broken"].tolist() == [0, 1, 0, 1]
    assert telemetry.static["role"].tolist() == ["leaf", "spine"]


def test_a_row_rejected_for_another_reason_does_not_make_the_next_a_duplicate(tmp_path: Path) -> None:
    def spoil(frames: Frames) -> None:
        bad = frames["metrics"].iloc[[1]].astype({"load": object}).assign(load="high")
        both = pd.concat([bad, frames["metrics"]])
        frames["metrics"] = both.assign(load=both["load"].astype(str))

    telemetry, report = read(tmp_path, spoil)
    assert report.metrics.rejected == {"not_a_number": 1}
    assert telemetry.metrics["load"].tolist() == [1.0, 2.0, 3.0, 4.0]
