"""Streams of events for the tests of the windows, drawn by hypothesis or from a seed."""

from __future__ import annotations

import math
import random
from typing import Any

from hypothesis import strategies as st

from feature_sets.telemetry.window_settings import OPERATIONS
from feature_sets.windows.definition import WindowDefinition

START = 1_714_564_800.0
"""2024-05-01 12:00:00 UTC, the beginning of a bucket."""

DEFINITION = WindowDefinition(
    entity="device",
    timestamp="at",
    metrics=("load", "heat"),
    operations=OPERATIONS,
    windows=("20s", "1m"),
    period="10s",
    future_tolerance="30s",
)

Event = dict[str, Any]


def event(at: float, load: float | None = 1.0, heat: float | None = 1.0, device: str = "a") -> Event:
    """An event at a time in seconds after ``START``."""
    return {"device": device, "at": START + at, "load": load, "heat": heat}


_VALUES = st.one_of(
    st.just(math.nan),
    st.sampled_from([0.1, 50.3, -7.0, 0.0]),
    st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 3)),
)
# Few different steps and delays, so that ties, edges of buckets and edges of windows are met often.
_STEPS = st.sampled_from([0.0, 0.0, 1.0, 5.0, 10.0, 9.999999, 30.0, 61.0, 200.0])
_DELAYS = st.sampled_from(
    [0.0, 0.0, 0.0, 0.0, 1.0, 10.0, 20.0, 49.0, 50.0, 59.0, 60.0, 61.0, 300.0, -29.0, -31.0, -90.0]
)


@st.composite
def streams(draw: st.DrawFn) -> list[Event]:
    """Events in order of arrival (``arrival``), several devices, late, too late, early and repeated."""
    now = START
    events: list[Event] = []
    for _ in range(draw(st.integers(1, 40))):
        now += draw(_STEPS)
        if events and draw(st.integers(0, 9)) == 0:
            again = dict(draw(st.sampled_from(events)))
            events.append({**again, "load": draw(_VALUES), "arrival": now})
            continue
        events.append(
            {
                "device": draw(st.sampled_from(["a", "b", "c"])),
                "at": now - draw(_DELAYS),
                "load": draw(_VALUES),
                "heat": draw(_VALUES),
                "arrival": now,
            }
        )
    return events


def ordered_stream(seed: int, events: int = 300, devices: int = 2) -> list[Event]:
    """Events in the order of event time, with gaps, whole milliseconds and no repeated (device, time)."""
    rng = random.Random(seed)
    made: list[Event] = []
    for number in range(devices):
        at = rng.randrange(60_000)
        for _ in range(events):
            load, heat = rng.gauss(50, 10), rng.uniform(-1000, 1000)
            made.append(event(at / 1000, load, heat, device=f"d{number}"))
            at += rng.choice([1, 500, 1_000, 3_333, 9_999, 10_000, 10_000, 45_000, 61_000, 130_000])
    return sorted(made, key=lambda one: (one["at"], one["device"]))
