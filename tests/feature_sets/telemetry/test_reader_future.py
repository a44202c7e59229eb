"""Rows from the future are left out of files, as live ones are, until their time has come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from feature_sets.telemetry.ingest_report import FileMark, IngestReport
from feature_sets.telemetry.readers import KnownTelemetry, Telemetry, read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema
from tests.feature_sets.telemetry.telemetry_folder import BASE, SCHEMA, TIMES, good, write

NOW = pd.Timestamp(TIMES[2]).timestamp()
TOLERANCE = 60
LATE = "2036-01-01T00:00:00Z"


def read_at(
    folder: Path, now: float, known: KnownTelemetry | None = None, schema: TelemetrySchema = SCHEMA
) -> tuple[Telemetry, IngestReport]:
    return read_telemetry(folder, schema, known, lambda: now)


def ahead(seconds: float) -> str:
    return (pd.Timestamp(TIMES[2]) + pd.Timedelta(seconds=seconds)).isoformat()


@pytest.mark.parametrize("table", ["metrics", "labels"])
@pytest.mark.parametrize(
    ("time", "taken"), [(ahead(TOLERANCE), True), (ahead(TOLERANCE + 1e-6), False), (LATE, False)]
)
def test_a_row_further_ahead_than_the_tolerance_is_counted_with_a_sample(
    tmp_path: Path, table: str, time: str, taken: bool
) -> None:
    frames = good()
    frames[table].loc[3, "at"] = time
    rows, report = read_at(write(tmp_path, frames, "csv"), NOW)
    part = getattr(report, table)
    assert len(getattr(rows, table)) == (4 if taken else 3)
    assert part.rejected == ({} if taken else {"from_future": 1})
    if not taken:
        assert part.samples["from_future"] == f"at '{time}' in row 4 of {table}.csv"


def test_the_arrival_says_whether_a_reading_was_from_the_future(tmp_path: Path) -> None:
    schema = TelemetrySchema.from_dict({**BASE, "arrival": "received"})
    frames = good()
    # One ahead of its own arrival is quarantined later, by the engine of the windows.
    received = [TIMES[0], TIMES[0], TIMES[2], LATE]
    frames["metrics"] = frames["metrics"].assign(received=received)
    frames["metrics"].loc[1, "at"] = LATE
    rows, report = read_at(write(tmp_path, frames), NOW, schema=schema)
    assert report.metrics.rejected == {"from_future": 1}
    assert "received '2036-01-01" in report.metrics.samples["from_future"]
    assert pd.Timestamp(LATE) in set(rows.metrics["at"])


def test_a_file_is_read_again_when_the_time_of_its_first_row_has_come(tmp_path: Path) -> None:
    frames = good()
    frames["metrics"].loc[2, "at"], frames["metrics"].loc[3, "at"] = LATE, ahead(3600)
    folder = write(tmp_path, frames)
    _, report = read_at(folder, NOW)
    mark = report.metrics.marks["metrics.parquet"]
    assert mark.due == NOW + 3600 - TOLERANCE
    assert FileMark.from_dict(mark.to_dict()) == mark
    known = KnownTelemetry({"metrics": report.metrics.marks}, ("osl/a", "osl/b"))
    _, waiting = read_at(folder, mark.due - 1, known)
    assert waiting.metrics.unchanged == {"metrics.parquet": mark}
    assert (waiting.metrics.rows_read, waiting.metrics.rejected) == (4, {"from_future": 2})
    rows, come = read_at(folder, mark.due, known)
    assert come.metrics.rejected == {"from_future": 1}
    assert pd.Timestamp(ahead(3600)) in set(rows.metrics["at"])
    assert come.metrics.marks["metrics.parquet"].due == pd.Timestamp(LATE).timestamp() - TOLERANCE


def test_marks_of_files_without_such_rows_are_as_they_were() -> None:
    content: dict[str, Any] = {"size": 1, "modified": 2, "rows": 3, "rejected": {}, "devices": 4}
    assert FileMark.from_dict(content).to_dict() == content
