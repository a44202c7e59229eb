"""JSON files: rows, and what gNMIc, Telegraf and Prometheus write, are the readings of a table."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from feature_sets.checks import InputError
from feature_sets.telemetry import file_chunks, json_files
from feature_sets.telemetry.errors import TelemetryError
from feature_sets.telemetry.inspection.folder_check import check_folder
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema

START = 1_714_564_800
TIMES = [START + 10 * place for place in range(3)]
LARGEST = 2**64 - 1

CONTENT: dict[str, Any] = {
    "name": "lines",
    "entity": ["source", "interface_name"],
    "time": "timestamp",
    "metrics": {"in_octets": {}, "load": {}},
    "label": "bad",
}
RENAME = {
    "gnmic": {"/interfaces/interface/state/counters/in-octets": "in_octets", "/cpu/load": "load"},
    "telegraf": {"interface_in-octets": "in_octets", "cpu_load": "load"},
    "prometheus": {"if.in.octets": "in_octets"},
}


def schema(kind: str = "") -> TelemetrySchema:
    more = {"files": {"format": kind}, "rename": RENAME[kind]} if kind else {}
    return TelemetrySchema.from_dict({**CONTENT, **more})


def tags(place: int) -> dict[str, str]:
    return {"source": f"r{place % 2}", "interface_name": "eth0"}


def octets(place: int) -> int:
    return 2**53 + place


def gnmic() -> list[Any]:
    lines: list[Any] = []
    for place, time in enumerate(TIMES):
        event = {"name": "sub", "timestamp": time * 10**9, "tags": {**tags(place), "subscription-name": "s"}}
        lines.append([{**event, "values": {"/interfaces/interface/state/counters/in-octets": octets(place)}}])
        # The same reading in another event, and as an object within the path.
        lines.append([{**event, "values": {"/cpu": {"load": place / 4}, "/if/oper-status": "UP"}}])
    lines.append([{"name": "sub", "timestamp": TIMES[0] * 10**9, "deletes": ["/interfaces"]}])
    return lines


def telegraf() -> list[Any]:
    lines: list[Any] = []
    for place, time in enumerate(TIMES):
        base = {"timestamp": time, "tags": {**tags(place), "host": "h"}}
        lines.append({**base, "name": "interface", "fields": {"in-octets": octets(place)}})
        lines.append({"metrics": [{**base, "name": "cpu", "fields": {"load": place / 4, "up": True}}]})
    return lines


def prometheus() -> dict[str, Any]:
    series = []
    for place, time in enumerate(TIMES):
        for name, value in (("if.in.octets", octets(place)), ("load", place / 4)):
            metric = {"__name__": name, **tags(place), "job": "snmp"}
            series.append({"metric": metric, "values": [[float(time), str(value)]]})
    return {"status": "success", "data": {"resultType": "matrix", "result": series}}


def rows() -> list[dict[str, Any]]:
    return [
        {**tags(place), "timestamp": time, "in_octets": octets(place), "load": place / 4}
        for place, time in enumerate(TIMES)
    ]


def lines(documents: list[Any]) -> str:
    return "".join(json.dumps(document) + "\n" for document in documents)


FORMS = {
    "gnmic": ("gnmic", "jsonl", lines(gnmic())),
    "gnmic on many lines": ("gnmic", "json", json.dumps([one for part in gnmic() for one in part], indent=1)),
    "telegraf": ("telegraf", "json", lines(telegraf())),
    "prometheus": ("prometheus", "json", json.dumps(prometheus())),
    "prometheus on many lines": ("prometheus", "json", json.dumps(prometheus(), indent=2)),
    "rows": ("", "ndjson", lines(rows())),
    "a list of rows": ("", "json", json.dumps(rows())),
}


def write(folder: Path, text: str, suffix: str = "json", name: str = "metrics") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.{suffix}"
    if suffix.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    labels = [{**tags(place), "timestamp": time, "bad": place % 2} for place, time in enumerate(TIMES)]
    (folder / "labels.jsonl").write_text(lines(labels))
    return folder


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("form", FORMS)
def test_every_format_is_the_same_readings(tmp_path: Path, form: str, packed: bool) -> None:
    kind, suffix, text = FORMS[form]
    folder = write(tmp_path, text, suffix + (".gz" if packed else ""))
    found, report = read_telemetry(folder, schema(kind))
    assert not report.metrics.rejected
    assert found.metrics["device"].tolist() == ["r0/eth0", "r1/eth0", "r0/eth0"]
    assert (found.metrics["timestamp"].astype("int64") // 10**9).tolist() == TIMES
    assert found.metrics["in_octets"].tolist() == [float(octets(place)) for place in range(3)]
    assert found.metrics["load"].tolist() == [0.0, 0.25, 0.5]
    assert found.labels["bad"].tolist() == [0, 1, 0]
    if kind == "gnmic":
        assert "not metrics of the schema: /if/oper-status (3 rows)" in report.metrics.notes


def test_whole_numbers_are_the_text_that_the_file_has(tmp_path: Path) -> None:
    from feature_sets.telemetry.json_files import json_table

    body = {"a": LARGEST, "b": 0.1, "c": 7.0, "d": True, "e": None, "f": "007", "g": 2.0**60, "h": [1]}
    write(tmp_path, json.dumps(body))
    table = json_table(tmp_path / "metrics.json", "metrics.json", schema().files)
    assert table.to_pylist() == [
        {
            "a": "18446744073709551615",
            "b": "0.1",
            "c": "7",
            "d": "true",
            "e": None,
            "f": "007",
            "g": "1.152921504606847e+18",
            "h": "a list of 1",
        }
    ]


def test_values_without_a_name_have_that_of_the_file(tmp_path: Path) -> None:
    answer = {"data": {"result": [{"metric": tags(0), "values": [[START, "1.5"], [START + 1, "NaN"]]}]}}
    folder = write(tmp_path, json.dumps(answer), name="load")
    (folder / "metrics").mkdir()
    (folder / "load.json").rename(folder / "metrics" / "load.json")
    found, report = read_telemetry(folder, schema("prometheus"))
    np.testing.assert_array_equal(found.metrics["load"], [1.5, np.nan])
    assert report.metrics.values["missing_values"] == {"in_octets": 2, "load": 1}


def test_a_label_with_the_name_of_a_column_has_another_one(tmp_path: Path) -> None:
    series = {"metric": {"__name__": "load", **tags(0), "value": "x"}, "value": [START, "2"]}
    found, report = read_telemetry(
        write(tmp_path, json.dumps({"data": {"result": [series]}})), schema("prometheus")
    )
    assert found.metrics["load"].tolist() == [2.0]
    assert "not used by the schema: label.value" in report.metrics.notes


@pytest.mark.parametrize(
    ("kind", "text", "match"),
    [
        ("", '{"a": 1}\n{"a": }\n', r"metrics\.json, line 2: must be JSON"),
        ("", "[1, 2]", r"metrics\.json: must hold JSON objects, got 'int'"),
        ("", "{", r"metrics\.json: must be JSON"),
        ("", "[" * 100_000, r"metrics\.json: must be JSON"),
        ("", '{"a": ' + "9" * 5000 + "}", r"metrics\.json: must be JSON"),
        ("gnmic", '{"values": [1]}', r"metrics\.json, 'values': must be a JSON object"),
        ("telegraf", '{"fields": {"a": 1}}', r"metrics\.json, 'name': must be text"),
        ("prometheus", '{"status": "error"}', r"metrics\.json, 'result': must be a list of JSON objects"),
        ("prometheus", '{"result": [{"values": [[1]]}]}', r"'values': must be pairs of a time and a value"),
        ("prometheus", '{"result": [{"values": 3}]}', r"'values': must be a list"),
    ],
)
def test_what_is_not_of_the_format_is_refused_by_name(
    tmp_path: Path, kind: str, text: str, match: str
) -> None:
    with pytest.raises(TelemetryError, match=match):
        read_telemetry(write(tmp_path, text), schema(kind))


def test_broken_text_is_the_fault_of_its_row(tmp_path: Path) -> None:
    text = lines(rows()) + '{"source": "r\\ud800", "interface_name": "e", "timestamp": 1714564800}\n'
    _, report = read_telemetry(write(tmp_path, text), schema())
    assert report.metrics.rejected == {"broken_text_in_key": 1}


def test_a_file_that_changes_is_read_anew(tmp_path: Path) -> None:
    folder = write(tmp_path, lines(rows()))
    read_telemetry(folder, schema())
    write(folder, lines(rows()[:2]))
    found, _ = read_telemetry(folder, schema())
    assert len(found.metrics) == 2
    pd.testing.assert_series_equal(found.metrics["load"], pd.Series([0.0, 0.25], name="load"))


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("form", FORMS)
def test_a_large_file_of_lines_is_read_line_by_line_with_the_same_readings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, packed: bool
) -> None:
    kind, suffix, text = FORMS[form]
    folder = write(tmp_path, text, suffix + (".gz" if packed else ""))
    expected, before = read_telemetry(folder, schema(kind))
    checked = check_folder(folder).schema_text()
    first, *others = text.strip().split("\n")
    monkeypatch.setattr(json_files, "STREAM_BYTES", len(first) + 1)
    monkeypatch.setattr(json_files, "_PACKED", 10**6)
    monkeypatch.setattr(file_chunks, "CHUNK_BYTES", 0)
    for cached in (json_files._table, json_files._names, json_files._has_values_in_lines):
        cached.cache_clear()
    found, report = read_telemetry(folder, schema(kind))
    pd.testing.assert_frame_equal(found.metrics, expected.metrics)
    assert report.to_dict() == before.to_dict()
    # Others than one value in all.
    is_lines = bool(others) and first[-1] in "]}"
    assert (json_files._names.cache_info().misses > 0) == is_lines
    assert check_folder(folder).schema_text() == checked


def test_columns_and_faults_of_any_line_are_found_in_a_large_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_files, "STREAM_BYTES", 60)
    entries = [{**tags(0), "timestamp": START + place, "load": place} for place in range(20)]
    entries[13]["later"] = "x"
    folder = write(tmp_path, lines(entries), "jsonl")
    form = schema("").files
    path = folder / "metrics.jsonl"
    names = json_files.json_columns(path, "metrics.jsonl", form)
    assert names[-1] == "later"
    parts = list(json_files.json_chunks(path, "metrics.jsonl", form, ["load", "later"], 6))
    assert [part.num_rows for part in parts] == [6, 6, 6, 2]
    assert pa.concat_tables(parts).to_pylist() == [
        {"load": str(place), "later": "x" if place == 13 else None} for place in range(20)
    ]
    path.write_text(lines(entries) + "{not JSON}\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 21"):
        json_files.json_columns(path, "metrics.jsonl", form)


SERIES = {
    "metric": {"__name__": "up", "source": "r1", "interface_name": "e"},
    "values": [[START, "1"], [START + 60.5, "0"]],
}
UP = {"metrics": {"up": {}}, "files": {"format": "prometheus"}}


@pytest.mark.parametrize(
    "content",
    [
        [SERIES],
        {"status": "success", "data": {"resultType": "matrix", "result": [SERIES]}},
        {"resultType": "matrix", "result": [SERIES]},
    ],
)
def test_series_of_promtool_are_those_of_an_answer(tmp_path: Path, content: Any) -> None:
    (tmp_path / "metrics.json").write_text(json.dumps(content), encoding="utf-8")
    (tmp_path / "labels.csv").write_text("device,timestamp,bad\nr1/e,2024-05-01T12:00:00Z,0\n")
    telemetry, _ = read_telemetry(tmp_path, TelemetrySchema.from_dict({**CONTENT, **UP}))
    assert telemetry.metrics["up"].tolist() == [1.0, 0.0]
    assert telemetry.metrics["timestamp"].dt.microsecond.tolist() == [0, 500_000]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (
            '{"status": "error", "errorType": "bad_data", "error": "no such query"}',
            "got 'bad_data: no such query'",
        ),
        (
            '{"status": "success", "data": {"resultType": "scalar", "result": [1, "2"]}}',
            "'resultType': must be matrix or vector, which have series, got 'scalar'",
        ),
        (
            '[{"metric": {"__name__": "up"}, "histograms": []}]',
            "'values': is required: a series must have samples",
        ),
        ('{__name__="up"} => 1 @[1704067200]', "must be JSON; promtool writes it with --format=json"),
    ],
)
def test_what_is_no_answer_with_series_is_told(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "metrics.json").write_text(content, encoding="utf-8")
    (tmp_path / "labels.csv").write_text("device,timestamp,bad\nr1/e,2024-05-01T12:00:00Z,0\n")
    with pytest.raises(TelemetryError) as caught:
        read_telemetry(tmp_path, TelemetrySchema.from_dict({**CONTENT, **UP}))
    assert told in str(caught.value)
