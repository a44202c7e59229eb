"""Repeated rows: those that say the same are told apart from those that contradict the row that counts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from feature_sets.ingestion.fit_notes import rejected_notes
from feature_sets.telemetry import file_chunks, reading_files
from feature_sets.telemetry.inspection.folder_check import check_folder
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema

CONTENT: dict[str, Any] = {
    "name": "again",
    "entity": ["box"],
    "time": "at",
    "metrics": {"load": {}, "octets": {"kind": "counter"}},
    "static": ["os"],
    "label": "bad",
    "exclude_labels": {"reason": "test"},
}
WIDE = TelemetrySchema.from_dict(CONTENT)
LONG = TelemetrySchema.from_dict({**CONTENT, "files": {"layout": "long", "metric": "name", "value": "v"}})
AT = "2024-05-01T00:00:00Z"


def write(folder: Path, tables: dict[str, str]) -> Path:
    for name, text in tables.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def folder_of(folder: Path, **tables: str) -> Path:
    """A good folder with other tables."""
    usual = {
        "metrics.csv": f"box,at,load,octets\nr1,{AT},3,7\nr1,2024-05-01T00:00:10Z,4,8\n",
        "labels.csv": f"box,at,bad,reason\nr1,{AT},0,\n",
        "static.csv": "box,os\nr1,x\n",
    }
    return write(folder, {**usual, **{name.replace("_", "/", 1): text for name, text in tables.items()}})


def test_a_contradiction_names_both_rows_and_values(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    (folder / "metrics.csv").unlink()
    again = f"r1,{AT},3,9007199254740994\nr1,{AT},3.0,9007199254740993\nr1,{AT},,9007199254740993\n"
    write(
        folder,
        {
            "metrics/a.csv": f"box,at,load,octets\nr1,{AT},3,9007199254740993\n",
            "metrics/b.csv": f"box,at,load,octets\n{again}",
        },
    )
    found, report = read_telemetry(folder, WIDE)
    assert found.metrics["octets_counter"].tolist() == [2**53 + 1]
    assert report.metrics.rejected == {"duplicate": 2, "contradicting": 1}
    assert report.metrics.samples["contradicting"] == (
        "device 'r1', at 2024-05-01T00:00:00+00:00: octets 9007199254740994 in row 1 of metrics/b.csv, "
        "but 9007199254740993 in row 1 of metrics/a.csv, which counts (the first row)"
    )
    assert any(line.startswith("  rejected contradicting: 1, such as device") for line in report.lines())


def test_labels_and_static_rows_that_contradict_another_are_told(tmp_path: Path) -> None:
    labels = f"box,at,bad,reason\nr1,{AT},0,\nr1,{AT},no,\nr1,{AT},0,test\nr1,{AT},1,\n"
    static = "box,os\nr1,x\nr1,x\nr1,y\nr2,z\n"
    folder = write(folder_of(tmp_path), {"labels.csv": labels, "static.csv": static})
    found, report = read_telemetry(folder, WIDE)
    assert report.labels.rejected == {"duplicate": 1, "contradicting": 2}
    assert report.labels.samples["contradicting"] == (
        "device 'r1', at 2024-05-01T00:00:00+00:00: reason 'test' in row 3 of labels.csv, "
        "but nothing in row 1 of labels.csv, which counts (the first row)"
    )
    assert report.static.rejected == {"duplicate": 1, "contradicting": 1}
    assert report.static.samples["contradicting"] == (
        "device 'r1': os 'y' in row 3 of static.csv, but 'x' in row 1 of static.csv, "
        "which counts (the first row)"
    )
    assert found.static["os"].tolist() == ["x", "z"]


@pytest.mark.parametrize("schema", [WIDE, LONG], ids=["wide", "long"])
@pytest.mark.parametrize("chunk", [0, 200, 1 << 20])
def test_the_counts_do_not_depend_on_what_fits_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, schema: TelemetrySchema, chunk: int
) -> None:
    """Each value is held against the one that counts, wherever parts of files end."""
    random = np.random.default_rng(5)
    size = 400
    frame = pd.DataFrame(
        {
            "box": random.choice(["a", "b"], size),
            "at": pd.Timestamp(AT) + pd.to_timedelta(random.integers(0, 30, size), unit="s"),
            "name": random.choice(["load", "octets"], size),
            "v": random.integers(0, 3, size),
        }
    )
    if schema is WIDE:
        frame = frame.assign(load=frame["v"], octets=random.integers(0, 2, size)).drop(columns=["name", "v"])
    expected: Counter[str] = Counter()
    first: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    keys = ["box", "at"] if schema is WIDE else ["box", "at", "name"]
    for row in frame.to_dict("records"):
        key, value = tuple(row[name] for name in keys), tuple(row[name] for name in row if name not in keys)
        if key in first:
            expected["equal" if first[key] == value else "contradicting"] += 1
        first.setdefault(key, value)
    folder = folder_of(tmp_path)
    (folder / "metrics.csv").unlink()
    (folder / "metrics").mkdir()
    for part, rows in enumerate(np.array_split(frame, 3)):
        rows.to_csv(folder / "metrics" / f"{part}.csv", index=False)
    static = "box,os\na,x\nb,y\n"
    write(folder, {"static.csv": static, "labels.csv": f"box,at,bad,reason\na,{AT},0,\n"})
    monkeypatch.setattr(file_chunks, "CHUNK_BYTES", chunk)
    monkeypatch.setattr(file_chunks, "_BLOCK_BYTES", max(chunk, 100))
    monkeypatch.setattr(reading_files, "RUN_BYTES", max(chunk, 300))
    _, report = read_telemetry(folder, schema)
    found = report.metrics.rejected
    if schema is LONG:
        found = {
            reason: sum(report.metrics.values[what].values())
            for reason, what in (("duplicate", "repeated_values"), ("contradicting", "contradicting_values"))
        }
    assert found == {"duplicate": expected["equal"], "contradicting": expected["contradicting"]}


def test_in_long_layout_a_contradiction_names_both_rows_and_values(tmp_path: Path) -> None:
    rows = f"box,at,name,v\nr1,{AT},load,3\nr1,{AT},load,3\nr1,{AT},load,4\nr1,{AT},octets,7\n"
    folder = write(folder_of(tmp_path), {"metrics.csv": rows})
    _, report = read_telemetry(folder, LONG)
    assert report.metrics.values["repeated_values"] == {"load": 1}
    assert report.metrics.values["contradicting_values"] == {"load": 1}
    shown = (
        "device 'r1', at 2024-05-01T00:00:00+00:00: load 4 in row 3 of metrics.csv on, "
        "but 3 in row 1 of metrics.csv on, which counts (the first row)"
    )
    assert f"  contradicting_values, such as {shown}" in report.lines()


def test_check_tells_equal_rows_from_contradicting_ones(tmp_path: Path) -> None:
    times = pd.date_range(AT, periods=20, freq="10s").strftime("%Y-%m-%dT%H:%M:%SZ")
    rows = "".join(f"r{box},{at},{box}.{place},{place}\n" for place, at in enumerate(times) for box in (1, 2))
    again = f"r1,{times[3]},1.3,3\nr1,{times[3]},1.30,3\nr2,{times[4]},9.5,4\n"
    labels = "".join(f"r{box},{at},{int(at == times[2])}\n" for at in times for box in (1, 2))
    tables = {
        "metrics.csv": f"box,at,load,users\n{rows}{again}",
        "labels.csv": f"box,at,bad\n{labels}r1,{times[2]},0\n",
        "static.csv": "box,os\nr1,x\nr2,y\nr2,z\n",
    }
    found = check_folder(write(tmp_path, tables))
    lines = found.lines()
    assert "repeated: 2 rows say the same as another of the same key; one of each stays" in lines
    assert (
        f"contradicting: 1 row says something else than another of the same key: box 'r2', at '{times[4]}': "
        "load 9.5 in row 43 of metrics.csv, but 2.4 in row 10 of metrics.csv, which counts (the first row)"
    ) in lines
    decide = " ".join(found.proposal.decide)
    assert "bad 0 in row 41 of labels.csv, but 1 in row 5 of labels.csv, which counts" in decide
    assert "box 'r2': os 'z' in row 3 of static.csv, but 'y' in row 2 of static.csv, which counts" in decide
    assert found.to_dict()["contradicting_rows"] == 1


HALVES = {
    "metrics.csv": f"""box,at,load,octets
