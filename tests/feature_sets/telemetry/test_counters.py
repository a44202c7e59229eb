"""Counters in files and live events: every unit stays, and what is no whole number is refused."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feature_sets.telemetry.errors import SchemaError
from feature_sets.telemetry.events import EventError, EventParser
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.windows.definition import WindowDefinition
from project.live_telemetry import telemetry_bodies

CONTENT: dict[str, Any] = {
    "name": "counted",
    "entity": ["box"],
    "time": "at",
    "metrics": {
        "octets": {"kind": "counter", "max_rate": 1.25e10, "unit": "byte/s"},
        "load": {},
        "errors": {"kind": "counter", "bits": 32},
    },
    "label": "bad",
    "uptime": {"column": "ticks", "unit": "timeticks"},
}
SCHEMA = TelemetrySchema.from_dict(CONTENT)
LONG = TelemetrySchema.from_dict({**CONTENT, "files": {"layout": "long"}})

NUMBERS = [0, 7, 2**53 + 1, None, 2**63 - 1, 2**63 + 1, 2**64 - 1]
TIMES = pd.date_range("2024-05-01T12:00:00Z", periods=len(NUMBERS), freq="10s")


def changed(**fields: Any) -> dict[str, Any]:
    return {**CONTENT, **fields}


def counter(**fields: Any) -> dict[str, Any]:
    return changed(metrics={"x": {"kind": "counter", **fields}})


def frame_of(
    octets: pa.Array, path: Path, kind: str = "parquet", schema: TelemetrySchema = SCHEMA
) -> pd.DataFrame:
    """The metrics of a folder with these octets."""
    size = len(octets)
    times = pd.date_range("2024-05-01T12:00:00Z", periods=size, freq="10s")
    table = pa.table(
        {
            "box": ["a"] * size,
            "at": pa.array(times),
            "octets": octets,
            "load": [0.5] * size,
            "errors": pa.array([2**32 - 1] * size, pa.int64()),
            "ticks": pa.array([150.0 + place for place in range(size)]),
        }
    )
    write(table, path / "metrics", kind)
    write(pa.table({"box": ["a"], "at": pa.array(times[:1]), "bad": [0]}), path / "labels", kind)
    telemetry, report = read_telemetry(path, SCHEMA)
    frame = telemetry.metrics
    frame.attrs["report"] = report
    return frame


def write(table: pa.Table, path: Path, kind: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "parquet":
        pq.write_table(table, path.with_suffix(".parquet"))
        return
    columns = {name: table[name].to_pylist() for name in table.column_names}
    lines = [",".join(columns)]
    for row in zip(*columns.values(), strict=True):
        lines.append(",".join("" if cell is None else str(cell) for cell in row))
    path.with_suffix(".csv").write_text("\n".join(lines) + "\n")


Make = Callable[[list[int | None]], pa.Array]
FORMS: dict[str, Make] = {
    "uint64": lambda numbers: pa.array(numbers, pa.uint64()),
    "decimal": lambda numbers: pa.array(
        [None if n is None else Decimal(n) for n in numbers], pa.decimal128(20, 0)
    ),
    "decimal with places": lambda numbers: pa.array(
        [None if n is None else Decimal(n) for n in numbers], pa.decimal128(38, 6)
    ),
    "text": lambda numbers: pa.array([None if n is None else str(n) for n in numbers]),
    "padded text": lambda numbers: pa.array(["NaN" if n is None else f" +00{n}" for n in numbers]),
    "large text": lambda numbers: pa.array(
        [None if n is None else str(n) for n in numbers], pa.large_string()
    ),
    "bytes": lambda numbers: pa.array([None if n is None else str(n).encode() for n in numbers]),
    "dictionary": lambda numbers: pa.array(
        [None if n is None else str(n) for n in numbers]
    ).dictionary_encode(),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_every_unit_of_64_bits_stays_in_files_of_every_type(form: str, kind: str, tmp_path: Path) -> None:
    if kind == "csv" and form in ("bytes", "decimal with places"):
        pytest.skip("CSV has no bytes, and a number with places may have been a float")
    frame = frame_of(FORMS[form](NUMBERS), tmp_path, kind)
    assert [None if n is pd.NA else int(n) for n in frame["octets_counter"]] == NUMBERS
    assert frame["errors_counter"].tolist() == [2**32 - 1] * len(NUMBERS)
    assert frame["ticks_us"].tolist() == [1_500_000 + 10_000 * place for place in range(len(NUMBERS))]
    assert list(frame.columns) == ["device", "at", "octets_counter", "load", "errors_counter", "ticks_us"]


SMALL = [0, 7, None, 120]


@pytest.mark.parametrize(
    "kind",
    [
        *(pa.int8(), pa.uint8(), pa.int16(), pa.uint16(), pa.int32(), pa.uint32(), pa.int64()),
        *(pa.float16(), pa.float32(), pa.float64()),
    ],
    ids=str,
)
def test_smaller_types_and_exact_floats_are_taken(kind: pa.DataType, tmp_path: Path) -> None:
    values = [np.float16(n) if n is not None and kind == pa.float16() else n for n in SMALL]
    frame = frame_of(pa.array(values, kind), tmp_path)
    assert [None if n is pd.NA else int(n) for n in frame["octets_counter"]] == SMALL


@pytest.mark.parametrize(
    "octets",
    [
        pa.array([1, -1]),
        pa.array([1.0, 1.5]),
        pa.array([1.0, 2.0**53]),
        pa.array([1.0, math.inf]),
        pa.array(["1", "18446744073709551616"]),
        pa.array(["1", "9007199254740993.0"]),
        pa.array(["1", "many"]),
        pa.array(["1", "0x10"]),
        pa.array([Decimal("1.0"), Decimal("1.5")]),
        pa.array([None, True]),
    ],
    ids=str,
)
def test_what_is_no_whole_number_of_the_counter_is_a_rejected_row(octets: pa.Array, tmp_path: Path) -> None:
    frame = frame_of(octets, tmp_path)
    assert len(frame) == 1
    report = frame.attrs["report"].metrics
    assert report.rejected == {"not_a_counter": 1}
    assert "in row 2 of metrics.parquet" in report.samples["not_a_counter"]


def test_long_layout_keeps_counters_beside_gauges(tmp_path: Path) -> None:
    values = {
        "octets": [str(2**64 - 1), str(2**53 + 1)],
        "load": ["0.5", "1e-3"],
        "errors": [str(2**32 - 1), str(2**32)],
        "ticks": ["150", "250"],
    }
    rows = [
        {"box": "a", "at": TIMES[place].isoformat(), "metric": metric, "value": of_metric[place]}
        for metric, of_metric in values.items()
        for place in (0, 1)
    ]
    rows.append({"box": "a", "at": TIMES[2].isoformat(), "metric": "load", "value": "2"})
    pd.DataFrame(rows).to_csv(tmp_path / "metrics.csv", index=False)
    pd.DataFrame([{"box": "a", "at": TIMES[0].isoformat(), "bad": 0}]).to_csv(
        tmp_path / "labels.csv", index=False
    )
    telemetry, report = read_telemetry(tmp_path, LONG)
    assert report.metrics.rejected == {"not_a_counter": 1}  # 2^32 in 32 bits.
    frame = telemetry.metrics
    assert int(frame["octets_counter"][0]) == 2**64 - 1
    assert frame["octets_counter"].isna().tolist() == [False, True]
    assert frame["load"].tolist() == [0.5, 2.0]
    assert int(frame["ticks_us"][0]) == 1_500_000


def test_intervals_that_are_too_long_for_a_rate_are_told(tmp_path: Path) -> None:
    rare = TelemetrySchema.from_dict(changed(counters={"max_gap": "9s"}))
    frame_of(pa.array([1, 2, 3]), tmp_path)
    notes = read_telemetry(tmp_path, rare)[1].metrics.notes
    assert any("2 of 2 intervals between readings are longer than counters.max_gap, 9 s" in n for n in notes)
    assert not any("max_gap" in note for note in read_telemetry(tmp_path, SCHEMA)[1].metrics.notes)


def test_bodies_of_requests_give_back_what_is_kept(tmp_path: Path) -> None:
    frame = frame_of(pa.array(NUMBERS, pa.uint64()), tmp_path)
    bodies = orjson.loads(json.dumps(telemetry_bodies(frame, SCHEMA)))
    again = pd.DataFrame([PARSER.telemetry(body).metrics for body in bodies], dtype=object)
    assert [None if n != n else n for n in again["octets_counter"]] == NUMBERS
    for name in ("errors_counter", "ticks_us", "load"):
        assert again[name].tolist() == frame[name].tolist()


PARSER = EventParser(SCHEMA)
GOOD = {"device": "a", "at": "2024-05-01T12:00:00Z", "octets": 5, "load": 0.5, "errors": 0, "ticks": 150}


@pytest.mark.parametrize("number", [0, 2**53 + 1, 2**63, 2**64 - 1])
def test_a_live_counter_loses_no_unit_on_its_way_through_json(number: int) -> None:
    body = orjson.loads(json.dumps({**GOOD, "octets": number}))
    metrics = PARSER.telemetry(body).metrics
    assert metrics == {"octets_counter": number, "load": 0.5, "errors_counter": 0, "ticks_us": 1_500_000}
    assert all(type(metrics[name]) is int for name in SCHEMA.whole_columns)


def test_null_is_no_reading_and_an_exact_float_is_one() -> None:
    metrics = PARSER.telemetry({**GOOD, "octets": None, "errors": 5.0, "ticks": None}).metrics
    assert math.isnan(metrics["octets_counter"])
    assert math.isnan(metrics["ticks_us"])
    assert (metrics["errors_counter"], type(metrics["errors_counter"])) == (5, int)


@pytest.mark.parametrize("digits", ["0", "007", "9005500000000", str(2**53 + 1), str(2**64 - 1)])
def test_digits_as_text_are_the_counter_that_a_file_has_of_them(digits: str, tmp_path: Path) -> None:
    metrics = PARSER.telemetry({**GOOD, "octets": digits, "ticks": "150"}).metrics
    assert (metrics["octets_counter"], type(metrics["octets_counter"])) == (int(digits), int)
    assert metrics["ticks_us"] == 1_500_000
    frame = frame_of(pa.array([digits]), tmp_path)
    assert frame["octets_counter"].tolist() == [metrics["octets_counter"]]


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("octets", 2.0**53, "a float from 2^53"),
        ("octets", 1.8446744073709552e19, "a float from 2^53"),
        ("octets", 1.5, "must be a whole number"),
        ("octets", -1, "must be a whole number from 0 to 18446744073709551615"),
        ("octets", 2**64, "must be a whole number from 0 to 18446744073709551615"),
        ("octets", "5.5", "must be a whole number"),
        ("octets", str(2**64), "must be a whole number from 0 to 18446744073709551615"),
        ("octets", True, "must be a whole number"),
        ("octets", math.nan, "must be a whole number"),
        ("errors", 2**32, "must be a whole number from 0 to 4294967295"),
        ("ticks", -1, "must be how long the device has been running"),
        ("ticks", 1e300, "must be how long the device has been running"),
        ("ticks", "5 s", "must be a finite number"),
    ],
)
def test_what_is_no_counter_is_refused_by_name(field: str, value: Any, rule: str) -> None:
    with pytest.raises(EventError, match=re.escape(rule)) as refused:
        PARSER.telemetry({**GOOD, field: value})
    assert refused.value.where == field


@pytest.mark.parametrize("field", ["octets", "errors", "ticks"])
def test_a_field_that_is_absent_is_refused(field: str) -> None:
    body = {name: value for name, value in GOOD.items() if name != field}
    with pytest.raises(EventError, match=f"^{field}: is required"):
        PARSER.telemetry(body)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            changed(metrics={"x": {"kind": "sum"}}),
            r"metrics\.x\.kind': must be among gauge, counter, got 'sum'",
        ),
        (
            counter(bits=16),
            r"metrics\.x\.bits': must be a whole number",
        ),
        (
            counter(bits=48),
            r"metrics\.x\.bits': must be 32 or 64, got 48",
        ),
        (
            counter(max_rate=0),
            r"metrics\.x\.max_rate': must be a number",
        ),
        (counter(scale="k"), r"metrics\.x\.scale': must be a number"),
        (changed(metrics={"x": {"bits": 32}}), r"metrics\.x\.bits': must be of a metric of kind counter"),
        (changed(metrics={"x": {}}), r"'uptime': must come with a metric of kind counter"),
        (
            changed(metrics={"x": {}}, uptime=None, counters={"max_gap": "5m"}),
            "must come with a metric of kind",
        ),
        (changed(uptime={"column": "up", "unit": "h"}), r"uptime\.unit': must be among s, ms, timeticks"),
        (changed(uptime={"unit": "s"}), r"uptime\.column': is required"),
        (changed(uptime="octets"), "must have different names"),
        (changed(counters={"max_gap": 60}), r"counters\.max_gap': must be a whole number with a unit"),
        (changed(counters={"min_interval": "5m", "max_gap": "5m"}), "must be longer than min_interval"),
        (changed(counters={"min_interval": "1h"}), "must be less than the longest gap of a rate, 600 s"),
        (changed(label="octets_counter"), "must have different names, got 'octets_counter'"),
    ],
)
def test_each_broken_rule_of_counters_names_the_field(content: dict[str, Any], words: str) -> None:
    with pytest.raises(SchemaError, match=words):
        TelemetrySchema.from_dict(content)


def test_a_schema_with_counters_is_read_back_and_one_without_says_nothing_of_them() -> None:
    assert TelemetrySchema.from_dict(SCHEMA.to_dict()) == SCHEMA
    text = json.dumps(SCHEMA.to_dict())
    assert TelemetrySchema.from_dict(json.loads(text)) == SCHEMA
    plain = TelemetrySchema.from_dict({**CONTENT, "metrics": {"x": {"kind": "gauge"}}, "uptime": None})
    assert plain.to_dict()["metrics"] == {"x": {"unit": "", "range": [None, None]}}
    assert not {"uptime", "counters"} & plain.to_dict().keys()
    assert "counters" not in WindowDefinition.from_schema(plain).to_dict()


def test_no_reading_counts_in_training_and_in_evaluation() -> None:
    schema = TelemetrySchema.from_dict(changed(counters={"max_gap": "9m", "min_interval": "5s"}))
    assert schema.embargo_seconds == 5 * 60 + 9 * 60 + 5
    plain = TelemetrySchema.from_dict({**CONTENT, "metrics": {"x": {}}, "uptime": None})
    assert plain.embargo_seconds == 5 * 60


def test_text_of_a_rate_is_a_number_as_yaml_gives_it() -> None:
    schema = TelemetrySchema.from_dict(changed(metrics={"x": {"kind": "counter", "max_rate": "1e9"}}))
    assert schema.metrics[0].counter.max_rate == 1e9
