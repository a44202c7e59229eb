"""Readings of devices whose clock was not set are told in the report."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from feature_sets.rows import row_sort
from feature_sets.telemetry import reading_files
from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import TelemetrySchema

SCHEMA = TelemetrySchema.from_dict(
    {"name": "lab", "entity": ["device"], "time": "at", "metrics": {"load": None}, "label": "bad"}
)


def notes(folder: Path, early: list[str], usual: int = 100, first: str = "2026-01-01") -> list[str]:
    times = pd.date_range(first, periods=usual, freq="10s", tz="UTC")
    rows = pd.DataFrame({"device": "r1", "at": [*(f"{moment.isoformat()}" for moment in times), *early]})
    rows.loc[rows.index >= usual, "device"] = "r2"
    rows.assign(load=1.0).to_csv(folder / "metrics.csv", index=False)
    pd.DataFrame({"device": ["r1"], "at": [times[0].isoformat()], "bad": [0]}).to_csv(
        folder / "labels.csv", index=False
    )
    _, report = read_telemetry(folder, SCHEMA)
    return [note for note in report.metrics.notes if "before all others" in note]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_few_readings_of_1970_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunked: bool
) -> None:
    if chunked:
        for module in (row_sort, reading_files):
            monkeypatch.setattr(module, "RUN_BYTES", 100)
    (note,) = notes(tmp_path, ["1970-01-01T00:00:00Z", "1970-01-01T00:00:10Z", "1980-01-06T00:00:00Z"])
    assert note.startswith(
        "3 readings are 46 years or more before all others, such as one of 'r2' at 1970-01-01T"
    )


@pytest.mark.parametrize(
    ("early", "usual"), [([], 100), (["2025-02-01T00:00:00Z"], 100), (["1970-01-01T00:00:00Z"], 10), ([], 1)]
)
def test_what_may_be_a_history_of_its_own_is_not(tmp_path: Path, early: list[str], usual: int) -> None:
    assert not notes(tmp_path, early, usual)


@pytest.mark.parametrize(
    ("times", "warned"),
    [
        (["45292.0034722", "45292.5"], True),  # Of 2024, as Excel counts days.
        (["0.5", "45292.5"], False),  # Seconds since the begin of something.
        (["45292.5", "1704067200"], False),
        (["1970-01-02T12:00:00Z"], False),
    ],
)
def test_days_that_are_taken_for_seconds_are_warned_of(
    tmp_path: Path, times: list[str], warned: bool
) -> None:
    (tmp_path / "metrics.csv").write_text("device,at,load\n" + "".join(f"a,{at},1\n" for at in times))
    (tmp_path / "labels.csv").write_text(f"device,at,bad\na,{times[0]},0\n")
    base = {"name": "lab", "entity": ["device"], "time": "at", "metrics": {"load": {}}, "label": "bad"}
    _, report = read_telemetry(tmp_path, TelemetrySchema.from_dict(base))
    assert any("these are days, as of Excel" in said for said in report.metrics.warnings) == warned