r1,{AT},3,
r1,2024-05-01T00:00:10Z,4,8
r2,{AT},,1
r1,2024-05-01T00:00:10Z,,
r2,{AT},5,9
r2,{AT},6,9
r2,{AT},,1
r1,{AT},,9007199254740993
""",
    "static.csv": "box,os\nr1,x\nr2,x\n",
}


def test_rows_that_each_have_a_part_of_a_reading_are_one(tmp_path: Path) -> None:
    found, report = read_telemetry(folder_of(tmp_path, **HALVES), WIDE)
    frame = found.metrics.sort_values(["device", "at"])
    assert frame["octets_counter"].tolist() == [2**53 + 1, 8, 1]
    assert frame["load"].tolist()[:2] == [3, 4] and np.isnan(frame["load"].iloc[2])
    # Those with octets 9 contradict, so nothing of them counts.
    assert report.metrics.rejected == {"merged": 1, "duplicate": 2, "contradicting": 2}
    assert report.metrics.rows_accepted == 3
    assert report.metrics.samples["contradicting"] == (
        "device 'r2', at 2024-05-01T00:00:00+00:00: octets 9 in row 5 of metrics.csv, "
        "but 1 in row 3 of metrics.csv, which counts (the first row)"
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_parts_of_readings_may_be_in_any_order(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    times = pd.date_range(AT, periods=40, freq="10s")
    whole = pd.DataFrame({"box": np.repeat(["r1", "r2"], 40), "at": [*times, *times]})
    whole = whole.assign(load=random.normal(size=80).round(3), octets=random.integers(0, 2**50, 80))
    expected, _ = read_telemetry(written(tmp_path / "whole", [whole]), WIDE)
    parts = [whole[["box", "at", "load"]], whole[["box", "at", "octets"]]]
    both = pd.concat(parts, ignore_index=True).astype({"octets": "Int64"})
    both = both.sample(frac=1, random_state=seed)
    halves = [both[both["at"] < times[17]], both[both["at"] >= times[17]]]
    found, report = read_telemetry(written(tmp_path / "parts", halves), WIDE)
    pd.testing.assert_frame_equal(found.metrics, expected.metrics)
    assert report.metrics.rejected == {"merged": 80} and not rejected_notes(report)


def test_parts_in_two_files_contradict_as_if_one_had_come_later(tmp_path: Path) -> None:
    at = pd.Timestamp(AT)
    parts = [pd.DataFrame({"box": ["r1"], "at": [at], name: [5]}) for name in ("load", "octets")]
    found, report = read_telemetry(written(tmp_path, parts), WIDE)
    assert found.metrics["load"].tolist() == [5] and found.metrics["octets_counter"].isna().all()
    assert report.metrics.rejected == {"contradicting": 1}


def test_a_copy_of_a_file_of_parts_says_the_same_and_one_part_of_it_may_not(tmp_path: Path) -> None:
    at = [pd.Timestamp(AT), pd.Timestamp(AT) + pd.Timedelta(seconds=10)] * 2
    parts = pd.DataFrame({"box": "r1", "at": at, "load": [5, 6, None, None]})
    parts = parts.assign(octets=pd.array([None, None, 8, 9], dtype="Int64"))
    found, report = read_telemetry(written(tmp_path / "copy", [parts, parts]), WIDE)
    assert found.metrics["octets_counter"].tolist() == [8, 9]
    assert report.metrics.rejected == {"merged": 2, "duplicate": 4}
    other = parts.assign(octets=pd.array([None, None, 8, 10], dtype="Int64"))
    found, report = read_telemetry(written(tmp_path / "other", [parts, other]), WIDE)
    assert found.metrics["octets_counter"].tolist() == [8, 9]
    assert report.metrics.rejected == {"merged": 2, "duplicate": 3, "contradicting": 1}
    assert "octets 10 in row 4 of metrics/1.csv, but 9" in report.metrics.samples["contradicting"]


def written(folder: Path, parts: list[pd.DataFrame]) -> Path:
    folder_of(folder, **{"static.csv": "box,os\nr1,x\nr2,x\n"})
    (folder / "metrics.csv").unlink()
    (folder / "metrics").mkdir()
    for number, part in enumerate(parts):
        part.reindex(columns=["box", "at", "load", "octets"]).to_csv(
            folder / "metrics" / f"{number}.csv", index=False
        )
    return folder


def test_a_part_that_arrives_at_another_time_is_no_part_of_the_reading_as_live(tmp_path: Path) -> None:
    schema = TelemetrySchema.from_dict({**WIDE.to_dict(), "arrival": "came"})
    rows = f"r1,{AT},3,,{AT}\nr1,{AT},,7,{AT}\nr1,{AT},3,7,2024-05-01T00:00:05Z\n"
    late = f"r2,{AT},3,,{AT}\nr2,{AT},,7,2024-05-01T00:00:05Z\n"
    tables = {**HALVES, "metrics.csv": f"box,at,load,octets,came\n{rows}{late}"}
    found, report = read_telemetry(folder_of(tmp_path, **tables), schema)
    assert found.metrics["load"].tolist() == [3, 3]
    assert found.metrics["octets_counter"].tolist() == [7, pd.NA]
    assert report.metrics.rejected == {"merged": 1, "duplicate": 1, "contradicting": 1}


def test_check_tells_of_rows_that_each_have_a_part_of_a_reading(tmp_path: Path) -> None:
    times = pd.date_range(AT, periods=20, freq="10s").strftime("%Y-%m-%dT%H:%M:%SZ")
    rows = "".join(
        f"r1,{at},{place}.5,,snmp\nr1,{at},,{place % 7}.25,gnmi\n" for place, at in enumerate(times)
    )
    tables = {"metrics.csv": f"box,at,load,users,by\n{rows}"}
    found = check_folder(write(tmp_path, tables))
    lines = found.lines()
    assert "merged: 20 rows have further values of a reading, which takes them" in lines
