"""Features of live events: windows, latest readings, static one-hots; none for events that do not count."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from feature_sets.telemetry.events import TelemetryEvent
from graphs.preprocess import Preprocess
from graphs.protocol.records import TelemetryRecord
from graphs.protocol.request import Request
from graphs.protocol.routes import Kind
from tests.graphs.conftest import START, step_context


@pytest.fixture
def step(package: Path) -> Preprocess:
    return Preprocess(step_context(package, lambda: START + 1_000_000))


def sent(
    step: Preprocess, seconds: float, cpu: float, arrival: float = START, device: str = "a/1"
) -> TelemetryRecord:
    reading = TelemetryEvent(device, START + seconds, {"cpu": cpu, "latency": math.nan})
    record = TelemetryRecord(reading, 0)
    step.do(Request(Kind.TELEMETRY, arrival=arrival, telemetry=[record]))
    return record


def test_an_event_has_windows_readings_and_static_features(step: Preprocess) -> None:
    sent(step, 0, 10.0)
    row = sent(step, 20, 30.0).features
    assert row is not None
    assert (row["cpu"], row["cpu_avg_1m"], row["cpu_stddev_5m"]) == (
        30.0,
        20.0,
        pytest.approx(math.sqrt(200)),
    )
    assert math.isnan(row["latency"]) and math.isnan(row["latency_avg_1m"])
    assert (row["model_x"], row["model_y"]) == (1.0, 0.0)
    assert "event_status" not in row


def test_the_future_is_told_by_the_time_of_arrival_as_in_a_replay(step: Preprocess) -> None:
    assert sent(step, 61, 1.0, arrival=START).status == "quarantined"
    assert sent(step, 60, 1.0, arrival=START).status == "accepted"


def test_events_that_do_not_count_have_no_features(step: Preprocess) -> None:
    assert sent(step, 0, 10.0).status == "accepted"
    again = sent(step, 0, 10.0)
    assert (again.status, again.features) == ("duplicate", None)


# The longest window and the lateness are 300 s each, the tolerance is 60 s.
REACH = 660


def test_idle_devices_are_forgotten_when_no_window_can_reach_their_last_event(step: Preprocess) -> None:
    # The last event is as far ahead of its arrival as it may be, the next one as far behind.
    sent(step, 60, 10.0, device="a/2")
    last = sent(step, 360, 30.0, arrival=START + REACH, device="a/2")
    assert last.features and last.features["cpu_avg_5m"] == 30.0
    for number in range(100):
        at = 1000 + 20 * number
        device = f"a/{number}"
        sent(step, at, 1.0, arrival=START + at, device=device)
        assert len(step._windows.devices) <= 2 * REACH / 20 + 1
    assert set(step._windows.devices) <= {f"a/{number}" for number in range(30, 100)}


def test_a_device_is_kept_while_a_window_can_reach_its_last_event(step: Preprocess) -> None:
    # As in a replay, the clock is far ahead: what counts is the time of arrival.
    assert step._state.clock() > START + 10 * REACH
    sent(step, 0, 1.0, device="b/1")
    sent(step, 70, 10.0, arrival=START + 10)
    late = sent(step, 369, 30.0, arrival=START + 10 + REACH - 1)
    assert step._windows.devices == ("a/1",)
    assert late.features and late.features["cpu_avg_5m"] == 20.0


def test_a_clock_that_was_set_back_does_not_put_off_the_forgetting(step: Preprocess) -> None:
    sent(step, 1e6, 1.0, arrival=START + 1e6, device="b/1")
    for at in (0, REACH, 2 * REACH):
        sent(step, at, 1.0, arrival=START + at, device=f"a/{at}")
    assert step._windows.devices == ("b/1", f"a/{REACH}", f"a/{2 * REACH}")


def test_a_request_that_comes_to_nothing_has_no_device_forgotten(step: Preprocess) -> None:
    """The journal may not take it, or has entries of another process before it."""
    sent(step, 0, 10.0)
    reading = TelemetryEvent("a/2", START, {"cpu": 1.0, "latency": math.nan})
    later = Request(Kind.TELEMETRY, arrival=START + 2 * REACH, telemetry=[TelemetryRecord(reading, 0)])
    step.prepare(later)
    row = sent(step, 20, 30.0).features
    assert row is not None and row["cpu_avg_1m"] == 20.0
