"""A look at folders of many shapes: the schema that is proposed is one that the readers take."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from feature_sets.telemetry.errors import TelemetryError
from feature_sets.telemetry.folder_writer import write_folder
from feature_sets.telemetry.inspection.folder_check import FolderCheck, check_folder
from feature_sets.telemetry.inspection.likely_format import different_forms
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.telemetry.simulator import SimulatedNetwork

Frames = dict[str, pd.DataFrame]
STEP = pd.Timedelta("30s")


def frames(devices: int = 6, ticks: int = 40) -> Frames:
    """Readings every 30 s of routers at sites, a label among other columns, and attributes of many kinds."""
    random = np.random.default_rng(3)
    names = [f"r{number}" for number in range(devices)]
    keys = pd.DataFrame(
        {
            "router": np.tile(names, ticks),
            "time": pd.Timestamp("2026-03-01T00:00:00Z") + STEP * np.repeat(np.arange(ticks), devices),
        }
    )
    size = len(keys)
    steps = random.integers(1, 10_000, (ticks, devices))
    metrics = keys.assign(
        load=random.normal(5, 1, size).round(3),
        octets=(10**6 + np.cumsum(steps, axis=0)).ravel(),
        up=random.integers(0, 2, size),
        firmware_note="x",
        mtu=1500,
    )
    labels = keys.assign(is_error=random.integers(0, 2, size), planned=random.integers(0, 2, size), cause="y")
    static = pd.DataFrame({"router": names, "role": ["edge", "core"] * (devices // 2), "serial": names})
    return {"metrics": metrics, "labels": labels, "static": static}


def write(folder: Path, tables: Frames, suffix: str = ".parquet") -> Path:
    folder.mkdir(exist_ok=True, parents=True)
    for name, frame in tables.items():
        path = folder / f"{name}{suffix}"
        frame.to_parquet(path, index=False) if suffix == ".parquet" else frame.to_csv(path, index=False)
    return folder


def taken(folder: Path) -> tuple[FolderCheck, TelemetrySchema]:
    """The check, and its schema, read from the text of the file and used on the folder."""
    check = check_folder(folder)
    text = check.schema_text()
    assert text is not None, check.lines()
    json.dumps(check.to_dict())
    schema = TelemetrySchema.from_dict(yaml.safe_load(text))
    rows, report = read_telemetry(folder, schema)
    assert not report.metrics.rejected and not report.labels.rejected and not report.static.rejected
    assert len(rows.metrics) == report.metrics.rows_read
    return check, schema


def test_every_column_has_a_role_a_reason_and_what_else_it_could_be(tmp_path: Path) -> None:
    check, schema = taken(write(tmp_path / "My Lab", frames()))
    assert (schema.name, schema.entity, schema.time, schema.label) == (
        "my-lab",
        ("router",),
        "time",
        "is_error",
    )
    assert schema.metric_names == ("load", "octets", "up")
    assert [metric.name for metric in schema.counter_metrics] == ["octets"]
    assert schema.static == ("role",)
    assert (schema.windows.period, schema.windows.lengths) == ("30s", ("3m", "15m"))
    columns = check.to_dict()["tables"]["metrics"]["columns"]
    assert columns["firmware_note"]["role"] == "none"
    assert columns["mtu"]["why"] == "is '1500' in every row"
    assert "counter" in columns["octets"]["why"]
    labels = check.to_dict()["tables"]["labels"]["columns"]
    assert labels["planned"]["instead"] == labels["cause"]["instead"] == "exclude_labels"
    assert any("planned could be as well" in sentence for sentence in check.proposal.decide)
    assert any("'octets' looks like a counter" in sentence for sentence in check.proposal.decide)
    assert check.proposal.cadence is not None
    assert (check.proposal.cadence.devices, check.proposal.cadence.seconds) == (6, 30.0)
    said = "\n".join(check.lines())
    assert "serial: text; 6 values; such as 'r0', 'r1', 'r2'" in said
    assert "too many to be categories" in said
    assert "devices: 6 in the rows looked at, one reading every 30 s" in said


@pytest.mark.parametrize("days", [["ordered", "mixed"], ["mixed"]])
def test_rows_in_no_order_of_which_some_were_looked_at_are_no_gaps(tmp_path: Path, days: list[str]) -> None:
    folder = tmp_path / "network"
    (folder / "metrics").mkdir(parents=True)
    for number, day in enumerate(days):
        time = pd.date_range(f"2026-03-0{number + 1}", periods=40_000, freq="2s", tz="UTC")
        rows = pd.DataFrame(
            {"router": np.repeat(["a", "b", "c"], 40_000), "time": np.tile(time, 3), "cpu": 1.5}
        )
        rows = rows.sort_values("time") if day == "ordered" else rows.sample(frac=1, random_state=3)
        rows.to_parquet(folder / "metrics" / f"{number}.parquet", index=False)
    check = check_folder(folder)
    cadence, metrics = check.proposal.cadence, check.tables["metrics"]
    assert metrics.is_cut and cadence is not None
    assert (cadence.seconds, cadence.gaps, cadence.devices) == (2.0, 0.0, 3)


def epoch_milliseconds(tables: Frames) -> None:
    for name in ("metrics", "labels"):
        tables[name]["time"] = tables[name]["time"].astype("int64") // 10**6


def naive(tables: Frames) -> None:
    for name in ("metrics", "labels"):
        tables[name]["time"] = tables[name]["time"].dt.tz_localize(None)


def two_levels(tables: Frames) -> None:
    for name, frame in tables.items():
        place = frame["router"].str[1:].astype(int)
        tables[name] = frame.assign(site=(place // 3).astype(str), router="r" + (place % 3).astype(str))


def words(tables: Frames) -> None:
    tables["labels"]["is_error"] = tables["labels"]["is_error"].map({0: "no", 1: "yes"})


def arrival(tables: Frames) -> None:
    tables["metrics"]["received"] = tables["metrics"]["time"] + pd.Timedelta("2s")


def gaps(tables: Frames) -> None:
    tables["metrics"].loc[::3, "load"] = np.nan


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".csv.gz"])
@pytest.mark.parametrize("change", [epoch_milliseconds, naive, two_levels, words, arrival, gaps])
def test_the_proposed_schema_is_taken_as_it_is(
    tmp_path: Path, suffix: str, change: Callable[[Frames], None]
) -> None:
    tables = frames()
    change(tables)
    check, schema = taken(write(tmp_path / "lab", tables, suffix))
    if change is two_levels:
        assert schema.entity == ("site", "router")
    if change is naive:
        assert schema.assume_timezone == "UTC"
        assert any("must be true" in sentence for sentence in check.proposal.decide)
    if change is arrival:
        assert schema.arrival == "received"


def test_semicolons_decimal_commas_and_no_static_file_are_taken(tmp_path: Path) -> None:
    tables = frames()
    del tables["static"]
    folder = tmp_path / "lab"
    folder.mkdir()
    for name, frame in tables.items():
        frame.to_csv(folder / f"{name}.csv", index=False, sep=";", decimal=",")
    check, schema = taken(folder)
    assert (schema.files.separator, schema.files.decimal) == (";", ",")
    assert schema.metric_names == ("load", "octets", "up")
    assert [metric.name for metric in schema.counter_metrics] == ["octets"]
    assert any("no static features" in sentence for sentence in check.proposal.decide)
    rows, report = read_telemetry(folder, schema)
    assert rows.metrics["load"].tolist() == tables["metrics"]["load"].tolist()
    assert rows.static["device"].tolist() == [f"r{number}" for number in range(6)]
    assert report.static.notes == ["no static file: the devices are those of the metrics"]


def test_numbers_as_text_in_parquet_files_have_a_point_beside_csv_files_with_a_comma(tmp_path: Path) -> None:
    tables = frames()
    metrics = tables["metrics"]
    write(tmp_path, {"metrics": metrics.assign(load=metrics["load"].map("{:.3f}".format))})
    tables["labels"].assign(power=1.5).to_csv(tmp_path / "labels.csv", sep=";", decimal=",", index=False)
    check, schema = taken(tmp_path)
    assert schema.files.decimal == ","
    assert check.tables["metrics"].columns["load"].kind == "number"
    assert "load" in schema.metric_names


def test_long_layout_is_seen_and_taken(tmp_path: Path) -> None:
    tables = frames()
    wide = tables["metrics"].drop(columns=["firmware_note", "mtu"]).rename(columns={"load": "cpu load %"})
    tables["metrics"] = wide.melt(["router", "time"], var_name="oid", value_name="reading")
    folder = write(tmp_path / "lab", tables)
    check = check_folder(folder)
    text = check.schema_text()
    assert text is not None
    schema = TelemetrySchema.from_dict(yaml.safe_load(text))
    assert (schema.files.layout, schema.files.metric, schema.files.value) == ("long", "oid", "reading")
    assert schema.metric_names == ("cpu_load", "octets", "up")
    rows, report = read_telemetry(folder, schema)
    assert rows.metrics["cpu_load"].tolist() == wide["cpu load %"].tolist()
    assert not report.metrics.rejected
    assert not any("repeated" in line for line in check.lines())


def test_parts_in_folders_are_one_table(tmp_path: Path) -> None:
    tables = frames()
    metrics = tables.pop("metrics")
    folder = write(tmp_path / "lab", tables)
    for day, part in enumerate((metrics[:100], metrics[100:])):
        below = folder / "metrics" / f"day={day}"
        below.mkdir(parents=True)
        part.to_parquet(below / "0.parquet", index=False)
    check, _ = taken(folder)
    assert check.tables["metrics"].rows == len(metrics)
    assert check.tables["metrics"].columns["day"].samples == ("'0'", "'1'")


def test_hive_folders_do_not_give_a_column_of_labels(tmp_path: Path) -> None:
    tables = frames()
    for number, (router, rows) in enumerate(tables["metrics"].groupby("router")):
        below = tmp_path / "lab" / "metrics" / f"router={router}"
        below.mkdir(parents=True)
        rows.drop(columns="router").to_parquet(below / f"{number % 2}.parquet", index=False)
    _, schema = taken(write(tmp_path / "lab", {"labels": tables["labels"]}))
    assert (schema.entity, schema.files.path) == (("router",), "")


def test_the_simulated_network_is_taken(tmp_path: Path) -> None:
    start = pd.Timestamp("2024-01-01T00:00:00Z").to_pydatetime()
    write_folder(tmp_path / "sim", SimulatedNetwork(devices=20, start=start, ticks=50, seed=1).generate(0))
    _, schema = taken(tmp_path / "sim")
    default = TelemetrySchema.load()
    assert schema.entity == default.entity
    assert (schema.static, schema.rename) == (default.static, {})
    assert (schema.time, schema.label, schema.metric_names) == (
        default.time,
        default.label,
        default.metric_names,
    )


def test_what_is_missing_is_said_in_one_sentence_each(tmp_path: Path) -> None:
    tables = frames()
    labels = tables["labels"].rename(columns={"time": "when"}).drop(columns=["is_error", "planned"])
    tables["labels"] = labels.assign(noted=labels["when"], seen=labels["when"])
    del tables["static"]
    check = check_folder(write(tmp_path / "lab", tables))
    assert check.schema_text() is None
    assert check.proposal.missing == [
        "The labels have no column 'time', the time of the metrics; both need it under one name.",
        "No column of the labels holds 0 and 1 (or true and false, yes and no).",
    ]


def test_a_metric_that_is_called_as_the_column_of_a_counter_is_told(tmp_path: Path) -> None:
    tables = frames()
    tables["metrics"] = tables["metrics"].assign(octets_counter=tables["metrics"]["load"])
    check = check_folder(write(tmp_path / "lab", tables))
    assert check.schema_text() is None
    (sentence,) = check.proposal.missing
    assert "must have different names, got 'octets_counter'" in sentence


def test_a_time_and_a_device_that_the_labels_call_otherwise_are_found_by_their_values(tmp_path: Path) -> None:
    tables = frames()
    tables["labels"] = tables["labels"].rename(columns={"time": "when", "router": "Host Name"})
    check, schema = taken(write(tmp_path / "lab", tables))
    assert dict(schema.rename) == {"when": "time", "Host Name": "router"}
    assert (schema.entity, schema.time, schema.label) == (("router",), "time", "is_error")
    assert any("'when' is taken for 'time'" in sentence for sentence in check.proposal.decide)
    assert any("router ('Host Name' in the files)" in line for line in check.lines())


def test_values_that_are_alike_by_chance_are_not_taken_for_a_device(tmp_path: Path) -> None:
    tables = frames()
    tables["metrics"]["state"] = "up"
    tables["labels"]["verdict"] = "up"
    _, schema = taken(write(tmp_path / "lab", tables))
    assert (schema.entity, dict(schema.rename)) == (("router",), {})


def test_large_numbers_beside_times_without_a_zone_are_numbers(tmp_path: Path) -> None:
    tables = frames()
    naive(tables)
    tables["metrics"]["serial"] = 10**9 + np.arange(len(tables["metrics"])) * 7
    _, schema = taken(write(tmp_path, tables))
    assert "serial" in schema.metric_names


def test_whole_numbers_are_shown_to_the_unit(tmp_path: Path) -> None:
    tables = frames()
    size = len(tables["metrics"])
    tables["metrics"]["big"] = np.arange(size, dtype=np.uint64) + np.uint64(2**64 - size)
    for suffix in (".parquet", ".csv"):
        check = check_folder(write(tmp_path / suffix[1:], tables, suffix))
        column = check.tables["metrics"].columns["big"]
        assert (column.low, column.high) == (2**64 - size, 2**64 - 1)
        assert f"{2**64 - size:,} to 18,446,744,073,709,551,615" in column.words()
        assert (
            json.loads(json.dumps(check.to_dict()))["tables"]["metrics"]["columns"]["big"]["high"]
            == 2**64 - 1
        )


@pytest.mark.parametrize(
    ("lost", "expected", "told"), [(0.0, "30s", "every 30 s."), (0.1, "30s", "% of the"), (0.7, None, "")]
)
def test_an_interval_is_expected_where_readings_are_regular(
    tmp_path: Path, lost: float, expected: str | None, told: str
) -> None:
    tables = frames(ticks=200)
    kept = np.random.default_rng(4).random(len(tables["metrics"])) >= lost
    tables["metrics"] = tables["metrics"][kept]
    check, schema = taken(write(tmp_path / "lab", tables))
    assert schema.expected_interval == expected
    sentences = [one for one in check.proposal.decide if "expected_interval" in one]
    assert [told in one for one in sentences] == ([True] if expected else [])


def test_no_interval_is_expected_where_each_device_has_its_own(tmp_path: Path) -> None:
    tables = frames()
    rows = tables["metrics"]
    slow = rows["router"] == "r5"
    tables["metrics"] = rows[~slow | (rows["time"].dt.second == 0)]
    _, schema = taken(write(tmp_path / "lab", tables))
    assert schema.expected_interval is None


def test_rows_that_another_column_tells_apart_are_told(tmp_path: Path) -> None:
    tables = frames()
    rows = tables["metrics"]
    ports = [rows.assign(port=port, load=rows["load"] + number) for number, port in enumerate(("e0", "e1"))]
    tables["metrics"] = pd.concat(ports)
    check = check_folder(write(tmp_path / "lab", tables))
    assert any("'port' tells them apart" in sentence for sentence in check.proposal.decide)


def test_tables_may_have_other_separators_but_not_the_files_of_one_with_decimal_commas(
    tmp_path: Path,
) -> None:
    tables = frames()
    folder = write(tmp_path / "lab", {"labels": tables["labels"]}, ".csv")
    (folder / "metrics").mkdir()
    for part in ("a", "b"):
        tables["metrics"].to_csv(folder / "metrics" / f"{part}.csv", index=False, sep=";", decimal=",")
    check = check_folder(folder)
    schema = TelemetrySchema.from_dict(yaml.safe_load(check.schema_text() or ""))
    assert check.proposal.fields["files"] == {"separator": {"metrics": ";"}, "decimal": {"metrics": ","}}
    assert check.proposal.fields["label"] == "is_error"
    plain = write(tmp_path / "plain", tables, ".csv")
    expected, _ = read_telemetry(plain, TelemetrySchema.from_dict({**schema.to_dict(), "files": {}}))
    found, _ = read_telemetry(folder, schema)
    pd.testing.assert_frame_equal(found.metrics, expected.metrics)
    pd.testing.assert_frame_equal(found.labels, expected.labels)
    tables["metrics"].to_csv(folder / "metrics" / "b.csv", index=False, sep="|")
    assert check_folder(folder).proposal.missing == [
        "Cells are parted by ';' in a.csv, which has decimal commas, and by '|' in b.csv; the CSV files of "
        "the metrics need one decimal sign, and one separator beside decimal commas."
    ]


def test_decimal_commas_are_looked_for_in_the_first_rows_of_each_file_alone(tmp_path: Path) -> None:
    rows = "".join(f"r{number};0,5\n" for number in range(200_000))
    (tmp_path / "a.csv").write_text(f"router;load\n{rows}\0")
    (tmp_path / "b.csv").write_text("router|load\nr1|0.5\n")
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    (sentence,) = different_forms(tmp_path, {"metrics": paths})
    assert "';' in a.csv, which has decimal commas, and by '|' in b.csv" in sentence


@pytest.mark.parametrize("separators", [";,", ",|", "\t;"])
def test_files_of_different_separators_are_read_each_by_its_own(tmp_path: Path, separators: str) -> None:
    tables = frames()
    folder = write(tmp_path / "lab", {"labels": tables["labels"]}, ".csv")
    (folder / "metrics").mkdir()
    half = len(tables["metrics"]) // 2
    for name, separator, rows in (("a", separators[0], slice(half)), ("b", separators[1], slice(half, None))):
        tables["metrics"][rows].to_csv(folder / "metrics" / f"{name}.csv", index=False, sep=separator)
    check = check_folder(folder)
    schema = TelemetrySchema.from_dict(yaml.safe_load(check.schema_text() or ""))
    assert "files" not in check.proposal.fields and not check.tables["metrics"].partial
    plain = write(tmp_path / "plain", tables, ".csv")
    expected, _ = read_telemetry(plain, schema)
    found, _ = read_telemetry(folder, schema)
    pd.testing.assert_frame_equal(found.metrics, expected.metrics)


def test_files_of_other_names_are_looked_at(tmp_path: Path) -> None:
    span = pd.to_datetime(["2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"])
    write(
        tmp_path,
        {
            "mine": frames()["metrics"],
            "others": frames()["metrics"].drop(columns="mtu"),
            "visits": pd.DataFrame({"router": ["r1", "r2"], "start": span, "end": span, "kind": ["a", "b"]}),
        },
    )
    (tmp_path / "broken.csv").write_text("a,b\n1,2,3\n", encoding="utf-8")
    (tmp_path / "empty.csv").write_text("", encoding="utf-8")
    (tmp_path / "notes.md").write_text("# not data", encoding="utf-8")
    check = check_folder(tmp_path)
    assert check.unread == ["broken.csv", "empty.csv", "mine.parquet", "others.parquet", "visits.parquet"]
    assert "1 file is empty, which is no rows: empty.csv" in check.lines()
    assert "as metrics.parquet it would be read" in check.likely[1]
    assert "as metrics.parquet it would be read" in check.likely[2]
    assert "looks like incidents, from start to end" in check.likely[3]
    assert "cannot be read: broken.csv, line 2: must have 2 cells" in check.likely[0]
    assert len(check.proposal.missing) == 2


def test_some_files_of_each_folder_are_looked_at_and_alike_ones_are_told_once(tmp_path: Path) -> None:
    parts = {
        "cabinets": "cabinet;at;temp\nc1;2026-03-01T00:00:00Z;7,5\nc2;2026-03-01T00:00:00Z;8,5\n",
        "pm_lte": "cell;at;load\nx;2026-03-01T00:00:00Z;1\ny;2026-03-01T00:00:00Z;2\n",
        "zabbix": "at;host;trigger;event;status\n2026-03-01T00:00:00Z;x;down;7;PROBLEM\n"
        "2026-03-01T00:05:00Z;x;down;7;RESOLVED\n",
    }
    for of, text in parts.items():
        (tmp_path / of).mkdir()
        for day in range(30):
            (tmp_path / of / f"{day:02}.csv").write_text(text, encoding="utf-8")
    (tmp_path / "cells.csv").write_text("cell;site\nx;a\ny;b\n", encoding="utf-8")
    cabinets, cells, readings, alarms = check_folder(tmp_path).likely
    assert cabinets == (
        "cabinets: 7 of 30 files, such as cabinets/00.csv; each of those looked at has cabinet, at, temp and "
        "looks like readings; as a folder metrics it would be read."
    )
    assert cells.startswith("cells.csv has cell, site and looks like a list of devices; as static.csv")
    assert readings.startswith("pm_lte: 6 of 30 files, such as pm_lte/00.csv; each of those looked at has")
    assert alarms.startswith("zabbix: 6 of 30 files")
    assert "looks like an alarm log, with its state in status; " in alarms
    assert alarms.endswith("as a folder incidents it would be read.")


def test_the_name_that_a_file_should_have_ends_as_its_own_does_whatever_points_are_in_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "v1.2").mkdir()
    frames()["metrics"].to_csv(tmp_path / "v1.2" / "core.2026.csv.gz", index=False)
    assert "as metrics.csv.gz it would be read" in check_folder(tmp_path).likely[0]


def test_a_folder_that_is_none_and_a_broken_table_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TelemetryError, match="must be a folder that exists"):
        check_folder(tmp_path / "none")
    (tmp_path / "metrics.parquet").write_bytes(b"no")
    with pytest.raises(TelemetryError, match=r"metrics\.parquet: must be a readable file"):
        check_folder(tmp_path)


def test_a_large_counter_is_no_other_time_and_one_table_is_alike_with_none(tmp_path: Path) -> None:
    tables = frames()
    metrics = tables["metrics"].assign(octets=lambda frame: frame["octets"] + 2**40)
    incidents = pd.DataFrame({"router": ["r1"], "start": [metrics["time"].min()], "end": [None]})
    folder = write(tmp_path, {"metrics": metrics, "incidents": incidents})
    choices = {choice.column: choice for choice in check_folder(folder).proposal.choices}
    assert (choices["time"].role, choices["time"].instead) == ("time", "")
    assert choices["octets"].role == "metrics"
    assert choices["router"].why in ("6 values in the metrics", "names the device, as in the metrics")
    assert all("alike" not in choice.why for choice in check_folder(folder).proposal.choices)


def test_text_in_another_encoding_is_refused_with_the_rule(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_bytes("device,time,load\nSüd,2026-03-01T00:00:00Z,1\n".encode("cp1252"))
    rule = (
        "metrics.csv: must be UTF-8, or UTF-16 with a byte order mark; a file of Excel may be in Windows-1252"
    )
    with pytest.raises(TelemetryError, match=rule):
        check_folder(tmp_path)


@pytest.mark.parametrize("nested", [True, False])
def test_a_metric_of_its_own_for_each_device_is_not_mixed_with_those_of_others(
    tmp_path: Path, nested: bool
) -> None:
    times = pd.date_range("2026-11-01", periods=60, freq="1min", tz="UTC")
    rows = [
        {"device": device, "timestamp": at.isoformat(), "name": name, "value": base + at.minute % 7}
        for at in times
        for device, name, base in (("r1", "cpu", 40), ("r2", "temperature", 400))
    ]
    if nested:
        lines = [json.dumps({**row, "metric": {"name": row.pop("name")}}) for row in rows]
        (tmp_path / "metrics.json").write_text("\n".join(lines))
    else:
        frame = pd.DataFrame(rows).rename(columns={"name": "metric"})
        frame.to_csv(tmp_path / "metrics.csv", index=False)
    content = check_folder(tmp_path).proposal.content
    assert content is not None and list(content["metrics"]) == ["cpu", "temperature"]
    assert content["files"]["layout"] == "long"
