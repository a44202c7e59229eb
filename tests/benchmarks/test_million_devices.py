"""The benchmark of a million devices: what it sends, and what it says of a few."""

from __future__ import annotations

import json

from feature_sets.telemetry.events import EventParser
from tests.benchmarks.million_devices import LIST, Bodies, measure
from tests.benchmarks.restart import schema


def test_each_device_sends_once_a_minute_and_each_list_is_of_one_moment() -> None:
    parser, bodies = EventParser(schema()), Bodies(2 * LIST, 1_700_000_000.0)
    lists = [
        [parser.telemetry(body) for body in json.loads(bodies.request(number).partition(b"\r\n\r\n")[2])]
        for number in range(4)
    ]
    assert [len(each) for each in lists] == [LIST] * 4
    assert [{event.time - 1_700_000_000.0 for event in each} for each in lists] == [
        {0.0},
        {30.0},
        {60.0},
        {90.0},
    ]
    first, second = ({event.device for event in each} for each in lists[:2])
    assert len(first | second) == 2 * LIST and not first & second
    assert [event.device for event in lists[2]] == [event.device for event in lists[0]]
    assert lists[2][0].metrics != lists[0][0].metrics


def test_a_few_devices_are_all_answered_and_the_memory_is_told() -> None:
    *minutes, whole = json.loads(json.dumps(list(measure(2, 2 * LIST, seconds=1.0))))
    assert [line["statuses"] for line in minutes] == [{"200": 2}, {"200": 2}]
    assert (whole["refused"], whole["devices"], whole["minutes"]) == (0, 2 * LIST, 2)
    assert whole["all_gb"] >= whole["endpoint_gb"] > 0.05
    assert whole["valkey_gb"] > 0 and whole["p99_ms"] >= whole["p50_ms"] > 0
