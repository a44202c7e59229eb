"""Features of live events: windows, latest readings, static one-hots; none for events that do not count."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import pytest

from feature_sets.telemetry.events import TelemetryEvent
from graphs.preprocess import Preprocess
from graphs.requests import Kind, Request
from graphs.serving_state import serving_state
from graphs.static_devices import static_devices
from tests.graphs.conftest import DEVICES, START


@pytest.fixture
def step(package: Path) -> Preprocess:
    context = SimpleNamespace()
    state = serving_state(context)
    state.clock = lambda: START + 1_000_000
    state.devices = static_devices(DEVICES, state.clock)
    return Preprocess(context, model_path=str(package))


def features(step: Preprocess, seconds: float, cpu: float, arrival: float = START) -> Request:
    reading = TelemetryEvent("a/1", START + seconds, {"cpu": cpu, "latency": math.nan})
    request = Request(Kind.TELEMETRY, arrival=arrival, events=[reading])
    step.do(request)
    return request


def test_an_event_has_windows_readings_and_static_features(step: Preprocess) -> None:
    features(step, 0, 10.0)
    (row,) = features(step, 20, 30.0).features
    assert row is not None
    assert (row["cpu"], row["cpu_avg_1m"], row["cpu_stddev_5m"]) == (
        30.0,
        20.0,
        pytest.approx(math.sqrt(200)),
    )
    assert math.isnan(row["latency"]) and math.isnan(row["latency_avg_1m"])
    assert (row["model_x"], row["model_y"]) == (1.0, 0.0)
    assert "event_status" not in row


def test_the_future_is_judged_by_the_time_of_arrival_so_that_a_replay_judges_alike(step: Preprocess) -> None:
    assert features(step, 61, 1.0, arrival=START).statuses == ["quarantined"]
    assert features(step, 60, 1.0, arrival=START).statuses == ["accepted"]


def test_events_that_do_not_count_have_no_features(step: Preprocess) -> None:
    assert features(step, 0, 10.0).statuses == ["accepted"]
    again = features(step, 0, 10.0)
    assert (again.statuses, again.features) == (["duplicate"], [None])
