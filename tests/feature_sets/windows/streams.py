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


# Few different steps and delays, so that ties, edges of buckets and edges of windows are met often.
_STEPS = [0.0, 0.0, 1.0, 5.0, 10.0, 9.999999, 30.0, 61.0, 200.0]
_DELAYS = [0.0, 0.0, 0.0, 0.0, 1.0, 10.0, 20.0, 49.0, 50.0, 59.0, 60.0, 61.0, 300.0, -29.0, -31.0, -90.0]
_PLAIN = [0.0, 0.1, 50.3, -7.0]
_EVENT_BYTES = 13


@st.composite
def streams(draw: st.DrawFn) -> list[Event]:
    """Events in order of arrival (``arrival``), several devices, late, too late, early and repeated.

    They are read out of bytes: one draw for a whole stream, where a draw for each field would cost more than
    the windows that are tested.
    """
    length = draw(st.integers(1, 40))
    drawn = draw(st.binary(min_size=length * _EVENT_BYTES, max_size=length * _EVENT_BYTES))
    now = START
    events: list[Event] = []
    for begin in range(0, len(drawn), _EVENT_BYTES):
        step, again, device, delay, which, *readings = drawn[begin : begin + _EVENT_BYTES]
        now += _STEPS[step % len(_STEPS)]
        load, heat = _value(readings[:4]), _value(readings[4:])
        if events and again % 10 == 9:
            events.append({**events[which % len(events)], "load": load, "arrival": now})
            continue
        at = now - _DELAYS[delay % len(_DELAYS)]
        events.append({"device": "abc"[device % 3], "at": at, "load": load, "heat": heat, "arrival": now})
    return events


def _value(drawn: list[int]) -> float:
    """A reading: missing, one of a few plain ones, or any within a million, to three digits."""
    kind = drawn[0] % 3
    if kind == 0:
        return _PLAIN[drawn[1] % len(_PLAIN)]
    if kind == 1:
        return math.nan
    share = int.from_bytes(bytes(drawn[1:])) / 0xFFFFFF
    return round(2e6 * share - 1e6, 3)


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
