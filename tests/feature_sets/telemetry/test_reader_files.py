"""Readers: files that are absent, broken, in parts or in two forms, and the report."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from feature_sets.telemetry.ingest_report import FileReport, IngestReport
from feature_sets.telemetry.readers import TelemetryError, read_telemetry
from tests.feature_sets.telemetry.telemetry_folder import SCHEMA, Frames, good, read, write


def test_missing_static_values_and_silent_devices_are_reported(tmp_path: Path) -> None:
    def spoil(frames: Frames) -> None:
        frames["static"] = pd.DataFrame(
            {"site": "osl", "box": ["a", "b", "c", None], "role": ["leaf", None, "x", "y"], "live": True}
        )

    telemetry, report = read(tmp_path, spoil)
    assert report.static.rejected == {"missing_device": 1}
    assert report.static.values == {"missing_values": {"role": 1}}
    assert report.static.notes == ["1 devices have no row in metrics"]
    assert telemetry.static["role"].isna().sum() == 1


def test_csv_text_that_looks_like_something_else_stays_text(tmp_path: Path) -> None:
    def names(frames: Frames) -> None:
        for frame in frames.values():
            frame["box"] = frame["box"].map({"a": "007", "b": "NA"})
        frames["static"]["role"] = ["NA", "null"]

    telemetry, report = read(tmp_path, names, kind="csv")
    assert telemetry.static["device"].tolist() == ["osl/007", "osl/NA"]
    assert telemetry.static["role"].tolist() == ["NA", "null"]
    assert not report.metrics.rejected


@pytest.mark.parametrize("name", ["metrics", "labels", "static"])
def test_each_missing_file_is_named(tmp_path: Path, name: str) -> None:
    def remove(frames: Frames) -> None:
        del frames[name]

    with pytest.raises(
        TelemetryError, match=rf"{name}: must exist as {name}\.parquet, {name}\.csv or a sub-folder"
    ) as told:
        read(tmp_path, remove)
    assert ("without labels, the schema must have 'labels: {form: incidents}'" in str(told.value)) == (
        name == "labels"
    )


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("metrics", "heat"),
        ("metrics", "at"),
        ("metrics", "box"),
        ("labels", "broken"),
        ("labels", "edge"),
        ("static", "role"),
        ("static", "live"),
    ],
)
@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_each_missing_column_is_named_with_the_file(
    tmp_path: Path, name: str, column: str, kind: str
) -> None:
    def remove(frames: Frames) -> None:
        frames[name] = frames[name].drop(columns=column)

    with pytest.raises(TelemetryError, match=rf"{name}\.{kind}, column '{column}': is required"):
        read(tmp_path, remove, kind=kind)


def test_a_folder_of_parts_is_read_in_name_order(tmp_path: Path) -> None:
    frames = good()
    parts = tmp_path / "metrics"
    parts.mkdir()
    metrics = frames.pop("metrics")
    metrics.iloc[2:].assign(load=9.0).to_parquet(parts / "b.parquet", index=False)
    metrics.iloc[:3].to_csv(parts / "a.csv", index=False)
    (parts / "notes.txt").write_text("not telemetry", encoding="utf-8")
    write(tmp_path, frames)
    telemetry, report = read_telemetry(tmp_path, SCHEMA)
    assert report.metrics.paths == ["metrics/a.csv", "metrics/b.parquet"]
    assert report.metrics.rejected == {"contradicting": 1}
    assert telemetry.metrics["load"].tolist() == [1.0, 2.0, 3.0, 9.0]


def test_two_forms_of_one_table_are_refused(tmp_path: Path) -> None:
    frames = good()
    write(tmp_path, frames)
    frames["labels"].to_csv(tmp_path / "labels.csv", index=False)
    with pytest.raises(TelemetryError, match=r"labels: must exist in one form only, got \['labels.parquet'"):
        read_telemetry(tmp_path, SCHEMA)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TelemetryError, match="must be a folder that exists"):
        read_telemetry(tmp_path / "none", SCHEMA)


@pytest.mark.parametrize(
    ("suffix", "content", "rule"),
    [
        ("parquet", b"not parquet", "must be a readable file of its kind"),
        ("parquet", b"", "must be a readable file of its kind"),
        ("csv", b"a\xff\xfe\n", "must be UTF-8, or UTF-16 with a byte order mark"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, suffix: str, content: bytes, rule: str) -> None:
    frames = good()
    del frames["metrics"]
    write(tmp_path, frames)
    (tmp_path / f"metrics.{suffix}").write_bytes(content)
    with pytest.raises(TelemetryError, match=rf"metrics\.{suffix}: {rule}"):
        read_telemetry(tmp_path, SCHEMA)


def test_the_report_is_plain_json_and_readable_lines() -> None:
    report = FileReport("metrics", rows_read=1000, notes=["a note"])
    report.reject("duplicate", 3)
    report.reject("duplicate", 2)
    report.reject("naive_time", 0)
    report.count("out_of_range", "load", 7)
    whole = IngestReport(metrics=report)
    content = json.loads(json.dumps(whole.to_dict()))
    assert content["metrics"]["rows_accepted"] == 995
    assert content["metrics"]["rejected"] == {"duplicate": 5}
    assert whole.lines()[:4] == [
        "metrics: 1,000 rows read, 5 rejected, 995 accepted",
        "  rejected duplicate: 5",
        "  out_of_range in load: 7",
        "  note: a note",
    ]
