"""A small folder of telemetry for the tests of the readers: right, or with one thing wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from feature_sets.telemetry.ingest_report import IngestReport
from feature_sets.telemetry.readers import Telemetry, read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema

BASE: dict[str, Any] = {
    "name": "lab",
    "entity": ["site", "box"],
    "time": "at",
    "metrics": {"load": {"range": [0, 100]}, "heat": None},
    "label": "broken",
    "static": ["role"],
    "population": {"live": True},
    "exclude_labels": {"edge": 1},
}


SCHEMA = TelemetrySchema.from_dict(BASE)


TIMES = [f"2024-05-01T12:00:{second:02d}Z" for second in (0, 10, 20, 30)]


Frames = dict[str, pd.DataFrame]


def good() -> Frames:
    return {
        "metrics": pd.DataFrame(
            {
                "site": "osl",
                "box": ["a", "b", "a", "b"],
                "at": TIMES,
                "load": [1.0, 2.0, 3.0, 4.0],
                "heat": 5.0,
            }
        ),
        "labels": pd.DataFrame(
            {
                "site": "osl",
                "box": ["a", "b", "a", "b"],
                "at": TIMES,
                "broken": [0, 1, 0, 1],
                "edge": [0, 0, 1, 0],
            }
        ),
        "static": pd.DataFrame(
            {"site": "osl", "box": ["a", "b"], "role": ["leaf", "spine"], "live": [True, False]}
        ),
    }


def write(folder: Path, frames: Frames, kind: str = "parquet") -> Path:
    for name, frame in frames.items():
        if kind == "parquet":
            frame.to_parquet(folder / f"{name}.parquet", index=False)
        else:
            frame.to_csv(folder / f"{name}.csv", index=False)
    return folder


def read(
    folder: Path,
    change: Callable[[Frames], None] | None = None,
    schema: TelemetrySchema = SCHEMA,
    kind: str = "parquet",
) -> tuple[Telemetry, IngestReport]:
    frames = good()
    if change:
        change(frames)
    telemetry, report = read_telemetry(write(folder, frames, kind), schema)
    for part in report.files:
        assert part.rows_accepted == part.rows_read - sum(part.rejected.values())
    assert report.metrics.rows_accepted == len(telemetry.metrics)
    assert report.labels.rows_accepted == len(telemetry.labels)
    assert report.static.rows_accepted == len(telemetry.static)
    return telemetry, report


def set_cell(column: str, value: Any, row: int = 1) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        cells = frame[column].astype(object).tolist()
        cells[row] = value
        return frame.assign(**{column: pd.Series(cells, dtype=object)})

    return change
