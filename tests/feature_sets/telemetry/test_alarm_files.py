"""Files of alarm logs: which rows are taken, which are left out, and what is told of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from feature_sets.telemetry.errors import TelemetryError
from feature_sets.telemetry.incident_rows import END, ID, START, at, said
from feature_sets.telemetry.incidents_that_count import incidents_that_count
from feature_sets.telemetry.ingest_report import IngestReport
from feature_sets.telemetry.readers import KnownTelemetry, Telemetry, read_telemetry
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema

BEGIN = pd.Timestamp("2026-01-01T00:00:00Z")
CONTENT: dict[str, Any] = {
    "name": "site",
    "entity": ["device"],
    "time": "time",
    "metrics": {"cpu": {}},
    "label": "is_error",
}


def schema(log: dict[str, Any] | None = None, **labels: Any) -> TelemetrySchema:
    more = {name: labels.pop(name) for name in ("exclude_labels", "static") if name in labels}
    return TelemetrySchema.from_dict(
        {**CONTENT, **more, "labels": {"form": "incidents", "alarm_log": log or {}, **labels}}
    )


def read(
    folder: Path, files: dict[str, str], of: TelemetrySchema, **kwargs: Any
) -> tuple[Telemetry, IngestReport]:
    """Readings of two devices, a minute each, and files of alarms.

    :param files: name -> lines of CSV; ``MM:SS`` at the begin of a line is a time.
    """
    times = [(BEGIN + pd.Timedelta(minutes=minute)).isoformat() for minute in range(10)]
    lines = [f"{time},{device},1" for time in times for device in ("r1", "r2")]
    (folder / "metrics.csv").write_text("\n".join(["time,device,cpu", *lines]))
    (folder / "incidents").mkdir(exist_ok=True)
    for name, text in files.items():
        header, *rows = text.split()
        rows = [f"2026-01-01T00:{row[:5]}Z{row[5:]}" for row in rows]
        (folder / "incidents" / name).write_text("\n".join([header, *rows]))
    return read_telemetry(folder, of, **kwargs)


def spans(rows: Telemetry) -> list[tuple[str, float, float | None]]:
    """Device, start and end in minutes."""
    assert rows.incidents is not None
    minute = pd.Timedelta("1min")
    return sorted(
        (device, (start - BEGIN) / minute, None if pd.isna(end) else (end - BEGIN) / minute)
        for device, start, end in rows.incidents.frame[[at(DEVICE), START, END]].itertuples(index=False)
    )


SEVERE = (
    "time,device,state,severity 01:00,r1,raise,Minor 02:00,r1,clear,minor 03:00,r1,raise,MAJOR "
    "04:00,r1,clear,minor 05:00,r1,clear,cleared 06:00,r2,raise,major 07:00,r2,clear, 08:00,r2,raise,"
)


def test_of_a_log_only_rows_with_some_values_count_and_a_clear_may_have_none(tmp_path: Path) -> None:
    rows, report = read(tmp_path, {"a.csv": SEVERE}, schema(kind="severity", only={"severity": ["major"]}))
    assert spans(rows) == [("r1", 3, 5), ("r2", 6, 7)]
    assert report.labels.values == {"not_in_only": {"severity": 4}}
    assert not report.labels.rejected and not report.labels.warnings
    (note,) = (note for note in report.labels.notes if "labels.only" in note)
    assert note.startswith(
        "2 rows clear nothing, as labels.only leaves out what they are about, such as severity"
    )
    assert "'minor' in row 2 of incidents/a.csv" in note and "labels.alarm_log.alarm" in note


def test_an_alarm_is_cleared_with_another_severity_where_columns_tell_alarms_apart(tmp_path: Path) -> None:
    text = (
        "time,device,kind,severity,state 01:00,r1,link,major,raise 02:00,r1,link,critical,raise "
        "03:00,r1,link,critical,clear 04:00,r1,heat,major,raise 05:00,r1,link,major,clear"
    )
    of = schema({"alarm": ["kind"]}, only={"severity": ["major"]})
    rows, report = read(tmp_path, {"a.csv": text}, of)
    assert spans(rows) == [("r1", 1, 3), ("r1", 4, None)]
    assert report.labels.values == {"not_in_only": {"severity": 1}, "clear_without_raise": {"state": 1}}
    # Of another kind it is another alarm.
    of = schema({"alarm": ["kind"]}, only={"kind": ["heat"], "severity": ["major"]})
    rows, _ = read(tmp_path, {"a.csv": text}, of)
    assert spans(rows) == [("r1", 4, None)]


def test_of_rows_of_one_id_the_last_one_says_whether_it_is_an_incident(tmp_path: Path) -> None:
    of = TelemetrySchema.from_dict({**CONTENT, "labels": {"form": "incidents", "only": {"prio": 1}}})
    begin = "2026-01-01T00:0"
    (tmp_path / "metrics.csv").write_text(f"time,device,cpu\n{begin}0:00Z,r1,1\n")
    (tmp_path / "incidents").mkdir()
    header = "id,start,end,device,prio\n"
    opened = f"A,{begin}1:00Z,,r1,1\nB,{begin}2:00Z,,r1,2\n"
    later = f"A,{begin}1:00Z,{begin}5:00Z,r1,2\nB,{begin}2:00Z,{begin}6:00Z,r1,1\n,{begin}7:00Z,,r1,2\n"
    for files in ({"a": opened + later}, {"a": opened, "b": later}):
        for name, rows in files.items():
            (tmp_path / "incidents" / f"{name}.csv").write_text(header + rows)
        told, report = read_telemetry(tmp_path, of)
        assert told.incidents is not None
        found = incidents_that_count(told.incidents.frame, of)
        assert found[[ID, START, END]].astype(str).to_numpy().tolist() == [
            ["B", "2026-01-01 00:02:00+00:00", "2026-01-01 00:06:00+00:00"]
        ]
        assert report.labels.values == {"not_in_only": {"prio": 3}}


def test_of_intervals_only_rows_with_some_values_count_and_values_of_none_are_told(tmp_path: Path) -> None:
    of = TelemetrySchema.from_dict(
        {
            **CONTENT,
            "labels": {"form": "incidents", "only": {"type": ["Outage", "typo"], "prio": 1}},
        }
    )
    begin = "2026-01-01T00:0"
    cells = [("1", "outage", "1"), ("2", "outage", "2"), ("3", "license", "1"), ("4", "", "1")]
    text = "".join(f"{begin}{at}:00Z,{begin}9:00Z,r1,{kind},{prio}\n" for at, kind, prio in cells)
    (tmp_path / "incidents.csv").write_text(f"start,end,device,type,prio\n{text}")
    (tmp_path / "metrics.csv").write_text(f"time,device,cpu\n{begin}0:00Z,r1,1\n")
    rows, report = read_telemetry(tmp_path, of)
    assert spans(rows) == [("r1", 1, 9)]
    assert report.labels.values == {"not_in_only": {"type, prio": 3}}
    assert report.labels.warnings == [
        "no row has 'typo' in 'type', which labels.only names; there are 'outage', 'license'"
    ]
    assert of.to_dict()["labels"]["only"] == {"type": ["Outage", "typo"], "prio": ["1"]}
    assert TelemetrySchema.from_dict(of.to_dict()) == of


@pytest.mark.parametrize(
    ("labels", "named"),
    [
        ({"only": ["major"]}, "labels.only': must be a mapping: column -> values"),
        ({"only": {"severity": []}}, "labels.only.severity': must have at least one value"),
        ({"only": {"start": ["major"]}}, "labels.only': must not be a column of times"),
        (
            {"form": "rows", "only": {"severity": ["major"]}},
            "labels.only': must be absent unless the form is",
        ),
    ],
)
def test_values_that_count_are_checked(labels: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        TelemetrySchema.from_dict({**CONTENT, "labels": {"form": "incidents", **labels}})


def test_a_column_of_values_that_count_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(TelemetryError, match="column 'grade': is required"):
        read(tmp_path, {"a.csv": SEVERE}, schema(only={"grade": ["major"]}))


def test_a_log_in_any_order_in_two_files_comes_to_incidents(tmp_path: Path) -> None:
    files = {
        "a.csv": "time,device,state 04:00,r1,clear 01:00,r1,raise 06:00,r1,RAISED",
        "b.csv": "time,device,state 02:00,r1,raise 03:00,r2,1 05:00,r2,0 09:00,r2,cleared",
    }
    rows, report = read(tmp_path, files, schema())
    assert spans(rows) == [("r1", 1, 4), ("r1", 6, None), ("r2", 3, 5)]
    assert report.labels.rows_accepted == 7 and not report.labels.rejected
    assert report.labels.values == {"raise_repeated": {"state": 1}, "clear_without_raise": {"state": 1}}
    assert report.labels.samples["clear_without_raise"] == "state 'cleared' in row 4 of incidents/b.csv"
    assert "alarm log: 4 rows raise an alarm, 3 rows clear one" in report.labels.notes
    assert "3 incidents, 1 of them without an end" in report.labels.notes
    assert not report.labels.warnings


def test_an_acknowledgement_is_counted_and_leaves_the_alarm_as_it_is(tmp_path: Path) -> None:
    files = {"a.csv": "time,device,state 01:00,r1,raise 02:00,r1,ACK 03:00,r1,Acknowledged 04:00,r1,clear"}
    rows, report = read(tmp_path, files, schema())
    assert spans(rows) == [("r1", 1, 4)]
    assert not report.labels.rejected and report.labels.values == {"acknowledged": {"state": 2}}
    assert "alarm log: 1 row raises an alarm, 1 row clears one" in report.labels.notes
    rows, report = read(tmp_path, files, schema({"cleared": ["ack", "clear"]}))
    assert spans(rows) == [("r1", 1, 2)] and report.labels.values["acknowledged"] == {"state": 1}


def test_columns_and_words_are_those_of_the_schema(tmp_path: Path) -> None:
    log = {"state": "severity", "time": "raised_at", "alarm": ["alarm_id", "port"], "raised": ["P1"]}
    files = {
        "a.csv": "raised_at,device,alarm_id,port,severity "
        "01:00,r1,7,ge0,P1 02:00,r1,7,ge1,p1 03:00,r1,7,ge0,ok 04:00,r1,8,ge0,major 05:00,r1,7,ge1,cleared"
    }
    rows, report = read(tmp_path, files, schema(log, kind="alarm_id"))
    assert spans(rows) == [("r1", 1, 3), ("r1", 2, 5)]
    assert rows.incidents is not None and rows.incidents.frame[said("alarm_id")].tolist() == ["7", "7"]
    assert report.labels.rejected == {"bad_state": 1}


@pytest.mark.parametrize(
    ("row", "reason", "sample"),
    [
        (
            "02:00,r1,NOTE",
            "bad_state",
            "state 'NOTE' in row 3 of incidents/a.csv: must raise or clear, by the words of "
            "labels.alarm_log.raised and labels.alarm_log.cleared",
        ),
        ("02:00,r1,", "bad_state", "state '' in row 3 of incidents/a.csv: must raise"),
        (
            "02:99,r1,raise",
            "unparsable_time",
            "time '2026-01-01T00:02:99Z' in row 3 of incidents/a.csv: must",
        ),
        ("02:00,,raise", "missing_device", ""),
    ],
)
def test_a_row_that_says_nothing_is_told_with_its_place_the_rule_and_what_came(
    tmp_path: Path, row: str, reason: str, sample: str
) -> None:
    rows, report = read(
        tmp_path, {"a.csv": f"time,device,state 01:00,r1,raise 03:00,r1,clear {row}"}, schema()
    )
    assert spans(rows) == [("r1", 1, 3)]
    assert report.labels.rejected == {reason: 1}
    assert report.labels.samples.get(reason, "").startswith(sample)


def test_a_log_without_a_usable_row_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(
        TelemetryError, match=r"at least one usable row; rejected {'bad_state': 2}.*'NOTE' in row 1"
    ):
        read(tmp_path, {"a.csv": "time,device,state 01:00,r1,NOTE 02:00,r1,NOTE"}, schema())


@pytest.mark.parametrize(
    ("log", "column"),
    [({"state": "status"}, "status"), ({"alarm": ["port"]}, "port"), ({"time": "at"}, "at")],
)
def test_a_missing_column_is_an_error_that_names_it(tmp_path: Path, log: dict[str, Any], column: str) -> None:
    with pytest.raises(TelemetryError, match=rf"incidents/a.csv, column '{column}': is required"):
        read(tmp_path, {"a.csv": "time,device,state 01:00,r1,raise"}, schema(log))


@pytest.mark.parametrize(("word", "field"), [("raise", "cleared"), ("clear", "raised")])
def test_a_log_with_one_kind_of_rows_is_most_likely_a_mistake(tmp_path: Path, word: str, field: str) -> None:
    _, report = read(tmp_path, {"a.csv": f"time,device,state 01:00,r1,{word} 02:00,r2,{word}"}, schema())
    (warning,) = report.labels.warnings
    assert f"labels.alarm_log.{field}" in warning


def test_a_part_of_a_history_says_that_a_clear_may_close_what_came_before(tmp_path: Path) -> None:
    known = KnownTelemetry({}, ["r1", "r2"], pd.DataFrame({DEVICE: ["r1", "r2"], "valid_from": pd.NaT}))
    rows, report = read(tmp_path, {"a.csv": "time,device,state 01:00,r1,clear"}, schema(), known=known)
    assert spans(rows) == [] and not report.labels.values and not report.labels.warnings
    assert any(
        note.startswith("1 row clears what these files do not raise, such as state 'clear' in row 1")
        for note in report.labels.notes
    )


def test_rows_from_the_future_wait_for_their_time(tmp_path: Path) -> None:
    files = {"a.csv": "time,device,state 01:00,r1,raise 08:00,r1,clear"}
    now = (BEGIN + pd.Timedelta(minutes=5)).timestamp()
    rows, report = read(tmp_path, files, schema(), clock=lambda: now)
    assert spans(rows) == [("r1", 1, None)]
    assert report.labels.rejected == {"from_future": 1}
    assert report.labels.marks["incidents/a.csv"].due > now


def test_devices_may_be_named_by_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "static.csv").write_text("device,role\nr1,edge\nr2,core")
    files = {"a.csv": "time,role,state 01:00,edge,raise 02:00,core,raise 03:00,edge,clear 04:00,,raise"}
    rows, report = read(tmp_path, files, schema(scope=["role"], static=["role"]))
    assert rows.incidents is not None
    assert rows.incidents.frame[at("role")].tolist() == ["edge", "core"]
    assert report.labels.rejected == {"missing_scope": 1}


def test_the_id_and_the_end_of_other_tables_mean_nothing_in_a_log(tmp_path: Path) -> None:
    files = {"a.csv": "time,device,state,id,end 01:00,r1,raise,1,x 02:00,r1,clear,2,y"}
    rows, report = read(tmp_path, files, schema())
    assert spans(rows) == [("r1", 1, 2)]
    assert "not used by the schema: id, end" in report.labels.notes


def test_the_example_of_the_documentation_is_two_incidents(tmp_path: Path) -> None:
    section = (Path(__file__).parents[3] / "docs" / "telemetry.md").read_text().split("### Alarm logs")[1]
    text, labels = (section.split(f"```{kind}\n")[1].split("```")[0] for kind in ("text", "yaml"))
    of = TelemetrySchema.from_dict({**CONTENT, **yaml.safe_load(labels)})
    (tmp_path / "metrics.csv").write_text("time,device,cpu\n2026-11-20T08:00:00Z,r1,1")
    (tmp_path / "incidents.csv").write_text(text)
    rows, _ = read_telemetry(tmp_path, of)
    assert rows.incidents is not None
    found = rows.incidents.frame.sort_values(START, ignore_index=True)
    assert [start.strftime("%H:%M") for start in found[START]] == ["08:00", "08:05"]
    assert found[END].isna().tolist() == [False, True]
    assert found[said("alarm_type")].tolist() == ["LINK_DOWN", "HIGH_TEMP"]
    assert f"`{found[ID][0]}`" in section


def test_ids_that_a_file_writes_as_floats_are_those_of_the_others(tmp_path: Path) -> None:
    files = {
        "a.csv": "time,device,alarm_id,state 01:00,r1,7,2 02:00,r1,8,2 02:30,r1,007,2",
        "b.csv": "time,device,alarm_id,state 03:00,r1,7.0,3.0 04:00,r2,,2.0 05:00,r1,8.00,3.0 06:00,r2,,3.0",
    }
    log = {"alarm": ["alarm_id"], "raised": [2], "cleared": [3]}
    rows, report = read(tmp_path, files, schema(log))
    assert spans(rows) == [("r1", 1, 3), ("r1", 2, 5), ("r1", 2.5, None), ("r2", 4, 6)]
    assert not report.labels.rejected


def test_ids_of_tickets_that_a_file_writes_as_floats_are_those_of_the_others(tmp_path: Path) -> None:
    files = {
        "a.csv": "start,device,end,id 01:00,r1,,7",
        "b.csv": "start,device,end,id 01:00,r1,2026-01-01T00:03:00Z,7.0 04:00,r2,2026-01-01T00:05:00Z,",
    }
    of = TelemetrySchema.from_dict({**CONTENT, "labels": {"form": "incidents"}})
    rows, _ = read(tmp_path, files, of)
    assert rows.incidents is not None and rows.incidents.frame[ID].tolist() == ["7", "7", None]
    counted = incidents_that_count(rows.incidents.frame, of)
    assert counted[END].notna().all() and len(counted) == 2
