"""Readers: each problem has its treatment and its count, and rows add up."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from feature_sets.telemetry.ingest_report import FileReport, IngestReport
from feature_sets.telemetry.readers import Telemetry, TelemetryError, read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema

BASE: dict[str, Any] = {
    "name": "lab",
    "entity": ["site", "box"],
    "time": "at",
    "metrics": {"load": {"range": [0, 100]}, "heat": None},
    "label": "broken",
    "static": ["role"],
    "population": {"live": True},
    "exclude_labels": {"edge": 1},
}
SCHEMA = TelemetrySchema.from_dict(BASE)
TIMES = [f"2024-05-01T12:00:{second:02d}Z" for second in (0, 10, 20, 30)]

Frames = dict[str, pd.DataFrame]


def good() -> Frames:
    return {
        "metrics": pd.DataFrame(
            {
                "site": "osl",
                "box": ["a", "b", "a", "b"],
                "at": TIMES,
                "load": [1.0, 2.0, 3.0, 4.0],
                "heat": 5.0,
            }
        ),
        "labels": pd.DataFrame(
            {
                "site": "osl",
                "box": ["a", "b", "a", "b"],
                "at": TIMES,
                "broken": [0, 1, 0, 1],
                "edge": [0, 0, 1, 0],
            }
        ),
        "static": pd.DataFrame(
            {"site": "osl", "box": ["a", "b"], "role": ["leaf", "spine"], "live": [True, False]}
        ),
    }


def write(folder: Path, frames: Frames, kind: str = "parquet") -> Path:
    for name, frame in frames.items():
        if kind == "parquet":
            frame.to_parquet(folder / f"{name}.parquet", index=False)
        else:
            frame.to_csv(folder / f"{name}.csv", index=False)
    return folder


def read(
    folder: Path,
    change: Callable[[Frames], None] | None = None,
    schema: TelemetrySchema = SCHEMA,
    kind: str = "parquet",
) -> tuple[Telemetry, IngestReport]:
    frames = good()
    if change:
        change(frames)
    telemetry, report = read_telemetry(write(folder, frames, kind), schema)
    for part in report.files:
        assert part.rows_accepted == part.rows_read - sum(part.rejected.values())
    assert report.metrics.rows_accepted == len(telemetry.metrics)
    assert report.labels.rows_accepted == len(telemetry.labels)
    assert report.static.rows_accepted == len(telemetry.static)
    return telemetry, report


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
        "live": [True, False],
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


def set_cell(column: str, value: Any, row: int = 1) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        cells = frame[column].astype(object).tolist()
        cells[row] = value
        return frame.assign(**{column: pd.Series(cells, dtype=object)})

    return change


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
        TelemetryError, match=r"metrics\.csv: must be text without NUL, got 'one at byte \d+'"
    ):
        read(tmp_path, spoil, kind="csv")


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


def test_of_readings_sent_twice_the_first_to_arrive_stays(tmp_path: Path) -> None:
    def sent_twice(frames: Frames) -> None:
        metrics = frames["metrics"].assign(came=TIMES)
        again = metrics.iloc[[0]].assign(came="2024-05-01T12:00:50Z", load=99.0)
        frames["metrics"] = pd.concat([again, metrics], ignore_index=True)

    schema = TelemetrySchema.from_dict({**BASE, "arrival": "came"})
    telemetry, report = read(tmp_path, sent_twice, schema=schema)
    assert telemetry.metrics["load"].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert report.metrics.rejected == {"duplicate": 1}


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
    assert [part.rejected for part in report.files] == [{"duplicate": 2}, {"duplicate": 1}, {"duplicate": 1}]
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


def test_missing_static_values_and_silent_devices_are_reported(tmp_path: Path) -> None:
    def spoil(frames: Frames) -> None:
        frames["static"] = pd.DataFrame(
            {"site": "osl", "box": ["a", "b", "c", None], "role": ["leaf", None, "x", "y"], "live": True}
        )

    telemetry, report = read(tmp_path, spoil)
    assert report.static.rejected == {"missing_device": 1}
    assert report.static.values == {"missing_values": {"role": 1}}
    assert report.static.notes == ["1 devices have no row in metrics"]
    assert telemetry.static["role"].isna().sum() == 1


def test_csv_text_that_looks_like_something_else_stays_text(tmp_path: Path) -> None:
    def names(frames: Frames) -> None:
        for frame in frames.values():
            frame["box"] = frame["box"].map({"a": "007", "b": "NA"})
        frames["static"]["role"] = ["NA", "null"]

    telemetry, report = read(tmp_path, names, kind="csv")
    assert telemetry.static["device"].tolist() == ["osl/007", "osl/NA"]
    assert telemetry.static["role"].tolist() == ["NA", "null"]
    assert not report.metrics.rejected


@pytest.mark.parametrize("name", ["metrics", "labels", "static"])
def test_each_missing_file_is_named(tmp_path: Path, name: str) -> None:
    def remove(frames: Frames) -> None:
        del frames[name]

    with pytest.raises(
        TelemetryError, match=rf"{name}: must exist as {name}\.parquet, {name}\.csv or a sub-folder"
    ):
        read(tmp_path, remove)


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("metrics", "heat"),
        ("metrics", "at"),
        ("metrics", "box"),
        ("labels", "broken"),
        ("labels", "edge"),
        ("static", "role"),
        ("static", "live"),
    ],
)
@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_each_missing_column_is_named_with_the_file(
    tmp_path: Path, name: str, column: str, kind: str
) -> None:
    def remove(frames: Frames) -> None:
        frames[name] = frames[name].drop(columns=column)

    with pytest.raises(TelemetryError, match=rf"{name}\.{kind}, column '{column}': is required"):
        read(tmp_path, remove, kind=kind)


def test_a_folder_of_parts_is_read_in_name_order(tmp_path: Path) -> None:
    frames = good()
    parts = tmp_path / "metrics"
    parts.mkdir()
    metrics = frames.pop("metrics")
    metrics.iloc[2:].assign(load=9.0).to_parquet(parts / "b.parquet", index=False)
    metrics.iloc[:3].to_csv(parts / "a.csv", index=False)
    (parts / "notes.txt").write_text("not telemetry", encoding="utf-8")
    write(tmp_path, frames)
    telemetry, report = read_telemetry(tmp_path, SCHEMA)
    assert report.metrics.paths == ["metrics/a.csv", "metrics/b.parquet"]
    assert report.metrics.rejected == {"duplicate": 1}
    assert telemetry.metrics["load"].tolist() == [1.0, 2.0, 3.0, 9.0]


def test_two_forms_of_one_table_are_refused(tmp_path: Path) -> None:
    frames = good()
    write(tmp_path, frames)
    frames["labels"].to_csv(tmp_path / "labels.csv", index=False)
    with pytest.raises(TelemetryError, match=r"labels: must exist in one form only, got \['labels.parquet'"):
        read_telemetry(tmp_path, SCHEMA)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TelemetryError, match="must be a folder that exists"):
        read_telemetry(tmp_path / "none", SCHEMA)


@pytest.mark.parametrize(
    ("suffix", "content"), [("parquet", b"not parquet"), ("csv", b""), ("csv", b"a\xff\xfe\n")]
)
def test_a_broken_file_is_named(tmp_path: Path, suffix: str, content: bytes) -> None:
    frames = good()
    del frames["metrics"]
    write(tmp_path, frames)
    (tmp_path / f"metrics.{suffix}").write_bytes(content)
    with pytest.raises(TelemetryError, match=rf"metrics\.{suffix}: must be a readable file of its kind"):
        read_telemetry(tmp_path, SCHEMA)


def test_the_report_is_plain_json_and_readable_lines() -> None:
    report = FileReport("metrics", rows_read=1000, notes=["a note"])
    report.reject("duplicate", 3)
    report.reject("duplicate", 2)
    report.reject("naive_time", 0)
    report.count("out_of_range", "load", 7)
    whole = IngestReport(metrics=report)
    content = json.loads(json.dumps(whole.to_dict()))
    assert content["metrics"]["rows_accepted"] == 995
    assert content["metrics"]["rejected"] == {"duplicate": 5}
    assert whole.lines()[:4] == [
        "metrics: 1,000 rows read, 5 rejected, 995 accepted",
        "  rejected duplicate: 5",
        "  out_of_range in load: 7",
        "  note: a note",
    ]
