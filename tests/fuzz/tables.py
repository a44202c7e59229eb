"""Folders of telemetry that a stranger may have: tables of many kinds, whole or damaged."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from feature_sets.telemetry.schema import TelemetrySchema
from tests.fuzz.cells import COLUMNS, KEYS, NUMBERS, TIMES, TRUTHS, damaged, mutated, some

KINDS = ("csv", "csv.gz", "parquet", "json", "jsonl")
_HOLDS: dict[str, Any] = {
    "device": KEYS,
    "at": TIMES,
    "received": TIMES,
    "valid_from": TIMES,
    "cpu": NUMBERS,
    "mem": NUMBERS,
    "value": NUMBERS,
    "bad": TRUTHS,
    "role": KEYS,
    "name": ("cpu", "mem", "if.in", "", None),
    "metric": ("cpu", "mem", "cpu_mem", "", None),
    "timestamp": TIMES,
}
_TYPES = (
    *(
        pa.string(),
        pa.large_string(),
        pa.binary(),
        pa.int8(),
        pa.int64(),
        pa.uint64(),
        pa.float32(),
        pa.float64(),
    ),
    *(
        pa.bool_(),
        pa.decimal128(20, 3),
        pa.timestamp("ns", "UTC"),
        pa.timestamp("s"),
        pa.date32(),
        pa.time64("us"),
    ),
    *(pa.duration("ms"), pa.list_(pa.int64()), pa.struct([("a", pa.int64())]), pa.null()),
    *(pa.dictionary(pa.int32(), pa.string()), pa.timestamp("us", "Europe/Oslo"), pa.string_view()),
)


def write_folder(random: Random, folder: Path, schema: TelemetrySchema) -> int:
    """Write a folder that a schema may be of, with one thing wrong or more; gives how many files."""
    files = 0
    folder.mkdir()
    form = schema.files
    # As a folder that may be taken, but for what is changed in a few places.
    plain = random.random() < 0.7
    for table in ("metrics", "labels", "static"):
        if random.random() < (0.01 if plain else 0.06):
            continue
        name = form.name_of(table) if plain else random.choice((form.name_of(table), table, "readings"))
        kind = random.choice(KINDS)
        if table == "metrics" and form.format and random.random() < 0.9:
            kind = random.choice(("json", "jsonl"))
        paths = [folder / f"{name}.{kind}"]
        if random.random() < (1.0 if form.path and table == "metrics" else 0.2):
            inner = random.choice(("", "day=2/", "osl/", "=/", "device=r9/"))
            paths = [folder / name / f"{inner}r{part}.{kind}" for part in range(random.randrange(1, 3))]
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            content = _content(random, table, kind, schema, plain)
            path.write_bytes(damaged(random, content) if random.random() < 0.08 else content)
            files += 1
    return files


def _usual(table: str, schema: TelemetrySchema) -> list[str]:
    """Columns of a table."""
    if table == "static":
        return ["device", *schema.static, *schema.population]
    if table == "labels":
        return ["device", schema.time, schema.label, *schema.exclude_labels]
    values = [schema.files.metric, schema.files.value] if schema.files.is_long else list(schema.metric_names)
    arrival = [] if schema.arrival is None else [schema.arrival]
    return [*([] if schema.files.path else ["device"]), schema.time, *arrival, *values]


def _columns(random: Random, usual: list[str], plain: bool) -> list[str]:
    columns = list(dict.fromkeys(usual))
    if random.random() < (0.01 if plain else 0.15):
        columns.remove(random.choice(columns))
    while random.random() < (0.03 if plain else 0.2):
        columns.insert(random.randrange(len(columns) + 1), random.choice(COLUMNS))
    return columns


def _rows(random: Random, columns: list[str], plain: bool) -> list[dict[str, Any]]:
    absurd = 0.0 if plain else random.choice((0.0, 0.05, 0.3))
    rows = []
    for place in range(random.randrange(1 if plain else 0, 6)):
        row = {name: some(random, _HOLDS.get(name, KEYS), absurd) for name in columns}
        if plain:
            likely = {"device": "r1", "bad": place % 2, "name": "cpu", "metric": "cpu"}
            likely |= dict.fromkeys(("at", "received", "timestamp"), 1714564800 + place)
            row |= {name: likely[name] for name in columns if name in likely and random.random() < 0.9}
        rows.append(row)
    return rows


def _content(random: Random, table: str, kind: str, schema: TelemetrySchema, plain: bool) -> bytes:
    columns = _columns(random, _usual(table, schema), plain)
    rows = _rows(random, columns, plain)
    if kind == "parquet":
        return _parquet(random, columns, rows)
    if kind in ("json", "jsonl"):
        content: Any = rows if plain else mutated(random, rows)
        if table == "metrics" and random.random() < (0.95 if schema.files.format else 0.1):
            content = [_tool(random, schema.files.format, plain) for _ in range(random.randrange(1, 4))]
        is_list = kind == "json" or not isinstance(content, list)
        lines = [content] if is_list else content
        return "\n".join(json.dumps(line) for line in lines).encode("utf-8", "surrogatepass")
    separator = schema.files.separator if plain else random.choice((",", ";", "\t"))
    frame = pd.DataFrame([[row[name] for name in columns] for row in rows], columns=columns, dtype=object)
    text = frame.to_csv(index=False, sep=separator).encode("utf-8", "surrogatepass")
    return gzip.compress(text, 1) if kind.endswith("gz") else text


def _tool(random: Random, kind: str, plain: bool) -> Any:
    """What gNMIc, Telegraf or Prometheus write, changed somewhere."""
    tags = {"device": "r1" if plain else some(random, KEYS)}
    time, value = 1714564800 if plain else some(random, TIMES), some(random, NUMBERS)
    series = {"metric": {"__name__": "cpu", **tags}, "values": [[time, value]]}
    entries: dict[str, Any] = {
        "gnmic": {"name": "s", "timestamp": time, "tags": tags, "values": {"cpu": value, "a": {"b": 1}}},
        "telegraf": {"name": "cpu", "timestamp": time, "tags": tags, "fields": {"mem": value}},
        "prometheus": {"data": {"result": [series]}},
    }
    return mutated(random, entries.get(kind) or random.choice(list(entries.values())), 0.02 if plain else 0.2)


def _parquet(random: Random, columns: list[str], rows: list[dict[str, Any]]) -> bytes:
    arrays, names = [], []
    for name in dict.fromkeys(columns):
        cells = [row[name] for row in rows]
        kind = random.choice(_TYPES) if random.random() < 0.5 else None
        arrays.append(_array(cells, kind))
        names.append(name)
    stream = io.BytesIO()
    pq.write_table(pa.table(arrays, names=names), stream)
    return stream.getvalue()


def _array(cells: list[Any], kind: pa.DataType | None) -> pa.Array:
    """The cells in a type that takes them, as nulls where it does not."""
    try:
        array = pa.array(cells, kind)
        return array if array.type != pa.struct([]) else pa.nulls(len(cells))
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        pass
    if kind is None:
        return pa.array([_text(cell) for cell in cells], pa.string())
    out = []
    for cell in cells:
        try:
            pa.array([cell], kind)
            out.append(cell)
        except (pa.ArrowException, ValueError, TypeError, OverflowError):
            out.append(None)
    return pa.array(out, kind)


def _text(cell: Any) -> str | None:
    return None if cell is None else str(cell).encode("utf-8", "replace").decode()
