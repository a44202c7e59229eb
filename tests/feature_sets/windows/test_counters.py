"""Rates of counters: beside plain arithmetic in whole numbers, in any batches, and reading by reading."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_sets.checks import InputError
from feature_sets.rows.whole_numbers import whole_array
from feature_sets.windows.backfill import backfill
from feature_sets.windows.counters import CounterRule, Counters
from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.online import OnlineWindows
from feature_sets.windows.reference import reference
from feature_sets.windows.whole_readings import wholes_of_list
from tests.feature_sets.windows.engines import FakeClock, assert_equal_features, in_any_batches
from tests.feature_sets.windows.streams import START, Event

SECOND = 1_000_000
TICKS = 2**32 * 10_000
"""After how many microseconds TimeTicks begin again."""

OCTETS = CounterRule("octets", "octets_counter", 64, max_rate=1e9, scale=8e-6)
PACKETS = CounterRule("packets", "packets_counter", 32)

DEFINITION = WindowDefinition(
    entity="device",
    timestamp="at",
    metrics=("octets", "load", "packets"),
    operations=("avg", "max", "count", "last", "median"),
    windows=("20s", "1m"),
    period="10s",
    future_tolerance="30s",
    counters=Counters((OCTETS, PACKETS), 90 * SECOND, 3 * SECOND, "up_us", TICKS),
)
ONE = replace(
    DEFINITION,
    metrics=("octets",),
    counters=Counters((CounterRule("octets", "octets_counter"),), 90 * SECOND),
)
COLUMNS = ["octets_counter", "packets_counter", "up_us"]


def rows_of(events: list[Event]) -> pd.DataFrame:
    frame = pd.DataFrame(events, columns=["device", "at", "load", "arrival"])
    for column in COLUMNS:
        frame[column] = whole_array(*wholes_of_list(column, [event[column] for event in events], 2**64 - 1))
    return frame


def rates_of(
    readings: list[tuple[float, int | None]],
    rule: CounterRule,
    definition: WindowDefinition = ONE,
    **counters,
) -> list[float]:
    """Rates of a counter of one device.

    :param readings: seconds, in order of arrival, and what the counter shows.
    """
    changed = replace(definition.counters, rules=(rule,), **counters)
    engine = OnlineWindows(replace(definition, counters=changed), FakeClock(START + 1e6))
    return [
        engine.update({"device": "a", "at": START + at, "octets_counter": value, "up_us": None})["octets"]
        for at, value in readings
    ]


def same(got: list[float], want: list[float]) -> bool:
    return np.array_equal(got, want, equal_nan=True)


PLAIN = CounterRule("octets", "octets_counter")
NONE = math.nan


@pytest.mark.parametrize(
    ("readings", "rates"),
    [
        pytest.param([(0, 5), (10, 25), (20, 25)], [NONE, 2, 0], id="from one to the next"),
        pytest.param([(0, 2**64 - 2), (1, 2**64 - 1)], [NONE, 1], id="no unit is lost at the top"),
        pytest.param([(0, 2**53), (1, 2**53 + 1)], [NONE, 1], id="no unit is lost where floats lose one"),
        pytest.param([(0, 900), (10, 100), (20, 150)], [NONE, NONE, 5], id="a reset goes on from there"),
        pytest.param([(0, 5), (10, None), (20, 45)], [NONE, NONE, 2], id="a null is spanned"),
        pytest.param([(0, 5), (90, 95)], [NONE, 1], id="a gap as long as may be"),
        pytest.param([(0, 5), (90.00001, 95)], [NONE, NONE], id="a longer gap"),
        pytest.param([(0, 0), (20, 40), (10, 10), (30, 70)], [NONE, 2, 1, 3], id="late, and not revised"),
        pytest.param([(0, 0), (10, 10), (10, 99), (20, 40)], [NONE, 1, NONE, 3], id="a duplicate is nothing"),
        pytest.param([(0, 0), (99, 0), (30, 9), (109, 5)], [NONE, NONE, NONE, 0.5], id="too late is nothing"),
        pytest.param([(50, 80), (10, 40), (60, 90)], [NONE, NONE, 1], id="nothing is before the first"),
    ],
)
def test_rates_of_a_64_bit_counter(readings, rates):
    assert same(rates_of(readings, PLAIN), rates)


@pytest.mark.parametrize(
    ("bits", "max_rate", "before", "after", "rate"),
    [
        (32, 1e8, 2**32 - 100, 900, 100.0),
        (32, 99.0, 2**32 - 100, 900, NONE),
        (32, None, 2**32 - 100, 900, NONE),
        (64, 1e8, 2**64 - 100, 900, 100.0),
        (64, 1e8, 2**63, 0, NONE),
        (64, None, 2**64 - 100, 900, NONE),
        (64, 100.0, 0, 1000, 100.0),
        (64, 99.0, 0, 1000, NONE),
    ],
)
def test_a_wrap_counts_only_where_it_is_plausible(bits, max_rate, before, after, rate):
    rule = CounterRule("octets", "octets_counter", bits, max_rate)
    assert same(rates_of([(0, before), (10, after)], rule), [NONE, rate])
    # Whatever it was, the next reading goes on from there.
    assert same(rates_of([(0, before), (10, after), (20, after + 50)], rule)[2:], [5.0])


@pytest.mark.parametrize(
    ("ups", "rate"),
    [
        ((1000, 1010), 100.0),  # The device kept running: it wrapped.
        ((1000, 4), NONE),  # It has been running for less than before.
        ((2, 9), NONE),  # For more than before, but for less than the interval.
        ((1000, 10), NONE),  # As long as the interval, but for less than before.
        ((None, 1010), NONE),  # Nobody knows.
        ((2**32 / 100 - 3, 7), 100.0),  # Ticks began again.
        ((2**32 / 100 - 300, 7), NONE),  # They did not: there was more to count.
    ],
)
def test_the_uptime_tells_a_wrap_of_32_bits_from_a_restart(ups, rate):
    rule = CounterRule("octets", "octets_counter", 32)
    counters = replace(ONE.counters, rules=(rule,), uptime="up_us", uptime_wraps=TICKS)
    engine = OnlineWindows(replace(ONE, counters=counters), FakeClock(START + 1e6))
    got = [
        engine.update(
            {
                "device": "a",
                "at": START + 10 * place,
                "octets_counter": value,
                "up_us": None if up is None else round(up * SECOND),
            }
        )["octets"]
        for place, (value, up) in enumerate(zip((2**32 - 100, 900), ups, strict=True))
    ]
    assert same(got, [NONE, rate])


def test_a_restart_is_no_reading_though_the_counter_is_higher_than_before():
    counters = replace(ONE.counters, uptime="up_us")
    engine = OnlineWindows(replace(ONE, counters=counters), FakeClock(START + 1e6))
    got = [
        engine.update({"device": "a", "at": START + at, "octets_counter": value, "up_us": up * SECOND})
        for at, value, up in ((0, 10, 50), (30, 9000, 8), (40, 9010, 18))
    ]
    assert same([row["octets"] for row in got], [NONE, NONE, 1.0])


def test_a_reading_right_after_another_has_no_rate_and_none_begins_at_it():
    readings = [(0, 0), (2, 900), (10, 1000), (14.999999, 1050), (20, 1100)]
    assert same(rates_of(readings, PLAIN, min_interval=5 * SECOND), [NONE, NONE, 100.0, NONE, 10.0])
    # Of readings that all follow each other too soon, none is one to begin at but the first.
    fast = [(2 * second, second) for second in range(5)]
    assert same(rates_of(fast, PLAIN, min_interval=5 * SECOND), [NONE] * 5)


def test_scale_and_range_are_of_the_rate():
    rule = CounterRule("octets", "octets_counter", scale=0.5, low=1.0, high=4.0)
    assert same(rates_of([(0, 0), (10, 20), (20, 100), (30, 190), (40, 191)], rule), [NONE, 1, 4, NONE, NONE])


@pytest.mark.parametrize("value", [-1, 2**64, 1.5, float(2**53), math.inf, "7", True])
def test_what_is_no_whole_number_is_refused(value):
    engine = OnlineWindows(ONE, FakeClock(START))
    with pytest.raises(
        InputError, match=r"^octets_counter: must be a whole number from 0 to 18446744073709551615"
    ):
        engine.update({"device": "a", "at": START, "octets_counter": value})
    with pytest.raises(InputError, match=r"^octets_counter: must be a whole number"):
        engine.update(
            pd.DataFrame({"device": ["a"], "at": [START], "octets_counter": pd.Series([value], dtype=object)})
        )


_STEPS = [0, 1, 2.5, 5, 10, 10, 10, 30, 61, 89, 90.5, 200]
_DELAYS = [0, 0, 0, 0, 1, 7, 10, 25, 49, 60, 61, -29, -31]
_JUMPS = [0, 1, 7, 1_000, 10**9, 10**10, 2**31 - 1, 2**31, 2**33, 2**62, -1, -1_000, "reset", "top", None]


@st.composite
def counter_streams(draw: st.DrawFn) -> list[Event]:
    """Events in order of arrival: counters that wrap, are reset or are not read; late, repeated, gaps."""
    size = draw(st.integers(1, 40))
    drawn = draw(st.binary(min_size=size * 8, max_size=size * 8))
    now, events = START, []
    state = {device: [2**63, 2**31, 500 * SECOND, START] for device in "ab"}
    for begin in range(0, len(drawn), 8):
        step, device, delay, again, first, second, restart, load = drawn[begin : begin + 8]
        now += _STEPS[step % len(_STEPS)]
        name = "ab"[device % 2]
        of_device = state[name]
        at = now - _DELAYS[delay % len(_DELAYS)]
        shown = [
            _count(of_device, place, _JUMPS[jump % len(_JUMPS)], bits)
            for place, jump, bits in ((0, first, 64), (1, second, 32))
        ]
        up = of_device[2] + round((at - of_device[3]) * SECOND)
        if restart % 11 == 0:
            up = (restart % 5) * SECOND
        elif restart % 11 == 1:
            up = TICKS - 20 * SECOND
        of_device[2:] = [max(up, 0), at]
        event = {
            "device": name,
            "at": at,
            "load": float(load),
            "arrival": now,
            "octets_counter": shown[0],
            "packets_counter": shown[1],
            "up_us": None if restart % 13 == 0 else max(up, 0) % TICKS,
        }
        if events and again % 10 == 9:
            event |= {key: events[again % len(events)][key] for key in ("device", "at")}
        events.append(event)
    return events


def _count(state: list, place: int, jump: int | str | None, bits: int) -> int | None:
    if jump is None:
        return None
    if isinstance(jump, str):
        state[place] = 0 if jump == "reset" else 2**bits - 2
    else:
        state[place] = (state[place] + jump) % 2**bits
    return state[place]


@st.composite
def counter_definitions(draw: st.DrawFn) -> WindowDefinition:
    """Any rules: bits, fastest rate, gaps, repeated snapshots, with and without an uptime."""
    counters = Counters(
        rules=(
            replace(OCTETS, max_rate=draw(st.sampled_from([None, 1e9]))),
            replace(
                PACKETS, max_rate=draw(st.sampled_from([None, 1e8])), high=draw(st.sampled_from([None, 1e7]))
            ),
        ),
        max_gap=draw(st.sampled_from([15, 60, 90, 300])) * SECOND,
        min_interval=draw(st.sampled_from([0, 3, 12])) * SECOND,
        uptime=draw(st.sampled_from([None, "up_us"])),
        uptime_wraps=draw(st.sampled_from([0, TICKS])),
    )
    return replace(
        DEFINITION, counters=counters, allowed_lateness=draw(st.sampled_from([None, "10s"])), period="10s"
    )


@settings(max_examples=300, deadline=None)
@given(counter_streams(), counter_definitions())
def test_rates_equal_those_of_plain_arithmetic_to_the_last_bit(events, definition):
    rows = rows_of(events)
    got = backfill(rows, definition, arrival="arrival")
    want = reference(rows, definition, arrival="arrival")
    names = list(definition.rate_names)
    pd.testing.assert_frame_equal(got[names], want[names], check_exact=True)
    largest = [{"load": value, "heat": 0.0} for value in (*want["octets"], *want["packets"], 255.0)]
    assert_equal_features(got, want, largest, list(definition.feature_names))


@settings(max_examples=100, deadline=None)
@given(counter_streams(), counter_definitions(), st.data())
def test_any_batching_gives_the_rates_of_the_backfill_also_through_snapshots(events, definition, data):
    want = backfill(rows_of(events), definition, arrival="arrival")
    got = in_any_batches(definition, events, rows_of, data)
    pd.testing.assert_frame_equal(got[list(want.columns)], want, check_exact=True)


def test_a_snapshot_of_other_rules_is_refused():
    online = OnlineWindows(ONE, FakeClock(START))
    online.update({"device": "a", "at": START, "octets_counter": 2**64 - 1})
    snapshot = online.snapshot()
    for other in (replace(ONE, counters=None), replace(ONE, counters=replace(ONE.counters, max_gap=SECOND))):
        with pytest.raises(InputError, match=r"definition\.counters"):
            OnlineWindows(other, FakeClock(START)).restore(snapshot)


def test_a_device_is_not_forgotten_while_a_rate_can_begin_at_its_last_reading():
    online = OnlineWindows(ONE, FakeClock(START))
    with pytest.raises(InputError, match=r"must be at least what rates reach back, 150 s"):
        online.evict(149.0)
