"""Metrics in words: a word stands for the same number in files of every layout and in live events."""

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
from feature_sets.telemetry.ingest_report import IngestReport
from feature_sets.telemetry.plain_events import PlainEvents
from feature_sets.telemetry.readers import Telemetry, read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.telemetry.schema_content import features_depend_alike, readings_are_of, rows_depend_on
from feature_sets.telemetry.unit_suspicion import gauges
from graphs.protocol.openapi import openapi_document

VALUES = {"Down": 0, "up": 1, "16QAM": 16}
CELLS = ["up", " DOWN ", "16qam", "0.5", "n/a", "unknown", "true", ""]
NUMBERS = [1.0, 0.0, 16.0, 0.5, math.nan, math.nan, 1.0, math.nan]


def schema(**more: Any) -> TelemetrySchema:
    state = {"values": VALUES, "unit": "QAM", "no_value": ["unknown"], **more.pop("state", {})}
    content = {"name": "lab", "entity": ["box"], "time": "at", "metrics": {"state": state, "load": None}}
    return TelemetrySchema.from_dict({**content, "label": "bad", **more})


def moments(count: int) -> list[str]:
    return [f"2024-05-01T12:{minute:02d}:00Z" for minute in range(count)]


def write(folder: Path, kind: str, cells: list[str]) -> None:
    """Readings of ``state`` with these cells, and of a load of 2."""
    times = moments(len(cells))
    (folder / "labels.csv").write_text("box,at,bad\na,2024-05-01T12:00:00Z,0\n", encoding="utf-8")
    if kind == "parquet":
        columns = {"box": ["a"] * len(cells), "at": pd.to_datetime(times, utc=True), "state": cells}
        pq.write_table(pa.table({**columns, "load": [2.0] * len(cells)}), folder / "metrics.parquet")
        return
    lines = {
        "wide": ["box,at,state,load", *(f"a,{at},{cell},2" for at, cell in zip(times, cells, strict=True))],
        "long": [
            "box,at,metric,value",
            *(f"a,{at},state,{cell}\na,{at},load,2" for at, cell in zip(times, cells, strict=True)),
        ],
        "json": [
            f'{{"box":"a","at":"{at}","state":"{cell}","load":2}}'
            for at, cell in zip(times, cells, strict=True)
        ],
    }[kind]
    name = "metrics.json" if kind == "json" else "metrics.csv"
    (folder / name).write_text("\n".join([*lines, ""]), encoding="utf-8")


def read(folder: Path, kind: str, cells: list[str]) -> tuple[Telemetry, IngestReport]:
    write(folder, kind, cells)
    return read_telemetry(folder, schema(files={"layout": "long"} if kind == "long" else {}))


@pytest.mark.parametrize("kind", ["wide", "long", "json", "parquet"])
def test_a_word_of_a_file_is_the_number_that_a_live_event_with_it_has(tmp_path: Path, kind: str) -> None:
    telemetry, report = read(tmp_path, kind, CELLS)
    np.testing.assert_array_equal(telemetry.metrics["state"], NUMBERS)
    assert telemetry.metrics["load"].tolist() == [2.0] * len(CELLS)
    assert not report.metrics.rejected
    bodies = [
        {"box": "a", "at": at, "state": cell, "load": 2}
        for at, cell in zip(moments(len(CELLS)), CELLS, strict=True)
    ]
    parser = EventParser(schema())
    np.testing.assert_array_equal([parser.telemetry(body).metrics["state"] for body in bodies], NUMBERS)
    # A list of them is read one by one: as columns they are no numbers.
    assert PlainEvents(schema(), parser).columns(bodies) is None


@pytest.mark.parametrize("kind", ["wide", "long"])
def test_another_word_leaves_out_its_row_alone_and_is_told_with_the_rule(tmp_path: Path, kind: str) -> None:
    telemetry, report = read(tmp_path, kind, ["up", "testing", "down"])
    assert telemetry.metrics["state"].tolist() == [1.0, 0.0]
    assert report.metrics.rejected == {"not_a_number": 1}
    sample = report.metrics.samples["not_a_number"]
    assert sample.startswith("state 'testing'")
    assert sample.endswith(": must be a number or among down, up, 16qam (values of the metric)")


def test_another_word_of_a_live_event_is_refused_with_the_rule() -> None:
    body = {"box": "a", "at": "2024-05-01T12:00:00Z", "state": "testing", "load": 1}
    with pytest.raises(EventError, match="state: must be a finite number, among down, up, 16qam or null, "):
        EventParser(schema()).telemetry(body)
    with pytest.raises(EventError, match="load: must be a finite number or null, got 'up'"):
        EventParser(schema()).telemetry({**body, "state": "up", "load": "up"})
    sent = openapi_document(schema())["components"]["schemas"]["Telemetry"]["properties"]["state"]
    assert sent["type"] == ["number", "string", "null"]
    assert sent["description"].endswith("down is 0, up is 1, 16qam is 16")


def test_words_are_kept_and_decide_of_which_readings_a_schema_is() -> None:
    plain, said = schema(state={"values": {}}), schema()
    assert said.to_dict()["metrics"]["state"]["values"] == {"down": 0, "up": 1, "16qam": 16}
    assert TelemetrySchema.from_dict(said.to_dict()) == said
    assert "values" not in plain.to_dict()["metrics"]["state"]
    for differ in (readings_are_of, rows_depend_on):
        assert differ(plain.to_dict()) != differ(said.to_dict())
    assert not features_depend_alike(plain.to_dict(), said.to_dict())
    assert gauges(said) == ("load",)  # Words are in no unit that a file could have mistaken.


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ({"values": ["up"]}, r"state\.values': must be a mapping of words to numbers"),
        ({"values": {True: 1}}, r"state\.values': must have words \(such as on and off in quotes\)"),
        ({"values": {3: 1}}, "must have words"),
        ({"values": {"": 1}}, "must have words"),
        ({"values": {"x" * 81: 1}}, "must have words of at most 80 characters"),
        ({"values": {"True": 0}}, r"values\.True': must be absent, as this text is always the number 1"),
        ({"values": {"1.50": 0}}, "as this text is always the number 1.5"),
        ({"values": {"N/A": 0}}, r"values\.N/A': must be absent, as this word means no value"),
        ({"values": {"up": True}}, r"values\.up': must be a finite number, got True"),
        ({"values": {"up": "one"}}, "must be a finite number"),
        ({"values": {"up": math.inf}}, "must be a finite number"),
        ({"values": {"up": 1, "UP": 0}}, "must be there once, in capitals or not"),
        ({"range": [0, 10]}, r"values\.16qam': must be in the range, 0 to 10, got 16"),
        ({"no_value": ["Up"]}, r"values\.up': must be absent, as no_value says that this word is none"),
        ({"no_value": [16]}, r"values\.16qam': must be another number, as no_value says that this is none"),
        ({"kind": "counter"}, r"state\.values': must be of a metric of kind gauge"),
    ],
)
def test_words_that_cannot_be_are_refused(state: dict[str, Any], told: str) -> None:
    with pytest.raises(SchemaError, match=told):
        schema(state=state)


def test_a_word_that_means_no_value_of_any_metric_is_no_word_of_one() -> None:
    with pytest.raises(SchemaError, match=r"state\.values\.down': must be absent, as no_value"):
        schema(no_value=["DOWN"])
