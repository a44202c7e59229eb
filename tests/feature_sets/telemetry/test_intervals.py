"""Which interval a device is in at a time, by its key, its levels and its attributes."""

from __future__ import annotations

import random

import numpy as np
import pytest

from feature_sets.telemetry.intervals import OPEN, Interval, Intervals, Span
from feature_sets.telemetry.schema import TelemetrySchema

SCHEMA = TelemetrySchema.from_dict(
    {
        "name": "lab",
        "entity": ["site", "box"],
        "time": "at",
        "metrics": {"load": {}},
        "label": "bad",
        "static": ["role"],
    }
)


def at(intervals: Intervals, device: str, *moments: int) -> list[str | None]:
    return [intervals.at(device, moment) for moment in moments]


@pytest.mark.parametrize(
    "scope",
    [
        pytest.param((("device", "oslo/a"),), id="whole key"),
        pytest.param((("site", "oslo"),), id="outer level"),
        pytest.param((("site", "oslo"), ("box", "a")), id="all levels"),
        pytest.param((("role", "edge"),), id="attribute"),
        pytest.param((("site", "oslo"), ("role", "edge")), id="level and attribute"),
    ],
)
def test_an_interval_holds_for_the_devices_of_its_scope(scope: tuple[tuple[str, str], ...]) -> None:
    attributes = {"oslo/a": [Span(0, {"role": "edge"})], "rome/b": [Span(0, {"role": "core"})]}
    intervals = Intervals(SCHEMA, {"one": Interval(scope, 10, 20)}, attributes)
    assert at(intervals, "oslo/a", 9, 10, 19, 20) == [None, "one", "one", None]
    assert at(intervals, "rome/b", 10) == [None]
    assert intervals.covers(scope, "oslo/a") and not intervals.covers(scope, "rome/b")


def test_an_interval_without_an_end_does_not_end() -> None:
    intervals = Intervals(SCHEMA, {"one": Interval((("site", "oslo"),), 10)})
    assert at(intervals, "oslo/a", 9, 10, OPEN - 1) == [None, "one", "one"]


def test_a_scope_without_columns_covers_no_device() -> None:
    assert at(Intervals(SCHEMA, {"one": Interval((), 0)}), "oslo/a", 5) == [None]


def test_an_interval_over_an_attribute_follows_the_device() -> None:
    # from the beginning edge, from 15 on core, from 18 on edge again
    spans = [Span(12, {"role": "edge"}), Span(15, {"role": "core"}), Span(18, {"role": "edge"})]
    intervals = Intervals(SCHEMA, {"one": Interval((("role", "edge"),), 10, 20)}, {"oslo/a": spans})
    assert at(intervals, "oslo/a", 10, 14, 15, 17, 18, 20) == ["one", "one", None, None, "one", None]


def test_truth_values_of_attributes_are_compared_by_what_they_say_and_keys_as_text() -> None:
    attributes = {"oslo/1": [Span(0, {"role": "true"})], "oslo/true": [Span(0, {"role": None})]}
    intervals = Intervals(
        SCHEMA,
        {"by role": Interval((("role", "yes"),), 0, 5), "by box": Interval((("box", "1"),), 5, 9)},
        attributes,
    )
    assert at(intervals, "oslo/1", 1, 6) == ["by role", "by box"]
    assert at(intervals, "oslo/true", 1, 6) == [None, None]


def test_of_several_intervals_the_one_that_ends_last_is_told() -> None:
    # long  [0 ........... 30)
    # short     [5 .. 10)
    # later                  [25 ... 40)
    site = (("site", "oslo"),)
    intervals = Intervals(
        SCHEMA,
        {"short": Interval(site, 5, 10), "later": Interval(site, 25, 40), "long": Interval(site, 0, 30)},
    )
    assert at(intervals, "oslo/a", 0, 7, 12, 25, 39, 40) == ["long"] * 3 + ["later"] * 2 + [None]


def test_intervals_are_changed_and_dropped() -> None:
    intervals = Intervals(SCHEMA, {"one": Interval((("site", "oslo"),), 10)})
    intervals.put("one", Interval((("site", "rome"),), 10, 20))
    assert at(intervals, "oslo/a", 15) == [None]
    assert at(intervals, "rome/a", 15, 20) == ["one", None]
    intervals.drop("one")
    intervals.drop("never there")
    assert at(intervals, "rome/a", 15) == [None] and len(intervals) == 0


@pytest.mark.parametrize("seed", range(20))
def test_rows_lie_in_the_intervals_that_contain_them(seed: int) -> None:
    draw = random.Random(seed)
    devices = [f"{site}/{box}" for site in ("oslo", "rome") for box in "abc"]
    attributes = {
        device: [Span(draw.randrange(30), {"role": draw.choice(["edge", "core"])}) for _ in range(2)]
        for device in devices
    }
    for spans in attributes.values():
        spans.sort(key=lambda span: span.start)
    scopes = [(("site", "oslo"),), (("role", "edge"),), (("device", "rome/b"),), (("box", "c"),)]
    intervals = Intervals(
        SCHEMA,
        {
            str(number): Interval(draw.choice(scopes), start, start + draw.randrange(15))
            for number, start in enumerate(draw.choices(range(40), k=8))
        },
        attributes,
    )
    rows = [(draw.randrange(len(devices)), draw.randrange(60)) for _ in range(300)]
    codes, micros = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    found = intervals.containing(devices, codes, micros)
    names = [*intervals.named, None]
    for (code, moment), place in zip(rows, found.tolist(), strict=True):
        device = devices[code]
        spans = attributes[device]
        role = spans[1 if moment >= spans[1].start else 0].attributes["role"]
        facts = {"site": device[:4], "box": device[5:], "role": role, "device": device}
        containing = {
            name: interval.end
            for name, interval in intervals.named.items()
            if interval.start <= moment < interval.end
            and all(facts[column] == value for column, value in interval.scope)
        }
        assert names[place] == intervals.at(device, moment)
        assert (place >= 0) == bool(containing)


def test_a_time_from_first_to_last_meets_what_it_touches() -> None:
    intervals = Intervals(SCHEMA, {"one": Interval((("site", "oslo"),), 10, 20)})
    spans = [(0, 9), (0, 10), (12, 15), (19, 30), (20, 30)]
    assert [intervals.meets("oslo/a", *span) for span in spans] == [False, True, True, True, False]


def test_devices_that_are_asked_for_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feature_sets.telemetry.intervals._REMEMBERED", 10)
    found = Intervals(SCHEMA, {"night": Interval((("site", "oslo"),), 10, 20)})
    assert {found.at(f"oslo/{number}", 10) for number in range(100)} == {"night"}
    assert len(found._reaches) <= 10
