"""Readings are the same whatever fits into memory, and however many there are, they need no more of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from feature_sets.checks import InputError
from feature_sets.rows import spilled_rows
from feature_sets.telemetry import file_chunks, reading_files
from feature_sets.telemetry.arrow_files import read_file
from feature_sets.telemetry.readers import open_telemetry, read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema

CONTENT: dict[str, Any] = {
    "name": "many",
    "entity": ["box"],
    "time": "at",
    "arrival": "came",
    "metrics": {"load": {"range": [0, 100]}, "octets": {"kind": "counter"}},
    "uptime": {"column": "up"},
    "static": ["os"],
    "label": "bad",
    "labels": {"tolerance": "20s"},
}
START = pd.Timestamp("2024-05-01T00:00:00Z")


def schema_of(layout: str, arrival: bool) -> TelemetrySchema:
    content = {name: value for name, value in CONTENT.items() if arrival or name != "arrival"}
    return TelemetrySchema.from_dict({**content, "files": {"layout": layout}})


def readings(rows: int, seed: int) -> pd.DataFrame:
    """Rows with everything that can be wrong."""
    generator = np.random.default_rng(seed)
    at = START + pd.to_timedelta(10 * generator.integers(0, rows // 3, rows), unit="s")
    came = at + pd.to_timedelta(generator.choice([0, 3, 200, -300], rows), unit="s")
    frame = pd.DataFrame(
        {
            "box": generator.choice(["b1", "b2", "b10", "stranger"], rows, p=[0.4, 0.3, 0.29, 0.01]),
            "at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "came": came.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "load": generator.normal(50, 40, rows).round(3).astype(str),
            "octets": (2**60 + generator.integers(0, 10**6, rows)).astype(str),
            "up": generator.integers(1, 10**6, rows).astype(str),
        }
    )
    for column, cell in (
        ("at", "yesterday"),
        ("at", "2024-05-01 10:00"),
        ("at", "2099-01-01T00:00:00Z"),
        ("came", "2099-01-01T00:00:00Z"),
        ("load", "high"),
        ("load", "inf"),
        ("load", ""),
        ("octets", "-1"),
        ("octets", ""),
        ("box", ""),
    ):
        frame.loc[generator.choice(rows, 3), column] = cell
    return frame


def write_folder(folder: Path, layout: str, arrival: bool, parts: int = 5, rows: int = 900) -> Path:
    frame = readings(rows, 7)
    if not arrival:
        frame = frame.drop(columns="came")
    keys = [name for name in ("box", "at", "came") if name in frame]
    (folder / "metrics").mkdir(parents=True)
    if layout == "long":
        frame = frame.melt(keys, var_name="metric", value_name="value")
        frame = frame.sample(frac=1.0, random_state=3, ignore_index=True)
        frame.loc[::50, "metric"] = "temperature"
    size = -(-len(frame) // parts)
    for part in range(parts):
        end = ["csv", "csv.gz", "parquet"][part % 3]
        path = folder / "metrics" / f"{part}.{end}"
        rows_of = frame[part * size : (part + 1) * size]
        if end == "parquet":
            rows_of.to_parquet(path, index=False)
        else:
            rows_of.to_csv(path, index=False)
    pd.DataFrame({"box": ["b1", "b2", "b10", "quiet"], "os": "x"}).to_csv(folder / "static.csv", index=False)
    moments = START + pd.to_timedelta(np.arange(0, rows * 4, 7), unit="s")
    labels = pd.DataFrame({"box": np.resize(["b1", "b2", "quiet"], len(moments)), "at": moments, "bad": 0})
    labels.to_parquet(folder / "labels.parquet", index=False)
    return folder


@pytest.mark.parametrize("arrival", [False, True])
@pytest.mark.parametrize("layout", ["long", "wide"])
def test_little_memory_gives_the_same_readings_and_the_same_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str, arrival: bool
) -> None:
    folder, schema = write_folder(tmp_path / "t", layout, arrival), schema_of(layout, arrival)
    expected, report = read_telemetry(folder, schema)
    assert report.metrics.rejected.keys() >= {
        "unparsable_time",
        "naive_time",
        "from_future",
        "unknown_device",
    }
    assert report.metrics.values.keys() >= {"missing_values", "infinite", "out_of_range"}
    monkeypatch.setattr(file_chunks, "CHUNK_BYTES", 1_000)
    monkeypatch.setattr(file_chunks, "_BLOCK_BYTES", 2_000)
    monkeypatch.setattr(reading_files, "RUN_BYTES", 4_000)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    found, again = open_telemetry(folder, schema, scratch=scratch)
    assert list(scratch.iterdir()) == [] and found.readings is not None and not len(found.metrics)
    assert len(found.readings) == len(expected.metrics)
    pd.testing.assert_frame_equal(found.loaded().metrics, expected.metrics)
    assert again.to_dict() == report.to_dict()
    assert again.metrics.marks == report.metrics.marks
    first = expected.metrics.groupby("device")["at"].min()
    pd.testing.assert_series_equal(found.readings.first_seen, first)
    assert found.readings.last == expected.metrics["at"].max()
    chunks = list(found.readings.chunks(50))
    assert {len(chunk) for chunk in chunks[:-1]} == {50}
    joined = pd.concat([chunk.frame for chunk in chunks], ignore_index=True)
    pd.testing.assert_frame_equal(joined, expected.metrics)


@pytest.mark.parametrize(
    ("reason", "cell", "rule"),
    [
        ("unparsable_arrival", "soon", "must be ISO 8601 text with a zone"),
        ("naive_arrival", "2024-05-01 10:00", "must have a zone"),
    ],
)
def test_a_bad_arrival_in_long_layout_is_shown_as_it_is_in_the_file(
    tmp_path: Path, reason: str, cell: str, rule: str
) -> None:
    folder, schema = write_folder(tmp_path, "long", True, parts=1), schema_of("long", True)
    path = folder / "metrics" / "0.csv"
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    frame.loc[5::40, "came"] = cell
    frame.to_csv(path, index=False)
    _, report = read_telemetry(folder, schema)
    assert report.metrics.rejected[reason] > 1
    assert f"came '{cell}' in row " in report.metrics.samples[reason]
    assert rule in report.metrics.samples[reason]


def test_both_layouts_are_the_same_readings(tmp_path: Path) -> None:
    frame = readings(900, 5).drop(columns="came").drop_duplicates(["box", "at"])
    both = []
    for layout in ("wide", "long"):
        folder = tmp_path / layout
        folder.mkdir()
        rows = frame
        if layout == "long":
            rows = frame.melt(["box", "at"], var_name="metric", value_name="value")
        rows.to_csv(folder / "metrics.csv.gz", index=False)
        frame[["box"]].drop_duplicates().query("box != ''").assign(os="x").to_csv(
            folder / "static.csv", index=False
        )
        pd.DataFrame({"box": ["b1"], "at": [START], "bad": [0]}).to_parquet(folder / "labels.parquet")
        both.append(read_telemetry(folder, schema_of(layout, False)))
    pd.testing.assert_frame_equal(both[0][0].metrics, both[1][0].metrics)
    one, other = (report.metrics.to_dict() for _, report in both)
    assert one["values"] == other["values"]
    wide_alone = {"unparsable_time", "naive_time", "missing_device"}  # In long layout each value is a row.
    assert {k: v for k, v in one["rejected"].items() if k not in wide_alone} == {
        k: v for k, v in other["rejected"].items() if k not in wide_alone
    }


@pytest.mark.parametrize("end", ["csv", "csv.gz", "parquet"])
@pytest.mark.parametrize("bad", [None, 0, 500, 899])
def test_parts_of_a_file_are_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str, bad: int | None
) -> None:
    """A cell that is no number turns its column into text, from its part on."""
    frame = readings(900, 2)
    frame["load"] = np.arange(900) / 7
    if bad is not None:
        frame["load"] = frame["load"].astype(str)
        frame.loc[bad, "load"] = "high"
    path = tmp_path / f"f.{end}"
    if end == "parquet":
        frame.to_parquet(path, index=False)
    else:
        frame.to_csv(path, index=False)
    whole = read_file(path, "f", ["box", "load", "octets"], ["load"], wholes=["octets"])
    monkeypatch.setattr(file_chunks, "CHUNK_BYTES", 2_000)
    monkeypatch.setattr(file_chunks, "_BLOCK_BYTES", 3_000)
    parts = list(file_chunks.file_chunks(path, "f", ["box", "load", "octets"], ["load"], wholes=["octets"]))
    assert len(parts) > 5
    for name in ("box", "octets"):
        assert [cell for part in parts for cell in part[name].to_pylist()] == whole[name].to_pylist()
    loads = [cell for part in parts for cell in part["load"].to_pylist()]
    assert [str(float(cell)) if cell != "high" else cell for cell in loads] == [
        str(float(cell)) if cell != "high" else cell for cell in whole["load"].to_pylist()
    ]


@pytest.mark.parametrize("memory", [4_000, 70_000])
def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: int) -> None:
    """Before anything is read if the files alone do not fit, else when it is to be written."""
    folder = write_folder(tmp_path, "long", False)
    monkeypatch.setattr(reading_files, "RUN_BYTES", memory)
    size = sum(path.stat().st_size for path in (folder / "metrics").iterdir())
    assert (size > memory) == (memory == 4_000)
    monkeypatch.setattr(spilled_rows, "RESERVE_BYTES", 1 << 60)  # No disk of today has as much.
    with pytest.raises(InputError, match=r"must have [\d,]+ MB free for rows that do not fit into memory"):
        read_telemetry(folder, schema_of("long", False))


_PROGRAM = """
import json, sys, tracemalloc
import pyarrow as pa
from feature_sets.telemetry import file_chunks, label_notes, reading_files
from feature_sets.telemetry.readers import open_telemetry
from feature_sets.telemetry.schema import TelemetrySchema
file_chunks.CHUNK_BYTES, reading_files.RUN_BYTES, label_notes._CHUNK_ROWS = 1 << 17, 1 << 19, 5_000
schema = TelemetrySchema.from_dict(json.loads(sys.argv[2]))
tracemalloc.start()
found, _ = open_telemetry(sys.argv[1], schema)
rows = sum(len(chunk) for chunk in found.readings.chunks(5_000))
print(json.dumps([rows, tracemalloc.get_traced_memory()[1], pa.default_memory_pool().max_memory()]))
"""


@pytest.mark.parametrize(("layout", "ticks"), [("long", 500), ("wide", 1_000)])
def test_twice_the_readings_need_no_more_memory(tmp_path: Path, layout: str, ticks: int) -> None:
    """The peak of Python's memory, of numpy's with it, and that of Arrow, in processes of their own."""
    schema = {
        "name": "many",
        "entity": ["device"],
        "time": "time",
        "metrics": dict.fromkeys("abcd"),
        "label": "bad",
        "files": {"layout": layout},
    }
    peaks = []
    for count in (ticks, 2 * ticks):
        folder = tmp_path / str(count)
        (folder / "metrics").mkdir(parents=True)
        for part in range(count // 250):
            moments = START + pd.to_timedelta(10 * (250 * part + np.arange(250)), unit="s")
            frame = pd.DataFrame({"time": np.repeat(moments, 40), "device": np.tile(np.arange(40), 250)})
            frame["device"] = "d" + frame["device"].astype(str)
            frame = frame.assign(**{name: np.random.default_rng(part).random(len(frame)) for name in "abcd"})
            if layout == "long":
                frame = frame.melt(["time", "device"], var_name="metric", value_name="value")
            frame.to_parquet(folder / "metrics" / f"{part}.parquet", row_group_size=10_000)
        one = {"device": ["d0"], "time": [START], "bad": [0]}
        pd.DataFrame(one).to_parquet(folder / "labels.parquet")
        command = [sys.executable, "-c", _PROGRAM, str(folder), json.dumps(schema)]
        rows, python, arrow = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        assert rows == count * 40
        peaks.append((python, arrow))
    (python, arrow), (more_python, more_arrow) = peaks
    assert more_python < 1.1 * python and more_arrow < 1.1 * arrow


@pytest.mark.parametrize("layout", ["long", "wide"])
def test_a_file_without_rows_beside_another_changes_nothing(tmp_path: Path, layout: str) -> None:
    folder = write_folder(tmp_path, layout, False, parts=1)
    expected, _ = read_telemetry(folder, schema_of(layout, False))
    head = (folder / "metrics" / "0.csv").read_text().partition("\n")[0]
    (folder / "metrics" / "1.csv").write_text(f"{head}\n")
    found, report = read_telemetry(folder, schema_of(layout, False))
    pd.testing.assert_frame_equal(found.metrics, expected.metrics)
    assert report.metrics.marks["metrics/1.csv"].rows == 0
