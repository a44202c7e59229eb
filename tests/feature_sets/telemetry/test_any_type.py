"""One table in every form that can hold it: files of every kind and type, in parts, and live events."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.telemetry.events import EventParser
from feature_sets.telemetry.frames import Telemetry
from feature_sets.telemetry.ingest_report import IngestReport
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.windows.arrival_order import windows_as_known
from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.online import OnlineWindows

SCHEMA = TelemetrySchema.from_dict(
    {
        "name": "any",
        "entity": ["box"],
        "time": "at",
        "metrics": {"load": {}, "steps": {}},
        "label": "bad",
        "static": ["role"],
        "exclude_labels": {"planned": True},
        "population": {"live": "yes"},
    }
)

START = 1_714_564_800_123_456
"""Microseconds of the first reading."""

LAST_KEY = 2**53 + 1

ROWS: list[dict[str, Any]] = [
    {
        "box": LAST_KEY - place % 3,
        "at": START + place // 3 * 10_000_001,
        "load": load,
        "steps": place,
        "bad": place % 2,
    }
    for place, load in enumerate([0.1, 1e-300, 123456.789, -0.5, 3.0, None, 7.25, 1 / 3, 2.0**60])
]

Array = Callable[[list[Any]], pa.Array]


def typed(kind: pa.DataType, convert: Callable[[Any], Any] = lambda value: value) -> Array:
    return lambda values: pa.array([None if v is None else convert(v) for v in values], type=kind)


def moment(micros: int) -> datetime:
    return pd.Timestamp(micros, unit="us", tz="UTC").to_pydatetime()


KEYS: dict[str, Array] = {
    "int64": typed(pa.int64()),
    "uint64": typed(pa.uint64()),
    "string": typed(pa.string(), str),
    "large_string": typed(pa.large_string(), str),
    "string_view": typed(pa.string_view(), str),
    "binary": typed(pa.binary(), lambda value: str(value).encode()),
    "dictionary": lambda values: pa.array([str(value) for value in values]).dictionary_encode(),
    "decimal": typed(pa.decimal128(20, 0), Decimal),
}
TIMES: dict[str, Array] = {
    "us": typed(pa.timestamp("us", "UTC")),
    "ns in Oslo": typed(pa.timestamp("ns", "Europe/Oslo"), lambda micros: micros * 1000),
    "epoch us": typed(pa.int64()),
    "epoch ns": typed(pa.int64(), lambda micros: micros * 1000),
    "epoch us unsigned": typed(pa.uint64()),
    "epoch us decimal": typed(pa.decimal128(20, 0), Decimal),
    "epoch seconds": typed(pa.float64(), lambda micros: micros / 1e6),
    "epoch seconds decimal": typed(pa.decimal128(20, 6), lambda micros: Decimal(micros) / 1_000_000),
    "text": typed(pa.string(), lambda micros: moment(micros).isoformat()),
    "text of another form": typed(
        pa.string(), lambda micros: moment(micros).strftime("%Y%m%dT%H%M%S,%f UTC")
    ),
    "text of numbers": typed(pa.string(), str),
    "dictionary": lambda values: pa.array([moment(v).isoformat() for v in values]).dictionary_encode(),
    "binary": typed(pa.binary(), lambda micros: moment(micros).isoformat().encode()),
}
LOADS: dict[str, Array] = {
    "double": typed(pa.float64()),
    "string": typed(pa.string(), repr),
    "large_string": typed(pa.large_string(), repr),
    "binary": typed(pa.binary(), lambda value: repr(value).encode()),
    "dictionary": lambda values: pa.array(
        [None if v is None else repr(v) for v in values], pa.string()
    ).dictionary_encode(),
}
STEPS: dict[str, Array] = {
    **{str(kind): typed(kind) for kind in (pa.int8(), pa.int16(), pa.uint32(), pa.uint64(), pa.float32())},
    "half": typed(pa.float16(), np.float16),
    "decimal": typed(pa.decimal128(6, 2), Decimal),
    "decimal256": typed(pa.decimal256(40, 3), Decimal),
    "string": typed(pa.string(), str),
}
LABELS: dict[str, Array] = {
    **{str(kind): typed(kind) for kind in (pa.int8(), pa.int64(), pa.uint8(), pa.float64())},
    "bool": typed(pa.bool_(), bool),
    "decimal": typed(pa.decimal128(3, 1), Decimal),
    "words": typed(pa.string(), lambda value: ("No", "yes")[value]),
    "binary": typed(pa.binary(), lambda value: b"01"[value : value + 1]),
    "dictionary": lambda values: pa.array([str(value) for value in values]).dictionary_encode(),
}
CHOICE = st.fixed_dictionaries(
    {
        "box": st.sampled_from(sorted(KEYS)),
        "at": st.sampled_from(sorted(TIMES)),
        "load": st.sampled_from(sorted(LOADS)),
        "steps": st.sampled_from(sorted(STEPS)),
        "bad": st.sampled_from(sorted(LABELS)),
    }
)
TYPES = {"box": KEYS, "at": TIMES, "load": LOADS, "steps": STEPS, "bad": LABELS}
TABLES = {"metrics": ("box", "at", "load", "steps"), "labels": ("box", "at", "bad", "planned")}


def column(name: str, rows: list[dict[str, Any]], choice: dict[str, str]) -> pa.Array:
    if name == "planned":
        return pa.array([(None, "yes")[row["bad"]] for row in rows], pa.string())
    return TYPES[name][choice[name]]([row[name] for row in rows])


def save(path: Path, table: pa.Table, suffix: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if suffix == "parquet":
        pq.write_table(table, path.with_name(f"{path.name}.parquet"))
        return
    if "json" in suffix:
        rows = [{name: _json_cell(cell) for name, cell in row.items()} for row in table.to_pylist()]
        lines = "".join(f"{json.dumps(row)}\n" for row in rows) if "jsonl" in suffix else json.dumps(rows)
        packed = gzip.compress(lines.encode()) if suffix.endswith("gz") else lines.encode()
        path.with_name(f"{path.name}.{suffix}").write_bytes(packed)
        return
    frame = pd.DataFrame(
        {name: [_csv_cell(cell) for cell in table[name].to_pylist()] for name in table.column_names}
    )
    frame.to_csv(path.with_name(f"{path.name}.{suffix}"), index=False)


def _csv_cell(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bytes):
        return cell.decode()
    return cell.isoformat() if isinstance(cell, datetime) else str(cell)


def _json_cell(cell: Any) -> Any:
    """Numbers and text as JSON has them; what it does not have is text."""
    return cell if cell is None or isinstance(cell, int | float | str) else _csv_cell(cell)


def write(folder: Path, parts: list[tuple[int, int, dict[str, str], str]]) -> Path:
    """Rows from one place to another in the types and the kind of file of each part."""
    for number, (start, end, choice, suffix) in enumerate(parts):
        for name, columns in TABLES.items():
            table = pa.table({key: column(key, ROWS[start:end], choice) for key in columns})
            save(folder / name / f"day={number}" / "part", table, suffix)
    static = pa.table({"box": pa.array([LAST_KEY, LAST_KEY - 1, LAST_KEY - 2, None], pa.int64())})
    static = static.append_column("role", pa.array(["1.10", "1.1", "01", "x"]))
    pq.write_table(
        static.append_column("live", pa.array([True, True, False, None])), folder / "static.parquet"
    )
    return folder


def assert_right(telemetry: Telemetry, report: IngestReport) -> None:
    frame = telemetry.metrics.sort_values(["at", "device"])
    expected = sorted(ROWS, key=lambda row: (row["at"], str(row["box"])))
    assert frame["device"].tolist() == [str(row["box"]) for row in expected]
    assert frame["at"].astype("int64").floordiv(1000).tolist() == [row["at"] for row in expected]
    given_loads = [np.nan if row["load"] is None else row["load"] for row in expected]
    np.testing.assert_array_equal(frame["load"].to_numpy(), given_loads)
    assert frame["steps"].tolist() == [row["steps"] for row in expected]
    assert telemetry.labels.sort_values(["at", "device"])["bad"].tolist() == [row["bad"] for row in expected]
    assert telemetry.static["role"].nunique() == 3
    assert not report.metrics.rejected and not report.labels.rejected
    assert report.static.rejected == {"missing_device": 1}
    assert not any("is in no row" in note for part in report.files for note in part.notes)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_table_in_any_types_kinds_of_files_and_parts_is_the_same_rows(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, len(ROWS) - 1), max_size=2)))
    edges = [0, *cuts, len(ROWS)]
    suffixes = st.sampled_from(["parquet", "csv", "csv.gz", "json", "jsonl", "jsonl.gz"])
    parts = [(start, end, data.draw(CHOICE), data.draw(suffixes)) for start, end in pairwise(edges)]
    folder = write(tmp_path_factory.mktemp("any"), parts)
    telemetry, report = read_telemetry(folder, SCHEMA)
    assert_right(telemetry, report)
    assert (report.metrics.rows_read, report.labels.rows_read) == (len(ROWS), len(ROWS))
    assert_same_features(telemetry)


DEFINITION = WindowDefinition.from_schema(SCHEMA)


def live_features() -> list[dict[str, Any]]:
    """Features of the rows as an endpoint has them, sent as JSON one after the other."""
    windows, parser = OnlineWindows(DEFINITION, lambda: START / 1e6 + 3600), EventParser(SCHEMA)
    ordered = sorted(ROWS, key=lambda row: (row["at"], str(row["box"])))
    events = [parser.telemetry(json.loads(json.dumps({**row, "at": row["at"]}))) for row in ordered]
    return [windows.update({"device": one.device, "at": one.time, **one.metrics}) for one in events]


LIVE = live_features()


def assert_same_features(telemetry: Telemetry) -> None:
    """The features of the files are those of the live events, to the last bit."""
    rows = KeyedRows.of(telemetry.metrics, "device", "at").in_event_order()
    found = windows_as_known(rows, DEFINITION, None)
    names = list(DEFINITION.feature_names)
    live = np.array([[features[name] for name in names] for features in LIVE])
    np.testing.assert_array_equal(found[names].to_numpy().copy().view(np.int64), live.view(np.int64))


@pytest.mark.parametrize(
    "form", ["epoch ns", "epoch seconds", "text", "text of another form", "text of numbers"]
)
def test_live_events_of_the_same_table_are_the_same_rows(form: str) -> None:
    parser = EventParser(SCHEMA)
    times = TIMES[form]([row["at"] for row in ROWS]).to_pylist()
    for row, time in zip(ROWS, times, strict=True):
        body = json.loads(json.dumps({**row, "at": time}))
        event, label = parser.telemetry(body), parser.label(body)
        assert (event.device, round(event.time * 1e6)) == (str(row["box"]), row["at"])
        np.testing.assert_array_equal(
            [event.metrics["load"], event.metrics["steps"]],
            [np.nan if row["load"] is None else row["load"], row["steps"]],
        )
        assert (label.device, round(label.time * 1e6), label.label) == (
            str(row["box"]),
            row["at"],
            row["bad"],
        )
    assert moment(START) == datetime(2024, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
