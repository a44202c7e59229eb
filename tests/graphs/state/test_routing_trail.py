"""What was in force when, also after what is oldest is dropped."""

from __future__ import annotations

import pytest

from graphs.routing.change import APPLIED, REFUSED, RoutingChange
from graphs.routing.document import CHAMPION, RoutedVersion, RoutingDocument
from graphs.routing.routing import Routing, place_of
from graphs.state import routing_trail
from graphs.state.routing_trail import RoutingTrail


def routing(version: str) -> Routing:
    document = RoutingDocument((RoutedVersion(version, CHAMPION, "m", "a" * 64),))
    return Routing.of(document, None, {version: 0.25})


def change(number: int, outcome: str = APPLIED, who: str = "kim", declared: bool = False) -> RoutingChange:
    before, after = routing(f"v{number - 1}").document, routing(f"v{number}")
    return RoutingChange(f"id{number}", float(number), who, "why", outcome, "", before, after, declared)


def champion(found: Routing) -> str:
    return found.document.champion.version


def test_an_entry_is_answered_by_what_was_in_force_before_it() -> None:
    trail = RoutingTrail(routing("v0"))
    assert trail.note((20, 0), change(2)) and trail.note((10, 0), change(1))
    assert trail.note((30, 0), change(3, REFUSED))
    assert not trail.note((20, 0), change(2))
    found = [champion(trail.at(place)) for place in ((5, 0), (10, 0), (10, 1), (20, 0), (21, 0), (40, 0))]
    assert found == ["v0", "v0", "v1", "v1", "v2", "v2"]
    assert (champion(trail.now), trail.revision) == ("v2", 3)
    assert (trail.threshold("v0"), trail.threshold("v2"), trail.threshold("v9")) == (0.25, 0.25, None)


def test_what_is_kept_is_taken_back_and_joined_with_what_is_known() -> None:
    trail, other = RoutingTrail(routing("v0")), RoutingTrail(routing("v9"))
    trail.note((10, 0), change(1))
    other.note((20, 0), change(2))
    other.take(trail.content())
    assert [champion(other.at(place)) for place in ((1, 0), (15, 0), (25, 0))] == ["v0", "v1", "v2"]
    assert other.is_kept and not trail.is_kept


def test_the_oldest_are_dropped_and_what_they_put_in_force_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routing_trail, "MOST", 3)
    trail, older = RoutingTrail(routing("v0")), RoutingTrail(routing("v0"))
    for number in range(1, 6):
        trail.note((number, 0), change(number))
        if number < 3:
            older.note((number, 0), change(number))
    assert (len(trail.changes), trail.revision) == (3, 5)
    assert [champion(trail.at((place, 0))) for place in (1, 3, 4, 9)] == ["v2", "v2", "v3", "v5"]
    trail.take(older.content())
    assert (trail.revision, champion(trail.base)) == (5, "v2")


def test_deployments_and_changes_with_the_tag_declare() -> None:
    trail = RoutingTrail(routing("v0"))
    assert trail.declared.champion.version == "v0"
    trail.note((1, 0), change(1))
    assert trail.declared.champion.version == "v0"
    trail.note((2, 0), change(2, who="deployment"))
    trail.note((3, 0), change(3, declared=True))
    trail.note((4, 0), change(4, REFUSED, declared=True))
    assert trail.declared.champion.version == "v3"


def test_the_order_of_devices_stays_as_it_is() -> None:
    # Another order would have other devices answered by a canary after an update of the code.
    assert [place_of(f"a/{number}", "netops") for number in range(2)] == [
        36047854304236629,
        48959499610654733,
    ]
