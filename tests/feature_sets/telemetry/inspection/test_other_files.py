"""Tables and columns that have another name than the usual one, or are not in every file."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from feature_sets.telemetry.inspection.folder_check import check_folder
from feature_sets.telemetry.readers import read_telemetry
from tests.feature_sets.telemetry.inspection.test_folder_check import frames, taken, write


def test_readings_of_any_other_name_are_found_by_their_columns(tmp_path: Path) -> None:
    tables = frames()
    tables["counters"] = tables.pop("metrics")
    check, schema = taken(write(tmp_path / "one", tables))
    assert schema.files.tables == {"metrics": "counters"}
    assert check.proposal.decide[0] == "counters.parquet is taken for the metrics (files.tables)."
    assert check.unread == [] and "load" in check.proposal.content["metrics"]
    # Of two that may be, nobody knows.
    write(tmp_path / "one", {"samples_of_then": tables["counters"]})
    check = check_folder(tmp_path / "one")
    assert check.proposal.content is None
    assert check.unread == ["counters.parquet", "samples_of_then.parquet"]
    # A table of its own name, and what has another meaning, is left alone.
    write(tmp_path / "one", {"metrics": tables["counters"]})
    assert "files" not in check_folder(tmp_path / "one").proposal.content
    notes = pd.DataFrame({"router": ["r1"], "opened": [pd.Timestamp("2026-03-01", tz="UTC")], "text": ["x"]})
    write(tmp_path / "two", {"labels": tables["labels"], "static": tables["static"], "notes": notes})
    assert check_folder(tmp_path / "two").proposal.content is None


def test_a_name_that_no_schema_can_have_is_renamed_to_that_of_another_table(tmp_path: Path) -> None:
    tables = frames()
    for name in ("metrics", "labels"):
        tables[name] = tables[name].rename(columns={"router": "Gerät"})
    _, schema = taken(write(tmp_path / "one", tables))
    assert (schema.entity, dict(schema.rename)) == (("router",), {"Gerät": "router"})
    tables["labels"] = tables["labels"].rename(columns={"Gerät": "Host"})
    folder = write(tmp_path / "two", tables)
    _, schema = taken(folder)
    assert (schema.entity, dict(schema.rename)) == (
        ("Geraet",),
        {"Gerät": "Geraet", "Host": "Geraet", "router": "Geraet"},
    )
    rows, _ = read_telemetry(folder, schema)
    assert len(rows.labels) and set(rows.labels["device"]) <= set(rows.static["device"])


def test_what_some_files_of_the_metrics_do_not_have_is_no_metric(tmp_path: Path) -> None:
    tables = frames()
    metrics = tables.pop("metrics")
    folder = write(tmp_path, tables)
    (folder / "metrics").mkdir()
    metrics[:100].to_csv(folder / "metrics" / "1.csv", index=False)
    metrics[100:].drop(columns="load").to_csv(folder / "metrics" / "2.csv", index=False)
    (folder / "metrics" / "3.csv").write_text("", encoding="utf-8")
    check, schema = taken(folder)
    assert schema.metric_names == ("octets", "up")
    assert any("do not have: 'load'" in sentence for sentence in check.proposal.decide)
    assert "1 file is empty, which is no rows: metrics/3.csv" in check.lines()


def of_two_vendors(folder: Path, other: dict[str, str]) -> Path:
    """A folder of which half of the metrics has other headers.

    :param other: name -> what the second file calls it.
    """
    tables = frames()
    metrics = tables.pop("metrics")
    write(folder, tables)
    (folder / "metrics").mkdir()
    metrics[::2].to_csv(folder / "metrics" / "a.csv", index=False)
    metrics[1::2].rename(columns=other).to_csv(folder / "metrics" / "b.csv", index=False)
    return folder


def test_keys_and_times_that_files_of_another_vendor_call_otherwise_are_renamed(tmp_path: Path) -> None:
    metrics = frames()["metrics"]
    key, time = "router", next(name for name in metrics if "time" in name)
    folder = of_two_vendors(tmp_path, {key: "Gerät", time: "Zeit", "load": "Last"})
    check, schema = taken(folder)
    assert dict(schema.rename) == {"Gerät": key, "Zeit": time}
    assert schema.metric_names == ("octets", "up")
    rows, _ = read_telemetry(folder, schema)
    assert len(rows.metrics) == len(read_telemetry(write(tmp_path / "one", frames()), schema)[0].metrics)
    [sentence] = [told for told in check.proposal.decide if told.startswith("No metric is what some")]
    assert "'load', 'Last'" in sentence and "rename gives both one name" in sentence


def test_a_key_that_some_files_do_not_have_at_all_is_missing(tmp_path: Path) -> None:
    metrics = frames()["metrics"]
    time = next(name for name in metrics if "time" in name)
    folder = of_two_vendors(tmp_path, {})
    metrics[1::2].drop(columns=time).to_csv(folder / "metrics" / "b.csv", index=False)
    check = check_folder(folder)
    assert check.proposal.content is None
    [sentence] = [told for told in check.proposal.missing if "have no column" in told]
    assert f"1 of 2 files of the metrics have no column '{time}', such as metrics/b.csv" in sentence
