"""What an ingestion leaves out as too late is told before it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from feature_sets.ingestion.too_late_notes import too_late_note
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.telemetry.readings import FrameReadings
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.windows.arrival_order import windows_as_known
from feature_sets.windows.definition import WindowDefinition

CONTENT = {
    "name": "lab",
    "entity": ["router"],
    "time": "at",
    "metrics": {"load": {}},
    "label": "is_error",
    "windows": {"lengths": ["5m", "10m"], "period": "1m"},
}
ARRIVING = TelemetrySchema.from_dict({**CONTENT, "arrival": "came"})


def readings(delays: np.ndarray) -> pd.DataFrame:
    """Of three routers each minute, with delays in minutes, shape (minutes, 3)."""
    at = pd.Timestamp("2026-03-01T00:00:00Z") + pd.to_timedelta(np.arange(delays.size) // 3, unit="min")
    return pd.DataFrame(
        {
            DEVICE: np.tile(["r1", "r2", "r3"], len(delays)),
            "at": at,
            "came": at + pd.to_timedelta(delays.ravel(), unit="min"),
            "load": 1.0,
        }
    )


@pytest.mark.parametrize("seed", range(4))
def test_they_are_those_that_the_windows_do_not_take(seed, monkeypatch):
    monkeypatch.setattr("feature_sets.ingestion.too_late_notes._ROWS", 40)
    generator = np.random.default_rng(seed)
    # Some from the future too, which are left out for that and make nothing late.
    rows = readings(np.where(generator.random((60, 3)) < 0.2, generator.integers(-30, 30, (60, 3)), 0))
    keyed = KeyedRows.of(rows, DEVICE, "at").in_event_order()
    known = windows_as_known(keyed, WindowDefinition.from_schema(ARRIVING), "came")
    count = int((known["event_status"] == "too_late").sum())
    assert count > 3
    assert too_late_note(FrameReadings(rows, "at"), ARRIVING).startswith(
        f"{count:,} of 180 readings would be left out: by came they arrived too late"
    )


def test_nothing_is_told_where_nothing_is_left_out():
    rows = readings(np.full((60, 3), 9))
    assert too_late_note(FrameReadings(rows, "at"), ARRIVING) == ""
    assert too_late_note(FrameReadings(rows.head(0), "at"), ARRIVING) == ""
    rows["came"] = rows["came"].to_numpy()[::-1]
    plain = TelemetrySchema.from_dict(CONTENT)
    assert too_late_note(FrameReadings(rows.drop(columns="came"), "at"), plain) == ""
