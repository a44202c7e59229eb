import math

import pandas as pd
import pytest

from feature_sets.ingestion.exact_windows import ExactWindows
from feature_sets.ingestion.storey_guard import guarded_storey
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema

SCHEMA = TelemetrySchema.load()


def event(seconds, latency=5.0):
    time = pd.Timestamp("2024-01-01", tz="UTC") + pd.Timedelta(seconds=seconds)
    metrics = dict.fromkeys(SCHEMA.metric_names, 50.0)
    storeys = dict.fromkeys(SCHEMA.window_features, -1.0)
    return {DEVICE: "a", SCHEMA.time: time, **metrics, "latency": latency, **storeys}


def test_the_windows_of_storey_are_replaced_and_the_readings_stay():
    step = ExactWindows(SCHEMA.to_dict())
    step.do(event(0, latency=4.0))
    out = step.do(event(10, latency=8.0))
    assert out["latency_avg_1m"] == 6.0
    assert out["cpu_utilization_stddev_5m"] == 0.0
    assert out["latency"] == 8.0
    assert -1.0 not in [out[name] for name in SCHEMA.window_features]
    assert set(out) == set(event(0))


def test_windows_empty_while_readings_are_missing():
    step = ExactWindows(SCHEMA.to_dict())
    step.do(event(0, latency=4.0))
    out = step.do(event(120, latency=float("nan")))
    assert math.isnan(out["latency_avg_1m"])
    assert out["latency_avg_5m"] == 4.0


def test_events_ahead_of_the_clock_are_history_too():
    out = ExactWindows(SCHEMA.to_dict()).do(event(10**9))
    assert out["latency_avg_1m"] == 5.0


@pytest.mark.parametrize("reading", [float("nan"), None])
def test_storey_does_not_count_a_missing_reading(reading):
    from storey import FieldAggregator
    from storey.dtypes import SlidingWindows

    aggregator = FieldAggregator("x", "x", ["sum"], SlidingWindows(["1m"], "10s"))
    with guarded_storey():
        assert not aggregator.should_aggregate({"x": reading})
        assert aggregator.should_aggregate({"x": 0.0})
    assert aggregator.should_aggregate({"x": reading})
