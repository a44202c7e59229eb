"""Words and numbers of a schema that mean no value: the same in files of every layout and in live events."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feature_sets.telemetry.errors import SchemaError
from feature_sets.telemetry.events import EventError, EventParser
from feature_sets.telemetry.incident_parser import IncidentParser
from feature_sets.telemetry.plain_events import PlainEvents
from feature_sets.telemetry.readers import Telemetry, read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.telemetry.schema_content import features_depend_alike, readings_are_of

PLAIN: dict[str, Any] = {
    "name": "lab",
    "entity": ["box"],
    "time": "at",
    "metrics": {"load": None, "octets": {"kind": "counter"}},
    "label": "bad",
}
WORDS = ["unknown", "No Data", -9999, "65535"]
CELLS = ["1", "unknown", " NO DATA ", "-9999", "-9999.0", "65535", "n/a", "2"]


def schema(**more: Any) -> TelemetrySchema:
    return TelemetrySchema.from_dict({**PLAIN, **more})


def of_metrics(**content: Any) -> TelemetrySchema:
    """A schema that says of each metric by itself what means no value."""
    kinds = {name: {**(PLAIN["metrics"][name] or {}), **given} for name, given in content.items()}
    return schema(metrics={**PLAIN["metrics"], **kinds})


def moments(count: int) -> list[str]:
    return [f"2024-05-01T12:{minute:02d}:00Z" for minute in range(count)]


def wide(cells: list[str]) -> dict[str, str]:
    lines = [f"a,{at},{cell},{cell}" for at, cell in zip(moments(len(cells)), cells, strict=True)]
    return {"metrics.csv": "\n".join(["box,at,load,octets", *lines, ""])}


def long(cells: list[str]) -> dict[str, str]:
    lines = [
        f"a,{at},{name},{cell}"
        for at, cell in zip(moments(len(cells)), cells, strict=True)
        for name in ("load", "octets")
    ]
    return {"metrics.csv": "\n".join(["box,at,metric,value", *lines, ""])}


def read(folder: Path, files: dict[str, str], form: TelemetrySchema) -> tuple[Telemetry, Any]:
    labels = {"labels.csv": "box,at,bad\na,2024-05-01T12:00:00Z,0\n"}
    for name, text in (labels | files).items():
        (folder / name).write_text(text, encoding="utf-8")
    return read_telemetry(folder, form)


def values(telemetry: Telemetry, column: str) -> list[float | None]:
    return [None if pd.isna(value) else float(value) for value in telemetry.metrics[column]]


@pytest.mark.parametrize("layout", ["wide", "long"])
@pytest.mark.parametrize("of_all", [True, False])
def test_words_and_numbers_that_mean_no_value_are_no_readings(
    tmp_path: Path, layout: str, of_all: bool
) -> None:
    said = {"no_value": WORDS}
    form = schema(**said) if of_all else of_metrics(load=said, octets=said)
    form = TelemetrySchema.from_dict({**form.to_dict(), "files": {"layout": layout}})
    telemetry, report = read(tmp_path, (wide if layout == "wide" else long)(CELLS), form)
    expected = [1.0, None, None, None, None, None, None, 2.0]
    assert values(telemetry, "load") == values(telemetry, "octets_counter") == expected
    assert not report.metrics.rejected
    assert report.metrics.values["missing_values"]["load"] == 6


@pytest.mark.parametrize("layout", ["wide", "long"])
def test_what_means_no_value_of_one_metric_is_a_value_of_another(tmp_path: Path, layout: str) -> None:
    form = of_metrics(octets={"no_value": [65535]})
    form = TelemetrySchema.from_dict({**form.to_dict(), "files": {"layout": layout}})
    telemetry, _ = read(tmp_path, (wide if layout == "wide" else long)(["65535", "7"]), form)
    assert values(telemetry, "load") == [65535.0, 7.0]
    assert values(telemetry, "octets_counter") == [None, 7.0]


def test_a_word_that_nobody_named_still_rejects_its_row(tmp_path: Path) -> None:
    telemetry, report = read(tmp_path, wide(["1", "unknown", "idle"]), schema(no_value=["unknown"]))
    assert values(telemetry, "load") == [1.0, None]
    assert report.metrics.rejected == {"not_a_number": 1}
    assert report.metrics.samples["not_a_number"].startswith("load 'idle' in row 3 of metrics.csv")


def test_numbers_of_parquet_are_looked_at_and_large_ones_are_exact(tmp_path: Path) -> None:
    table = pa.table(
        {
            "box": ["a"] * 3,
            "at": pd.to_datetime(moments(3), utc=True),
            "load": pa.array([-9999.0, 1.0, np.nan]),
            "octets": pa.array([2**64 - 1, 2**64 - 2, 5], pa.uint64()),
        }
    )
    pq.write_table(table, tmp_path / "metrics.parquet")
    telemetry, _ = read(tmp_path, {}, schema(no_value=[-9999, 2**64 - 1]))
    assert values(telemetry, "load") == [None, 1.0, None]
    assert telemetry.metrics["octets_counter"].tolist() == [pd.NA, 2**64 - 2, 5]


def test_the_uptime_and_the_end_of_an_incident_have_the_words_of_all_metrics(tmp_path: Path) -> None:
    form = schema(
        uptime="up", no_value=["unknown", -1], labels={"form": "incidents"}, static=[], label="is_error"
    )
    rows = "box,at,load,octets,up\na,2024-05-01T12:00:00Z,1,1,-1\na,2024-05-01T12:01:00Z,1,1,Unknown\n"
    incidents = "device,start,end\na,2024-05-01T12:00:00Z,Unknown\n"
    telemetry, report = read_telemetry(_folder(tmp_path, rows, incidents), form)
    assert telemetry.metrics["up_us"].isna().all() and len(telemetry.metrics) == 2
    assert not report.labels.rejected and not report.metrics.rejected
    assert telemetry.incidents is not None and telemetry.incidents.frame["end"].isna().all()
    body = {"device": "a", "start": "2024-05-01T12:00:00Z"}
    parser = IncidentParser(form, EventParser(form))
    parsed = [parser.incident({**body, "end": end}) for end in (" Unknown", None)]
    assert parsed[0] == parsed[1]


def _folder(folder: Path, rows: str, incidents: str) -> Path:
    (folder / "metrics.csv").write_text(rows, encoding="utf-8")
    (folder / "incidents.csv").write_text(incidents, encoding="utf-8")
    return folder


@pytest.mark.parametrize("cell", [*CELLS[1:-1], -9999, 65535.0, None])
def test_a_live_event_says_no_value_as_a_file_does(cell: Any) -> None:
    body = {"device": "a", "at": "2024-05-01T12:00:00Z", "load": cell, "octets": cell}
    event = EventParser(schema(no_value=WORDS)).telemetry(body)
    assert all(math.isnan(value) for value in event.metrics.values())
    if cell not in ("n/a", None):
        with pytest.raises(EventError):
            EventParser(schema()).telemetry({**body, "load": 1, "octets": "idle"})


def test_a_value_outside_of_the_range_that_means_none_is_not_told_as_outside() -> None:
    form = schema(metrics={"load": {"range": [0, 100], "no_value": [-1]}})
    body = {"device": "a", "at": "2024-05-01T12:00:00Z"}
    assert EventParser(form).telemetry({**body, "load": -1}).out_of_range == ()
    assert EventParser(form).telemetry({**body, "load": -2}).out_of_range == ("load",)


def test_a_list_of_plain_events_is_read_one_by_one_where_a_number_means_none() -> None:
    form = schema(metrics={"load": {"no_value": [-1]}})
    body = {"device": "a", "at": "2024-05-01T12:00:00Z"}
    plain = PlainEvents(form, EventParser(form))
    assert plain.columns([{**body, "load": float(value)} for value in range(9)]) is not None
    assert plain.columns([{**body, "load": float(value)} for value in range(-1, 9)]) is None
    (first, *_) = plain.read([{**body, "load": value} for value in (-1, *range(20))])
    assert first is None


@pytest.mark.parametrize(
    "given", ["unknown", [True], [None], [math.inf], [math.nan], [10**30], [[1]], {"load": 1}, 5]
)
def test_what_is_no_list_of_words_and_numbers_is_refused(given: Any) -> None:
    with pytest.raises(SchemaError, match=r"'no_value': must be a list of words and finite numbers"):
        schema(no_value=given)
    with pytest.raises(SchemaError, match=r"'metrics.load.no_value': must be a list of words"):
        of_metrics(load={"no_value": given})


def test_a_truth_value_of_a_counter_is_refused_also_where_1_means_none() -> None:
    form = schema(no_value=[1])
    assert [metric.name for metric in form.counter_metrics] == ["octets"]
    body = {"box": "a", "at": "2024-05-01T12:00:00Z", "load": 2.0}
    assert math.isnan(EventParser(form).telemetry({**body, "octets": 1}).metrics["octets_counter"])
    with pytest.raises(EventError, match=r"octets: must be a whole number .* got True"):
        EventParser(form).telemetry({**body, "octets": True})


def test_a_number_that_means_none_is_known_in_files_of_32_bits(tmp_path: Path) -> None:
    form = of_metrics(load={"no_value": [-9999.9]}, octets={"no_value": [2**32 - 1]})
    loads = pa.array(np.array([1.5, -9999.9, -9999.5], dtype=np.float32))
    times = pa.array(pd.to_datetime(moments(3), utc=True))
    table = {"box": ["a"] * 3, "at": times, "load": loads, "octets": [1, 2**32 - 1, 2**32]}
    pq.write_table(pa.table(table), tmp_path / "metrics.parquet")
    telemetry, _ = read(tmp_path, {}, form)
    np.testing.assert_array_equal(telemetry.metrics["load"], [1.5, np.nan, -9999.5])
    assert telemetry.metrics["octets_counter"].tolist() == [1, pd.NA, 2**32]
    body = {"box": "a", "at": "2024-05-01T12:00:00Z", "load": float(np.float32(-9999.9)), "octets": 1}
    assert math.isnan(EventParser(form).telemetry(body).metrics["load"])


def test_it_is_kept_and_decides_of_which_readings_a_schema_is() -> None:
    plain, said = schema(), schema(no_value=["Unknown", "-1"])
    assert said.to_dict()["no_value"] == ["unknown", -1]
    assert TelemetrySchema.from_dict(said.to_dict()) == said
    assert "no_value" not in plain.to_dict() and "no_value" not in readings_are_of(plain.to_dict())
    assert readings_are_of(plain.to_dict()) != readings_are_of(said.to_dict())
    assert not features_depend_alike(plain.to_dict(), said.to_dict())
    of_one = of_metrics(load={"no_value": [-1]})
    assert TelemetrySchema.from_dict(of_one.to_dict()) == of_one
    assert not features_depend_alike(plain.to_dict(), of_one.to_dict())


def test_of_a_long_layout_the_value_that_is_no_number_is_shown_with_its_row_and_file(tmp_path: Path) -> None:
    (tmp_path / "metrics").mkdir()
    lines = ["box,at,metric,value", "a,2024-05-01T12:00:00Z,load,1", "b,2024-05-01T12:00:00Z,octets,-5"]
    (tmp_path / "metrics" / "0.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    lines[1:] = ["c,2024-05-01T12:00:00Z,load,1", "c,2024-05-01T11:00:00Z,load,idle"]
    (tmp_path / "metrics" / "1.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    form = TelemetrySchema.from_dict({**schema().to_dict(), "files": {"layout": "long"}})
    telemetry, report = read(tmp_path, {}, form)
    assert report.metrics.rejected == {"not_a_number": 1, "not_a_counter": 1}
    assert report.metrics.samples == {
        "not_a_number": "load 'idle', device 'c' in row 2 of metrics/1.csv",
        "not_a_counter": "octets '-5', device 'b' in row 2 of metrics/0.csv",
    }
    assert len(telemetry.metrics) == 2
