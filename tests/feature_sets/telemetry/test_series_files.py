"""Exports of Grafana and annotated CSV of InfluxDB are readings, or are refused with the place and a way."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from feature_sets.checks import InputError
from feature_sets.telemetry import file_chunks
from feature_sets.telemetry.errors import SchemaError, TelemetryError
from feature_sets.telemetry.inspection.folder_check import check_folder
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.telemetry.series_names import series_parts

LABELS = "instance,timestamp,bad\nr1,2026-11-01T00:00:00Z,0\n"
JOINED = (
    '"Time","cpu{instance=""r1"", job=""node""}","cpu{instance=""r2"", job=""node""}",'
    '"rtt{instance=""r1""}"\n'
    "2026-11-01 00:00:00,12.5%,3%,35 ms\n"
    "2026-11-01 00:01:00,,4%,1.2 s\n"
    "2026-11-01 00:02:00,NaN,,\n"
)
READ = [  # Of a time and a series that has no cell there is nothing; NaN is a reading without a value.
    ("r1", 0, 12.5, 35.0),
    ("r2", 0, 3.0, None),
    ("r1", 1, None, 1200.0),
    ("r2", 1, 4.0, None),
    ("r1", 2, None, None),
]
ANNOTATED = """#group,false,false,true,true,false,false,true,true,true
#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,double,string,string,string
#default,_result,,,,,,,,
,result,table,_start,_stop,_time,_value,_field,_measurement,instance
,,0,2026-11-01T00:00:00Z,2026-11-02T00:00:00Z,2026-11-01T00:00:00Z,12.5,usage,cpu,r1
,,0,2026-11-01T00:00:00Z,2026-11-02T00:00:00Z,2026-11-01T00:01:00Z,13.5,usage,cpu,r1
,,1,2026-11-01T00:00:00Z,2026-11-02T00:00:00Z,2026-11-01T00:00:00Z,3,usage,cpu,r2

#group,false,false,false,false,true,true
#datatype,string,long,dateTime:RFC3339,long,string,string
#default,_result,,,,rtt,r1
,result,table,_time,_value,_field,instance
,,2,2026-11-01T00:00:00Z,35,,
,,2,2026-11-01T00:01:00Z,36,rtt,r2

