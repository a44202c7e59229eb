"""Metrics in long layout: the same readings as in wide layout."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from feature_sets.telemetry import reading_files, table_files
from feature_sets.telemetry.errors import TelemetryError
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.telemetry.table_files import FileRows

CONTENT: dict[str, Any] = {
    "name": "tall",
    "entity": ["site", "box"],
    "time": "at",
    "metrics": {"cpu": {"range": [0, 100]}, "octets": {}},
    "label": "bad",
    "rename": {"if.octets": "octets"},
}
WIDE = TelemetrySchema.from_dict(CONTENT)
LONG = TelemetrySchema.from_dict({**CONTENT, "files": {"layout": "long", "metric": "name", "value": "v"}})


def wide(rows: int = 200) -> pd.DataFrame:
    random = np.random.default_rng(4)
    return pd.DataFrame(
        {
            "site": random.choice(["osl", "ber"], rows),
            "box": random.choice(["a", "b"], rows),
            "at": pd.Timestamp("2024-05-01T00:00:00Z") + pd.to_timedelta(np.arange(rows), unit="s"),
            "cpu": np.where(random.random(rows) < 0.2, np.nan, random.normal(50, 40, rows)),
            "if.octets": random.integers(0, 10**6, rows).astype(float),
        }
    )


def tall(frame: pd.DataFrame) -> pd.DataFrame:
    long = frame.melt(["site", "box", "at"], var_name="name", value_name="v")
    return long.dropna(subset="v").sample(frac=1, random_state=1)


def write(folder: Path, metrics: dict[str, pd.DataFrame], frame: pd.DataFrame) -> Path:
    (folder / "metrics").mkdir(parents=True)
    for name, part in metrics.items():
        part.to_parquet(folder / "metrics" / f"{name}.parquet", index=False)
    labels = frame[["site", "box", "at"]].assign(bad=0)
    labels.to_parquet(folder / "labels.parquet", index=False)
    return folder


@pytest.mark.parametrize("by", ["one file", "halves", "metrics"])
def test_the_readings_are_those_of_wide_layout(tmp_path: Path, by: str) -> None:
    frame = wide()
    long = tall(frame)
    parts = {
        "one file": {"all": long},
        "halves": {"1": long[:150], "2": long[150:]},
        "metrics": {name.replace(".", "_"): part for name, part in long.groupby("name")},
    }[by]
    expected, _ = read_telemetry(write(tmp_path / "wide", {"all": frame}, frame), WIDE)
    found, report = read_telemetry(write(tmp_path / "long", parts, frame), LONG)
    pd.testing.assert_frame_equal(found.metrics, expected.metrics)
    pd.testing.assert_frame_equal(found.static, expected.static)
    assert report.metrics.rows_read == report.metrics.rows_accepted == len(frame)
    assert f"long layout: {len(long):,} rows make {len(frame):,} readings" in report.metrics.notes
    assert sum(mark.rows for mark in report.metrics.marks.values()) == len(frame)


def test_other_names_repeated_values_and_bad_rows_are_told(tmp_path: Path) -> None:
    frame = wide(4).assign(cpu=1.0)
    long = tall(frame).sort_values(["at", "name"], ignore_index=True)
    extra = pd.DataFrame(
        {
            "site": ["osl", None, "osl", "osl"],
            "box": "a",
            "at": [*long["at"][:2], None, pd.Timestamp("2024-05-02T00:00:00Z")],
            "name": ["temperature", "cpu", "cpu", "cpu"],
            "v": ["3", "4", "5", "high"],
        }
    )
    again = long[:1].assign(v=99.0)
    parts = {"1": long, "2": extra, "3": again}
    found, report = read_telemetry(write(tmp_path, parts, frame), LONG)
    assert report.metrics.rejected == {"missing_device": 1, "unparsable_time": 1, "not_a_number": 1}
    assert report.metrics.values["contradicting_values"] == {"cpu": 1}
    assert "repeated_values" not in report.metrics.values
    assert "not metrics of the schema: temperature (1 rows)" in report.metrics.notes
    assert len(found.metrics) == 4
    assert found.metrics["cpu"].tolist() == [1.0] * 4


def test_a_file_without_the_column_is_refused(tmp_path: Path) -> None:
    frame = wide(4)
    with pytest.raises(TelemetryError, match=r"metrics/all\.parquet, column 'v': is required"):
        read_telemetry(write(tmp_path, {"all": frame}, frame), LONG)


@pytest.mark.parametrize("seed", range(8))
def test_values_in_any_files_are_the_same_readings(tmp_path: Path, seed: int) -> None:
    """Values of a reading lie in several files, of several kinds, some given again."""
    generator = np.random.default_rng(seed)
    frame = wide(60)
    long = tall(frame)
    expected, _ = read_telemetry(write(tmp_path / "wide", {"all": frame}, frame), WIDE)
    folder = write(tmp_path / "long", {}, frame)
    number = generator.integers(0, 4, len(long))
    again = long[number == 0].head(5)
    for part, rows in long.groupby(number):
        whole = rows if part != 3 else pd.concat([rows, again.assign(v=-1.0)])
        path = folder / "metrics" / f"part-{part}"
        kind = generator.choice(["parquet", "csv", "csv.gz", "jsonl"])
        if kind == "parquet":
            whole.to_parquet(f"{path}.parquet", index=False)
        elif kind == "jsonl":
            cells = whole.assign(at=whole["at"].map(pd.Timestamp.isoformat))
            cells.to_json(f"{path}.jsonl", orient="records", lines=True, double_precision=15)
        else:
            whole.to_csv(f"{path}.{kind}", index=False)
    found, report = read_telemetry(folder, LONG)
    pd.testing.assert_frame_equal(found.metrics, expected.metrics, rtol=1e-12)
    assert sum(report.metrics.values.get("contradicting_values", {}).values()) == len(again)
    assert sum(mark.rows for mark in report.metrics.marks.values()) == len(frame)


@pytest.mark.parametrize("schema", [LONG, WIDE])
def test_parts_of_files_are_let_go_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, schema: TelemetrySchema
) -> None:
    """A folder of any number of files needs the memory of a part of one."""
    frame = wide(40)
    rows = tall(frame) if schema is LONG else frame
    folder = write(tmp_path, {str(part): rows for part in range(4)}, frame)
    alive: list[weakref.ref[FileRows]] = []

    def parts(*given: Any) -> Iterator[FileRows]:
        for part in table_files.load_chunks(*given):
            gc.collect()
            assert [one for one in alive[:-1] if one() is not None] == []
            alive.append(weakref.ref(part))
            yield part
            del part

    monkeypatch.setattr(reading_files, "load_chunks", parts)
    found, report = read_telemetry(folder, schema)
    assert len(alive) == 4 and len(found.metrics) == 40
    again = {"repeated_values": 3 * len(rows)} if schema is LONG else {"duplicate": 120}
    told = (
        report.metrics.rejected
        if schema is WIDE
        else {"repeated_values": sum(report.metrics.values["repeated_values"].values())}
    )
    assert told == again
