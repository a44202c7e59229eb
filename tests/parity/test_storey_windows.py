"""Our windows beside storey's: equal where storey is right, and right where it is known to be wrong."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from storey import AggregateByKey, FieldAggregator, NoopDriver, Reduce, SyncEmitSource, Table, build_flow
from storey.dtypes import SlidingWindows

from feature_sets.telemetry.window_settings import OPERATIONS as OURS
from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.online import OnlineWindows
from tests.feature_sets.windows.streams import DEFINITION as OUR_DEFINITION
from tests.feature_sets.windows.streams import START, Event, event, ordered_stream

OPERATIONS = tuple(name for name in OURS if name != "median")
"""What storey has."""

DEFINITION = replace(OUR_DEFINITION, operations=OPERATIONS)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def storey_rows(events: list[Event], definition: WindowDefinition = DEFINITION) -> list[dict[str, Any]]:
    """What storey's ``AggregateByKey`` answers to each event."""
    aggregators = [
        FieldAggregator(
            metric,
            metric,
            list(definition.operations),
            SlidingWindows(list(definition.windows), definition.period),
        )
        for metric in definition.metrics
    ]
    # Made before the flow runs: an error of ours while it runs would leave its thread behind for ever.
    bodies = [{**body, "moment": EPOCH + timedelta(microseconds=round(body["at"] * 1e6))} for body in events]
    flow = build_flow(
        [
            SyncEmitSource(key_field="device"),
            AggregateByKey(aggregators, Table("windows", NoopDriver()), time_field="moment"),
            Reduce([], lambda rows, row: [*rows, row]),
        ]
    ).run()
    for body in bodies:
        flow.emit(body)
    flow.terminate()
    answer: list[dict[str, Any]] = flow.await_termination()
    return answer


def our_rows(events: list[Event], definition: WindowDefinition = DEFINITION) -> list[dict[str, Any]]:
    return OnlineWindows(definition, clock=lambda: START + 1e7).update(events)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("operation", [name for name in OPERATIONS if name != "first"])
def test_on_events_in_order_every_operation_but_first_equals_storeys(operation: str, seed: int) -> None:
    definition = WindowDefinition("device", "at", ("load", "heat"), (operation,), ("20s", "1m", "5m"), "10s")
    events = ordered_stream(seed, events=150)
    theirs, ours = storey_rows(events, definition), our_rows(events, definition)
    for name in definition.feature_names:
        got, want = [row[name] for row in ours], [row[name] for row in theirs]
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9, err_msg=name)


def test_storeys_first_is_of_the_newest_bucket_once_the_window_has_moved_and_ours_of_the_oldest() -> None:
    # The window of 20 s at second 25 holds the buckets [10, 20) and [20, 30).
    events = [event(0, 1.0), event(10, 2.0), event(20, 3.0), event(25, 4.0)]
    first = replace(DEFINITION, operations=("first",))
    assert storey_rows(events, first)[-1]["load_first_20s"] == 3.0
    assert our_rows(events, first)[-1]["load_first_20s"] == 2.0


def test_storey_miscounts_for_good_after_an_event_late_within_the_window_and_we_do_not() -> None:
    # One event a second, in order, but for the event of second 25, which arrives in second 31.
    seconds = [*range(25), *range(26, 32), 25, *range(32, 200)]
    events = [event(second, 1.0) for second in seconds]
    count = replace(DEFINITION, operations=("count",))
    theirs, ours = storey_rows(events, count), our_rows(events, count)
    # In second 199 the last minute, [140, 200), holds sixty readings.
    assert ours[-1]["load_count_1m"] == 60
    assert theirs[-1]["load_count_1m"] != 60


def test_storey_stops_on_the_deviation_of_a_constant_and_ours_is_zero() -> None:
    events = [event(second, 50.3, 50.3) for second in range(200)]
    with pytest.raises(ValueError, match="math domain error"):
        storey_rows(events)
    assert {row["load_stddev_1m"] for row in our_rows(events)[1:]} == {0.0}


def test_storey_falls_silent_after_one_event_a_day_ahead_and_we_set_it_aside() -> None:
    events = [event(0), event(1), event(86400), event(2), event(3)]
    theirs = storey_rows(events)
    assert [row.get("load_count_1m") for row in theirs][3:] == [None, None]
    ours = OnlineWindows(DEFINITION, clock=lambda: START + 5).update(events)
    assert [row["event_status"] for row in ours][2] == "quarantined"
    assert [row["load_count_1m"] for row in ours][3:] == [3.0, 4.0]


def test_storey_leaves_out_an_event_older_than_the_window_silently_and_we_say_so() -> None:
    events = [event(0), event(600), event(5)]
    assert storey_rows(events)[2].get("load_count_1m") is None
    last = our_rows(events)[2]
    assert last["event_status"] == "too_late"
    assert math.isnan(last["load_count_1m"])
