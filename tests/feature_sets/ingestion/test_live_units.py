"""Live readings in another unit than the history are told with their times; ordinary ones never are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from feature_sets.ingestion.live_units import live_unit_warnings
from feature_sets.ingestion.telemetry_history import TelemetryHistory
from feature_sets.telemetry.schema import DEVICE
from tests.feature_sets.ingestion.folders import MODELS
from tests.feature_sets.ingestion.histories import SCHEMA

BEGIN = pd.Timestamp("2024-01-01T00:00:00Z")
MINUTES = 10


def day(number: int, seed: int = 0) -> pd.DataFrame:
    """Readings every ten minutes: a quiet night, and an hour of backups in it."""
    rng = np.random.default_rng([seed, number])
    times = pd.date_range(BEGIN + pd.Timedelta(days=number), periods=144, freq=f"{MINUTES}min")
    at = times.repeat(len(MODELS))
    busy = np.where((at.hour >= 7) & (at.hour < 21), 20.0, 1.0) * np.where(at.hour == 3, 20.0, 1.0)
    cpu = 2.0 ** np.tile(np.arange(len(MODELS)), len(times)) * busy * rng.lognormal(0, 0.3, len(at))
    return pd.DataFrame(
        {
            DEVICE: list(MODELS) * len(times),
            "timestamp": at,
            "cpu": cpu,
            "latency": rng.lognormal(2, 0.2, len(at)),
        }
    )


@pytest.fixture
def history(folder):
    told = pd.DataFrame({DEVICE: "dev-0", "timestamp": [BEGIN], "is_error": 0, "repair": "no"})
    folder.add("labels", "day", told)
    for number in range(4):
        folder.add("metrics", f"day{number}", day(number))
    folder.ingest()
    return TelemetryHistory.of(SCHEMA).metrics


def test_live_readings_in_another_unit_are_told_with_their_times(history):
    """A collector sends seconds for milliseconds from 06:00 on, for one, two and ten days."""
    for days in (1, 2, 10):
        live = pd.concat([day(4 + number) for number in range(days)], ignore_index=True)
        changed = live["timestamp"] >= BEGIN + pd.Timedelta(days=4, hours=6)
        (warning,) = live_unit_warnings(
            history, SCHEMA, live.assign(latency=live["latency"] / np.where(changed, 1000, 1))
        )
        until = (BEGIN + pd.Timedelta(days=4 + days)).strftime("%Y-%m-%d %H:%M")
        assert warning.startswith(
            f"latency may be in another unit in live readings of 2024-01-05 06:00 to {until} UTC: its "
            "values are about 1,000 times smaller there than in 4 other days, on 4 of 4 devices at once, "
            "such as dev-"
        )
        assert warning.endswith("elsewhere. Nothing was changed")


def test_an_hour_is_enough_and_order_counts_for_nothing(history):
    live = day(4)
    hour = live[live["timestamp"].dt.hour == 13].sample(frac=1, random_state=0)
    (warning,) = live_unit_warnings(history, SCHEMA, hour.assign(cpu=hour["cpu"] * 8).reset_index(drop=True))
    assert (
        "cpu may be in another unit in live readings of 2024-01-05 12:00 to 2024-01-05 18:00 UTC" in warning
    )
    assert "about 8 times larger" in warning


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("hours", [1, 6, 24])
def test_ordinary_hours_and_days_are_not_suspicious(history, hours, seed):
    live = pd.concat([day(4, seed), day(5, seed)], ignore_index=True)
    for _, rows in live.groupby(live["timestamp"].dt.floor(f"{hours}h")):
        assert live_unit_warnings(history, SCHEMA, rows.reset_index(drop=True)) == []


def test_without_a_history_without_readings_and_of_nulls_there_is_nothing_to_tell(history):
    live = day(4)
    assert live_unit_warnings(None, SCHEMA, live) == []
    assert live_unit_warnings(history, SCHEMA, live.iloc[:0]) == []
    assert live_unit_warnings(history, SCHEMA, live.assign(cpu=np.nan, latency=np.nan)) == []