#group,false,false,false,false,false,true
#datatype,string,long,dateTime:RFC3339,double,double,string
#default,_result,,,,,
,result,table,_time,temp,fan,instance
,,3,2026-11-01T00:00:00Z,40.5,,r1
"""


def schema(kind: str, **more: Any) -> TelemetrySchema:
    metrics = {"cpu": {"unit": "%"}, "rtt": {"unit": "ms"}}
    base = {"name": "lab", "entity": ["instance"], "time": "timestamp", "metrics": metrics, "label": "bad"}
    return TelemetrySchema.from_dict({**base, "assume_timezone": "UTC", "files": {"format": kind}, **more})


def write(folder: Path, content: str | bytes, name: str = "metrics.csv") -> Path:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    (folder / "labels.csv").write_text(LABELS, encoding="utf-8")
    return folder


def rows(folder: Path, form: TelemetrySchema) -> list[tuple[Any, ...]]:
    telemetry, report = read_telemetry(folder, form)
    assert not report.metrics.rejected
    frame = telemetry.metrics
    minutes = frame[form.time].dt.minute.tolist()
    values = [[None if pd.isna(value) else value for value in frame[name]] for name in form.metric_names]
    return list(zip(frame["device"].tolist(), minutes, *values, strict=True))


@pytest.mark.parametrize("name", ["metrics.csv", "metrics/a.csv.gz"])
@pytest.mark.parametrize("how", ["plain", "excel", "utf-16", "crlf"])
def test_series_of_grafana_joined_by_time_are_readings(tmp_path: Path, name: str, how: str) -> None:
    content: str | bytes = JOINED
    if how == "excel":
        content = "\ufeffsep=,\n" + JOINED
    elif how == "utf-16":
        content = JOINED.encode("utf-16")
    elif how == "crlf":
        content = JOINED.replace("\n", "\r\n")
    assert rows(write(tmp_path, content, name), schema("grafana")) == READ


def test_series_of_grafana_with_semicolons_and_decimal_commas_are_readings(tmp_path: Path) -> None:
    text = 'sep=;\n"Time";"cpu{instance=""r1"", job=""a;b""}"\n2026-11-01 00:00:00;12,5%\n'
    folder = write(tmp_path, text)
    form = schema("grafana", metrics={"cpu": {"unit": "%"}})
    files = {"format": "grafana", "separator": {"metrics": ";"}, "decimal": {"metrics": ","}}
    said = TelemetrySchema.from_dict({**form.to_dict(), "files": files})
    assert rows(folder, said) == [("r1", 0, 12.5)]
    # Without the declared sign the number is refused, not misread.
    with pytest.raises(TelemetryError, match="not_a_number"):
        read_telemetry(folder, form)


@pytest.mark.parametrize("header", ["Time,Metric,Value", "Series;Time;Value"])
def test_series_of_grafana_to_rows_are_readings(tmp_path: Path, header: str) -> None:
    mark = ";" if ";" in header else ","
    lines = [header]
    for minute, value in ((0, "12.5%"), (1, "")):
        series = '"cpu{instance=""r1""}"'
        cells = {"Time": f"2026-11-01 00:0{minute}:00", "Metric": series, "Series": series, "Value": value}
        lines.append(mark.join(cells[name] for name in header.split(mark)))
    folder = write(tmp_path, "\n".join([*lines, ""]))
    assert rows(folder, schema("grafana", metrics={"cpu": {"unit": "%"}})) == [("r1", 0, 12.5)]


def test_names_of_a_legend_are_read_by_a_pattern_and_the_title_is_the_metric(tmp_path: Path) -> None:
    text = "Time,core r1,core r2\n2026-11-01 00:00:00,1,2\n"
    name = "metrics/CPU busy-data-as-joinbyfield-2026-11-01 12_00_00.csv"
    files = {"format": "grafana", "series": "core {instance}"}
    form = schema("grafana", metrics={"cpu": {}}, rename={"CPU busy": "cpu"}, files=files)
    assert rows(write(tmp_path, text, name), form) == [("r1", 0, 1.0), ("r2", 0, 2.0)]
    assert TelemetrySchema.from_dict(form.to_dict()) == form


def test_a_panel_of_a_thousand_series_has_a_header_that_is_read_whole(tmp_path: Path) -> None:
    labels = ", ".join(f'part{place}=""{"x" * 40}""' for place in range(2))
    names = [f'"cpu{{instance=""r{place}"", {labels}}}"' for place in range(1000)]
    content = f"Time,{','.join(names)}\n2026-11-01 00:00:00,{','.join(map(str, range(1000)))}\n"
    assert content.index("\n") > 100_000
    found = rows(write(tmp_path, content), schema("grafana", metrics={"cpu": {}}))
    assert sorted(found, key=lambda row: row[2]) == [(f"r{place}", 0, place) for place in range(1000)]


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("grafana", f'Time,"cpu{{instance=""r1""}},{"x" * 140_000}\n2026-11-01 00:00:00,1\n'),
        (
            "influx",
            f'{ANNOTATED},,3,2026-11-01T00:01:00Z,40.5,,"r1\n{",,3,2026-11-01T00:02:00Z,1,,r1" * 5000}',
        ),
    ],
)
def test_a_quotation_mark_that_is_missing_is_told(tmp_path: Path, kind: str, content: str) -> None:
    with pytest.raises(TelemetryError, match=r"metrics\.csv: must have cells of at most .* is missing"):
        read_telemetry(write(tmp_path, content), schema(kind))


def test_large_exports_are_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_chunks, "CHUNK_BYTES", 8 * 3 * 50)
    lines = ["Time," + ",".join(f'"cpu{{instance=""r{box}""}}"' for box in range(7))]
    lines += [
        f"2026-11-01 00:{minute // 60:02}:{minute % 60:02}," + ",".join(f"{minute + box}" for box in range(7))
        for minute in range(300)
    ]
    metrics = {"cpu": {}}
    telemetry, _ = read_telemetry(
        write(tmp_path, "\n".join([*lines, ""])), schema("grafana", metrics=metrics)
    )
    assert len(telemetry.metrics) == 2100
    assert telemetry.metrics["cpu"].sum() == sum(m + b for m in range(300) for b in range(7))
    again = ANNOTATED.partition("\n\n")[0] + "\n"
    again += "".join(
        f",,0,,,2026-11-01T01:{at // 60:02}:{at % 60:02}Z,{at},usage,cpu,r1\n" for at in range(1000)
    )
    form = schema("influx", metrics={"cpu_usage": {}})
    assert len(read_telemetry(write(tmp_path, again), form)[0].metrics) == 1003


def test_all_tables_of_annotated_csv_are_readings(tmp_path: Path) -> None:
    metrics = dict.fromkeys(["cpu_usage", "rtt", "temp", "fan"])
    expected = [
        ("r1", 0, 12.5, 35.0, 40.5, None),
        ("r2", 0, 3.0, None, None, None),
        ("r1", 1, 13.5, None, None, None),
        ("r2", 1, None, 36.0, None, None),
    ]
    for text in (ANNOTATED, ANNOTATED.replace("\n", "\r\n"), "\ufeff" + ANNOTATED):
        assert rows(write(tmp_path, text), schema("influx", metrics=metrics)) == expected
    bare = "\n".join(line for line in ANNOTATED.split("\n")[:11] if line[:1] != "#")
    (only,) = {row[2] for row in rows(write(tmp_path, bare), schema("influx", metrics=metrics))[:1]}
    assert only == 12.5


@pytest.mark.parametrize(
    ("kind", "text", "told"),
    [
        ("grafana", "Time,cpu r1\n2026-11-01 00:00:00,1\n", "column 'instance': is required .*files.series"),
        ("grafana", 'Time,"cpu{instance=r1"\n2026-11-01 00:00:00,1\n', "series: must be a metric and labels"),
        ("grafana", "Time\n2026-11-01 00:00:00\n", "must have a column of times and one of values"),
        (
            "grafana",
            "Time,a,a\n2026-11-01 00:00:00,1,2\n",
            r"must have columns of different names, got \['a'\]",
        ),
        ("grafana", 'Time,"cpu{instance=""r1""}"\n2026-11-01,1,2\n', "line 2: must have 2 cells"),
        (
            "influx",
            ANNOTATED.replace(",35,,", ",35,"),
            "line 13: must have 7 cells, as the header of its table",
        ),
        (
            "influx",
            ANNOTATED.replace("_time,_value,_field,instance", "_value,_field,instance"),
            "line 12: must",
        ),
        (
            "influx",
            "#datatype,string,long,string\n,result,table,_stop\n,,0,x\n",
            "line 2: must have the column _time; values of a whole query, such as a mean, have none",
        ),
        (
            "influx",
            ANNOTATED + "\n#datatype,string,string\n,error,reference\n,out of memory,897\n",
            "line 24: must be no error of the query, got ',out of memory,897'",
        ),
        (
            "influx",
            ",result,table,_time,load\n,,0,2026-11-01T00:00:00Z,1\n",
            "line 1: must have the columns _f",
        ),
        ("influx", ",result,table,_time,a,a,_field,_value\n,,0,x,,,,\n", r"different names, got \['a'\]"),
    ],
)
def test_what_is_no_such_export_is_refused_with_its_place(
    tmp_path: Path, kind: str, text: str, told: str
) -> None:
    with pytest.raises(TelemetryError, match=told) as caught:
        read_telemetry(write(tmp_path, text), schema(kind))
    assert str(caught.value).startswith("metrics.csv")


def test_series_that_are_the_same_by_what_the_schema_names_are_told(tmp_path: Path) -> None:
    text = 'Time,"cpu{instance=""r1"",if=""a""}","cpu{instance=""r1"",if=""b""}"\n2026-11-01 00:00:00,1,2\n'
    telemetry, report = read_telemetry(write(tmp_path, text), schema("grafana"))
    assert telemetry.metrics["cpu"].tolist() == [1.0]
    assert report.metrics.values["contradicting_values"] == {"cpu": 1}


@pytest.mark.parametrize(
    ("text", "pattern", "parts"),
    [
        ("up", "", ("up", {})),
        ('{instance="r1:9100"}', "", ("", {"instance": "r1:9100"})),
        ('{__name__="up", a="1"}', "", ("up", {"a": "1"})),
        (r'up{a="say \"x\", {y}", b=""}', "", ("up", {"a": 'say "x", {y}', "b": ""})),
        ("cpu.mean {host: r1, cpu: cpu-total}", "", ("cpu.mean", {"host": "r1", "cpu": "cpu-total"})),
        ("{}", "", ("", {})),
        ("r1 - cpu", "{device} - {metric}", ("cpu", {"device": "r1"})),
        (" r1 ", "{device}", ("", {"device": "r1"})),
    ],
)
def test_the_name_of_a_series_has_its_metric_and_labels(text: str, pattern: str, parts: Any) -> None:
    assert series_parts(text, pattern) == parts


@pytest.mark.parametrize(
    ("text", "pattern", "told"),
    [
        ("up{a}", "", "must be a metric and labels"),
        ('up{a="1" b="2"}', "", "must be a metric and labels"),
        ('up{a="1", a="2"}', "", "must be a metric and labels"),
        ("up}", "", "must be a metric and labels"),
        ("r1", "{device} - {metric}", "must be of the pattern of files.series"),
        ("core r1 cpu", "{device} {metric}", "must fit the pattern of files.series, .*, in one way"),
    ],
)
def test_a_name_that_may_be_two_series_is_refused(text: str, pattern: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        series_parts(text, pattern)


def test_a_pattern_of_series_is_of_grafana_alone() -> None:
    with pytest.raises(SchemaError, match=r"'files\.series': must be beside files.format grafana"):
        schema("influx", files={"format": "influx", "series": "{device}"})
    with pytest.raises(SchemaError, match=r"'files\.series': must be a path with columns in braces"):
        schema("grafana", files={"format": "grafana", "series": "device"})


@pytest.mark.parametrize(("kind", "metrics"), [("grafana", ["cpu"]), ("influx", ["cpu_usage", "net_octets"])])
def test_a_check_proposes_the_format(tmp_path: Path, kind: str, metrics: list[str]) -> None:
    times = pd.date_range("2026-11-01", periods=60, freq="1min").strftime("%Y-%m-%dT%H:%M:%SZ")
    if kind == "grafana":
        lines = ['"Time","cpu{instance=""r1""}","cpu{instance=""r2""}"']
        lines += [f"{time},{at % 7}.5,{at % 5}.25" for at, time in enumerate(times)]
    else:
        lines = [",result,table,_time,_value,_field,_measurement,instance"]
        for name in ("cpu,usage", "net,octets"):
            measurement, field = name.split(",")
            lines += [
                f",,0,{time},{at % 7}.5,{field},{measurement},{box}"
                for at, time in enumerate(times)
                for box in ("r1", "r2")
            ]
            lines += ["", ",result,table,_time,_value,_field,_measurement,instance"]
        lines = lines[:-2]
    (tmp_path / "metrics.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")
    content = check_folder(tmp_path).proposal.content
    assert content is not None
    assert content["files"]["format"] == kind
    assert (content["entity"], content["time"]) == (["instance"], "timestamp")
    assert list(content["metrics"]) == metrics
    telemetry, _ = read_telemetry(
        write(tmp_path, "\n".join([*lines, ""])),
        TelemetrySchema.from_dict({**content, "label": "bad", "labels": {}}),
    )
    assert len(telemetry.metrics) == 120
