"""Lists read as columns give what one reading after the other gives."""

from __future__ import annotations

import math
import random

import pytest

from feature_sets.telemetry.events import EventError, EventParser
from feature_sets.telemetry.plain_events import PlainEvents
from feature_sets.telemetry.schema import TelemetrySchema

PLAIN = {"device": "oslo/a", "timestamp": "2024-05-01T00:00:10Z", "cpu": 12.5, "loss": None}
ODD = [
    {"device": " oslo/a "},
    {"device": 7},
    {"device": "nowhere/b"},
    {"device": ""},
    {"device": None},
    {"device": "oslo"},
    {"site": "oslo"},
    {"site": "oslo", "box": "a"},
    {"site": "oslo", "box": "b"},
    {"site": "bergen"},
    {"box": "b"},
    {"timestamp": 1714521610},
    {"timestamp": "2024-05-01T00:00:60Z"},
    {"timestamp": "2024-05-01T02:00:10.123456789+02:00"},
    {"timestamp": "2024-05-01 00:00:10"},
    {"timestamp": "2024-02-30T00:00:10Z"},
    {"timestamp": "2124-05-01T00:00:10Z"},
    {"timestamp": True},
    {"cpu": "12.5"},
    {"cpu": True},
    {"cpu": 101},
    {"cpu": -0.5},
    {"cpu": math.nan},
    {"cpu": math.inf},
    {"cpu": 10**400},
    {"cpu": [1]},
    {"loss": 10**30},
    {"loss": -0.0},
    {"cpu": 12, "loss": 5},
    {"more": {"a": 1}},
    {"timestamp": "2024-05-01T00:00:10.250Z"},
]


def schema(**other) -> TelemetrySchema:
    return TelemetrySchema.from_dict(
        {
            "name": "tiny",
            "entity": ["site", "box"],
            "time": "timestamp",
            "metrics": {"cpu": {"range": [0, 100]}, "loss": {}},
            "label": "is_error",
            "windows": {"lengths": ["1m"], "period": "10s", "operations": ["avg"]},
            **other,
        }
    )


def one_by_one(parser: EventParser, body):
    try:
        return repr(parser.telemetry(body))
    except EventError as error:
        return repr((error.where, error.rule, error.got))


def compared(plain: PlainEvents, parser: EventParser, bodies: list) -> int:
    """Events that were read as columns; each is what the parser gives."""
    found = plain.read(bodies)
    assert len(found) == len(bodies)
    for event, body in zip(found, bodies, strict=True):
        assert event is None or repr(event) == one_by_one(parser, body), body
    return sum(event is not None for event in found)


@pytest.mark.parametrize("odd", ODD, ids=str)
def test_an_odd_event_is_left_to_the_parser_or_read_alike(odd):
    parser = EventParser(schema(), {"oslo/a"}, whole_keys=True)
    bodies = [dict(PLAIN, cpu=float(number)) for number in range(64)]
    bodies[37] = {**PLAIN, **odd}
    assert compared(PlainEvents(schema(), parser), parser, bodies) >= 56


def test_bodies_of_any_kind_between_plain_ones():
    parser = EventParser(schema(), {"oslo/a"}, whole_keys=True)
    plain, chance = PlainEvents(schema(), parser), random.Random(5)
    for _ in range(60):
        bodies = []
        for _ in range(chance.randrange(8, 60)):
            body = dict(PLAIN, cpu=chance.choice([chance.uniform(0, 100), 3, None]))
            if chance.random() < 0.03:
                body.update(chance.choice(ODD))
            if chance.random() < 0.02:
                del body[chance.choice(list(PLAIN))]
            bodies.append(body if chance.random() > 0.02 else chance.choice([None, [], "x", 5]))
        compared(plain, parser, bodies)


@pytest.mark.parametrize(
    "other",
    [
        {"rename": {"host": "box"}},
        {"metrics": {"rx": {"kind": "counter"}, "cpu": {}}},
    ],
)
def test_a_schema_with_more_than_gauges_is_left_to_the_parser(other):
    other = schema(**other)
    assert PlainEvents(other, EventParser(other)).read([dict(PLAIN)] * 20) == [None] * 20


def test_a_device_that_is_no_longer_known_is_not_remembered():
    known = {"oslo/a"}
    parser = EventParser(schema(), known)
    plain = PlainEvents(schema(), parser)
    assert compared(plain, parser, [dict(PLAIN)] * 10) == 10
    known.clear()
    assert compared(plain, parser, [dict(PLAIN)] * 10) == 0


@pytest.mark.parametrize("where", ["device", "timestamp"])
def test_long_texts_are_not_remembered(where):
    parser = EventParser(schema(), {"oslo/a"}, whole_keys=True)
    plain = PlainEvents(schema(), parser)
    bodies = [{**PLAIN, where: PLAIN[where] + " " * (1000 + number)} for number in range(20)]
    assert compared(plain, parser, bodies) == 0 and parser.telemetry(bodies[0]).device == "oslo/a"
    assert all(len(text) < 1000 for text in (*plain._seconds, *plain._keys))


def test_few_events_are_left_to_the_parser():
    assert PlainEvents(schema(), EventParser(schema())).read([dict(PLAIN)] * 3) == [None] * 3
