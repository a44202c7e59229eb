"""What is told of an incident before its start leads to the same as what is told after it."""

from __future__ import annotations

import random

import pytest

from feature_sets.telemetry.early_incidents import EarlyIncidents, take, with_early
from feature_sets.telemetry.incident_events import Incident, IncidentEvent, IncidentStatus


def told(events: list[IncidentEvent], early: EarlyIncidents) -> Incident | None:
    known = None
    for event in events:
        _, found = take(known, early, event, latest=1000.0)
        if isinstance(found, IncidentEvent):
            early.put(found)
        elif found is not None:
            early.opened(found)
            known = found
    return known


def change(generator: random.Random) -> IncidentEvent:
    ended = generator.random() < 0.6
    end = generator.choice([5.0, 30.0, 40.0]) if ended else None
    texts = {"kind": generator.choice(["link", "power"])} if generator.random() < 0.5 else {}
    cancelled = generator.choice([True, False, None])
    return IncidentEvent("1", {}, None, end, ended, cancelled, texts)


@pytest.mark.parametrize("seed", range(300))
def test_what_comes_before_the_start_leads_to_what_it_would_after_it(seed: int) -> None:
    generator = random.Random(seed)
    empty = generator.random() < 0.5
    texts = {"kind": generator.choice([None, "thermal"])} if generator.random() < 0.7 else {}
    cancelled = False if empty else None
    opening = IncidentEvent("1", {"device": "a"}, 10.0, None, empty, cancelled, texts)
    changes = [change(generator) for _ in range(generator.randrange(1, 4))]
    # A text of the opening that is another one than before is told last, and an end that is refused
    # takes what stands beside it with it.
    changes = [
        each._replace(texts={} if texts.get("kind") else each.texts, end=each.end and max(each.end, 10.0))
        for each in changes
    ]
    early = EarlyIncidents()
    after_it = told([opening, *changes], EarlyIncidents())
    assert told([*changes, opening], early) == after_it
    assert len(early) == 0


def test_an_event_that_says_all_of_it_already_stays_as_it_is() -> None:
    waiting = IncidentEvent("1", {}, None, 5.0, True, True, {"kind": "link"})
    opening = IncidentEvent("1", {"device": "a"}, 10.0, None, True, False, {"kind": None})
    whole = with_early(None, waiting, opening)
    assert whole == IncidentEvent("1", {"device": "a"}, 10.0, None, True, True, {"kind": "link"})
    assert with_early(None, waiting, whole) == whole
    known = Incident("1", {"device": "a"}, 10.0, 20.0, texts={}, source="a.csv")
    again = known.whole(with_early(known, waiting, IncidentEvent("1", {}, None, None, False, None, {})))
    assert (again.end, again.cancelled) == (20.0, True)
    assert with_early(known, waiting, again) == again


def test_of_two_ends_the_one_that_came_last_counts_and_a_bad_one_is_counted() -> None:
    early = EarlyIncidents()
    first = IncidentEvent("1", {}, None, 5.0, True, None, {})
    opening = IncidentEvent("1", {"device": "a"}, 10.0, 20.0, True, None, {})
    found = told([first, opening], early)
    assert found is not None and (found.end, early.refused_ends) == (20.0, 1)
    status, _ = take(None, early, opening._replace(start=2000.0, end=None), latest=1000.0)
    assert status is IncidentStatus.QUARANTINED
    again = EarlyIncidents()
    early.put(first._replace(id="2"))
    again.restore(early.saved())
    assert again.saved() == early.saved() and again.get("2") == first._replace(id="2")


def test_an_end_that_is_taken_back_before_the_start_stays_so_until_there_is_one() -> None:
    early = EarlyIncidents()
    opening = IncidentEvent("1", {"device": "a"}, 10.0, None, False, None, {})
    nothing = IncidentEvent("1", {}, None, None, False, None, {})
    later = [nothing._replace(texts={"kind": "link"}), nothing._replace(ended=True, end=30.0)]
    for event in (nothing._replace(ended=True, reopens=True), later[0]):
        told([event], early)
    assert with_early(None, early.get("1"), opening).reopens
    told(later[1:], early)
    assert not with_early(None, early.get("1"), opening).reopens
