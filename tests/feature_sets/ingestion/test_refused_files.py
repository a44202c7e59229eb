"""Files of which no row is accepted: the others are taken, and who ingests is told."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from feature_sets.telemetry.ingest_report import FileMark, refused_error
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema
from tests.feature_sets.ingestion.folders import MODELS, Folder, forget_all
from tests.feature_sets.ingestion.histories import MIDNIGHT, SCHEMA
from tests.feature_sets.ingestion.test_label_forms import one_day, schema

AT = MIDNIGHT.isoformat()
ROWS, BAD_ROWS = (
    f"box,timestamp,is_error,repair\ndev-0,{AT},0,no\n",
    f"box,timestamp,is_error,repair\ndev-0,{AT},maybe,no\n",
)
FORMS: dict[str, tuple[TelemetrySchema, str, str, str]] = {
    "rows": (SCHEMA, ROWS, BAD_ROWS, "bad_label: is_error 'maybe' in row 1 of {}: must be 0 or 1"),
    "incidents": (
        schema({"form": "incidents"}, horizon="0s"),
        f"box,start,end\ndev-0,{AT},\n",
        "box,start,end\ndev-0,soon,\ndev-1,later,\n",
        "unparsable_start: start 'soon' in row 1 of {}: must be ISO 8601 text",
    ),
    "alarm log": (
        schema({"form": "incidents", "alarm_log": {"time": "at"}}, horizon="0s"),
        f"box,at,state\ndev-0,{AT},raise\n",
        f"box,at,state\ndev-0,{AT},perhaps\n",
        "bad_state: state 'perhaps' in row 1 of {}: must raise or clear",
    ),
}


@pytest.fixture
def folder(tmp_path: Path, project: str, request: pytest.FixtureRequest) -> Folder:
    forget_all()
    of, good, _, _ = FORMS[request.param]
    made = Folder(tmp_path / "telemetry", of)
    made.static(MODELS)
    one_day(made)
    (made.path / "labels" / "good.csv").write_text(good, encoding="utf-8")
    return made


def refused(done: dict[str, Any]) -> str:
    return str(refused_error(done["files_refused"], done["files_mostly_refused"]))


@pytest.mark.parametrize(("folder", "name"), [(name, name) for name in FORMS], indirect=["folder"])
@pytest.mark.parametrize("begun", [False, True])
def test_one_stops_no_other_and_is_told_until_it_is_mended(folder: Folder, name: str, begun: bool) -> None:
    _, good, bad, why = FORMS[name]
    path = "labels/bad.csv"
    if begun:
        assert folder.ingest()["files_refused"] == {}
    (folder.path / path).write_text(bad, encoding="utf-8")
    folder.add(
        "metrics", "more", pd.DataFrame({"box": "dev-1", "timestamp": [MIDNIGHT], "cpu": 1.0, "latency": 1.0})
    )
    done = folder.ingest()
    assert done["rows_new"] == (1 if begun else 11)
    assert list(done["files_refused"]) == [path]
    assert why.format(path) in refused(done)
    again = folder.ingest()
    assert list(again["files_refused"]) == [path], "it is not read again, and nothing of it is in the history"
    assert refused(again).startswith(f"{path}: must hold at least one usable row")
    (folder.path / path).write_text(good.replace("dev-0", "dev-1"), encoding="utf-8")
    assert folder.ingest()["files_refused"] == {}


@pytest.mark.parametrize("folder", ["rows"], indirect=True)
def test_a_copy_of_another_file_is_not_refused_and_readings_may_be(folder: Folder) -> None:
    (folder.path / "labels" / "copy.csv").write_text(ROWS, encoding="utf-8")
    text = f"box,timestamp,cpu,latency\nnobody,{AT},1,1\nnothing,{AT},1,1\n"
    for name in ("a", "b"):
        (folder.path / "metrics" / f"{name}.csv").write_text(text, encoding="utf-8")
    done = folder.ingest()
    assert list(done["files_refused"]) == ["metrics/a.csv", "metrics/b.csv"]
    error = refused(done)
    assert error.startswith("metrics/a.csv and 1 more: must hold at least one usable row; ")
    assert "metrics/b.csv: 2 rows (unknown_device: 2; such as unknown_device: box 'nobody' in row 1" in error


@pytest.mark.parametrize("folder", ["rows"], indirect=True)
def test_a_file_of_the_future_is_not_refused_as_it_is_read_again_when_it_is_due(folder: Folder) -> None:
    text = "box,timestamp,cpu,latency\ndev-0,2100-01-01T00:00:00Z,1,1\n"
    (folder.path / "metrics" / "later.csv").write_text(text, encoding="utf-8")
    done = folder.ingest()
    assert done["files_refused"] == {}
    assert any("from_future: 1" in line for line in done["report_lines"])


def day(name: str, values: list[str], first: int = 0) -> str:
    """Readings of a device, one a minute, with these in one metric."""
    times = [MIDNIGHT + pd.Timedelta(minutes=5 + first + at) for at in range(len(values))]
    rows = [f"{name},{at.isoformat()},{value},1\n" for at, value in zip(times, values, strict=True)]
    return "box,timestamp,cpu,latency\n" + "".join(rows)


@pytest.mark.parametrize("folder", ["rows"], indirect=True)
def test_a_file_of_which_most_rows_break_one_rule_is_told_and_the_rest_is_taken(folder: Folder) -> None:
    # The unit came back, and only where the device says nothing can it be read.
    path = folder.path / "metrics" / "unit.csv"
    path.write_text(day("dev-2", ["", *["-95 dBm"] * 59]), encoding="utf-8")
    done = folder.ingest()
    assert (done["files_refused"], list(done["files_mostly_refused"])) == ({}, ["metrics/unit.csv"])
    assert done["rows_new"] == 11
    what = "98% of 60 rows (not_a_number: 59; such as cpu '-95 dBm' in row 2 of metrics/unit.csv"
    assert f"most rows of metrics/unit.csv were rejected: {what}" in "\n".join(done["report_lines"])
    assert refused(done).startswith(
        "metrics/unit.csv: must not have half of its rows, or more, left out by one rule; what is usable is "
        f'in the history. Correct the file, or take it out of the folder, got "{what}'
    )
    again = folder.ingest()
    assert refused(again) == refused(done), "it is not read again, and its readings are missing"
    bad = folder.path / "labels" / "bad.csv"
    bad.write_text(BAD_ROWS, encoding="utf-8")
    error = refused(folder.ingest())
    assert error.startswith("labels/bad.csv and 1 more: must not have half of its rows") and what in error
    bad.unlink()
    path.write_text(day("dev-2", ["1"] * 60), encoding="utf-8")
    assert folder.ingest()["files_mostly_refused"] == {}


@pytest.mark.parametrize("folder", ["rows"], indirect=True)
@pytest.mark.parametrize(
    ("values", "told"),
    [
        (["1"] * 10 + ["x"] * 9, False),  # Of few rows, many are few.
        (["1"] * 10 + ["x"] * 10, True),
        (["1"] * 11 + ["x"] * 10, False),
        ([""] * 40, False),
    ],
)
def test_few_rows_or_less_than_half_are_counted_only(folder: Folder, values: list[str], told: bool) -> None:
    (folder.path / "metrics" / "more.csv").write_text(day("dev-1", values), encoding="utf-8")
    assert list(folder.ingest()["files_mostly_refused"]) == ["metrics/more.csv"] * told


@pytest.mark.parametrize("folder", ["rows"], indirect=True)
def test_ordinary_reasons_are_no_fault_of_a_file_and_a_copy_with_a_wrong_row_is_a_copy(
    folder: Folder,
) -> None:
    text = day("dev-1", ["1"] * 39 + ["x"])
    others = day("nobody", ["1"] * 40).split("\n", 1)[1]  # Devices that are not looked at.
    nameless = day("", ["1"] * 40).split("\n", 1)[1]
    for name, rows in (("a", text), ("copy", text), ("others", day("dev-2", ["1"]) + others + nameless)):
        (folder.path / "metrics" / f"{name}.csv").write_text(rows, encoding="utf-8")
    done = folder.ingest()
    assert (done["files_refused"], done["files_mostly_refused"]) == ({}, {})
    counts = {"duplicate": 39, "not_a_number": 2, "unknown_device": 40, "missing_device": 40}
    assert done["report"]["metrics"]["rejected"] == counts


@pytest.mark.parametrize("folder", ["incidents"], indirect=True)
@pytest.mark.parametrize(("start", "told"), [("", False), ("soon", True)])
def test_tickets_without_a_start_are_ordinary_and_such_with_an_unreadable_one_are_not(
    folder: Folder, start: str, told: bool
) -> None:
    text = f"box,start,end\ndev-0,{AT},\n" + f"dev-1,{start},\n" * 30
    (folder.path / "labels" / "tickets.csv").write_text(text, encoding="utf-8")
    done = folder.ingest()
    assert done["report"]["labels"]["rejected"]["unparsable_start"] == 30
    assert list(done["files_mostly_refused"]) == ["labels/tickets.csv"] * told


@pytest.mark.parametrize("folder", ["alarm log"], indirect=True)
def test_words_of_an_alarm_log_that_say_nothing_are_ordinary(folder: Folder) -> None:
    text = f"box,at,state\ndev-0,{AT},raise\n" + f"dev-1,{AT},note\n" * 30
    (folder.path / "labels" / "log.csv").write_text(text, encoding="utf-8")
    done = folder.ingest()
    assert done["report"]["labels"]["rejected"] == {"bad_state": 30}
    assert done["files_mostly_refused"] == {}


def test_readings_of_long_layout_are_told_by_their_files(tmp_path: Path) -> None:
    content = {
        "name": "tall", "entity": ["device"], "time": "ts", "label": "is_error",
        "metrics": {"cpu": {}, "load": {}},
        "files": {"layout": "long", "metric": "metric", "value": "value"},
    }  # fmt: skip
    for name, value in (("a", "1"), ("b", "7 %")):
        at = 0 if name == "a" else 60
        lines = [
            f"r1,2024-01-01T{(at + minute) // 60:02}:{minute:02}:00Z,{metric},{value if minute else 1}"
            for minute in range(60)
            for metric in ("cpu", "load")
        ]
        (tmp_path / "metrics").mkdir(exist_ok=True)
        text = "\n".join(["device,ts,metric,value", *lines]) + "\n"
        (tmp_path / "metrics" / f"{name}.csv").write_text(text, encoding="utf-8")
    (tmp_path / "labels.csv").write_text("device,ts,is_error\nr1,2024-01-01T00:00:00Z,0\n", encoding="utf-8")
    (tmp_path / "static.csv").write_text("device\nr1\n", encoding="utf-8")
    _, report = read_telemetry(tmp_path, TelemetrySchema.from_dict(content))
    ((name, told),) = report.mostly_refused.items()
    assert name == "metrics/b.csv"
    row = f"cpu '7 %', device 'r1' in row 3 of {name}"
    assert told.startswith(f"98% of 60 rows (not_a_number: 59; such as {row}: has the unit '%'")


def test_a_mark_of_an_earlier_release_is_read_and_written_as_it_was() -> None:
    content = {"size": 1, "modified": 2, "rows": 50, "rejected": {"not_a_number": 49}, "devices": 1}
    mark = FileMark.from_dict(content)
    assert (mark.to_dict(), mark.misread) == (content, "")
    told = dataclasses.replace(mark, misread="98% of 50 rows")
    assert FileMark.from_dict(told.to_dict()) == told


@pytest.mark.parametrize("folder", ["rows"], indirect=True)
@pytest.mark.parametrize("name", ["a", "z"])
def test_a_copy_is_told_calmly_and_one_that_contradicts_loudly(folder: Folder, name: str) -> None:
    # Read before the file that it is a copy of, or after it: either says what the other does.
    given = pd.read_parquet(folder.path / "metrics" / "day.parquet")
    copy = folder.path / "metrics" / f"{name}.parquet"
    given.to_parquet(copy, index=False)
    done = folder.ingest()
    second = f"metrics/{max(name, 'day')}.parquet"
    assert f"  note: {second}: 10 rows, all in other files already, nothing is new" in done["report_lines"]
    assert (done["rows_new"], done["files_refused"], done["files_mostly_refused"]) == (10, {}, {})
    assert "warnings" not in done["report"]["metrics"]
    # The whole folder again, as a job does of which the files were copied anew.
    for path in (folder.path / "metrics").iterdir():
        path.write_bytes(path.read_bytes())
    again = folder.ingest()
    assert f"  note: {second}: 10 rows, all in other files already, nothing is new" in again["report_lines"]
    assert "metrics: 0 new rows, 10 in the history already, 10 in it now" in again["report_lines"]
    assert "warnings" not in again["report"]["metrics"]
    given.assign(cpu=7.0).to_parquet(copy, index=False)
    (warning, *_) = folder.ingest()["report"]["metrics"]["warnings"]
    assert "contradicting" in warning or "something else" in warning
