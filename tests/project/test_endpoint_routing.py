"""What commands say to the routing of an endpoint, and what they make of its answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from graphs.routing.document import CANARY, CHAMPION, SHADOW, RoutedVersion, RoutingDocument
from project import endpoint_routing
from project.endpoint_routing import (
    ChampionChange,
    EndpointRouting,
    change_routing,
    read_routing,
    with_role,
    without,
)
from project.errors import NetopsError
from project.http_json import BusyError
from tests.project.fake_endpoint import fake_endpoint


def routed(version: str, role: str, share: float = 0.0) -> RoutedVersion:
    return RoutedVersion(version, role, f"store://{version}", "a" * 64, share)


TRIED = replace(routed("six", SHADOW), until="2027-01-01T00:00:00+00:00")
DOCUMENT = RoutingDocument((routed("one", CHAMPION), routed("two", CANARY, 0.1), TRIED))


def answer(document: RoutingDocument, *changes: dict[str, Any]) -> dict[str, Any]:
    versions: list[dict[str, Any]] = [{**each.to_dict(), "threshold": 0.5} for each in document.versions]
    for each in versions:
        if each["role"] == CANARY:
            each["devices"] = 3
    return {"revision": 7, "salt": "netops", "versions": versions, "pending": None, "changes": list(changes)}


def change(
    before: str, after: str, who: str = "kim", outcome: str = "applied", why: str = ""
) -> dict[str, Any]:
    return {
        "why": why,
        "id": f"{before}-{after}",
        "who": who,
        "outcome": outcome,
        "error": "a golden row" if outcome == "refused" else "",
        "from": [{"version": before, "role": CHAMPION}],
        "to": [{"version": after, "role": CHAMPION}],
    }


def test_what_is_in_force_is_read_back() -> None:
    with fake_endpoint(lambda method, path, body: (200, answer(DOCUMENT))) as address:
        routing = read_routing(f"{address}/", "token")
    assert (routing.document, routing.revision, routing.devices) == (DOCUMENT, 7, {"two": 3})


def test_a_change_beside_a_trial_leaves_the_time_at_which_its_shadow_ends() -> None:
    with fake_endpoint(lambda method, path, body: (200, answer(DOCUMENT))) as address:
        read = read_routing(address, "token").document
    changed = with_role(read, routed("nine", CANARY, 0.2)).to_dict()
    (shadow,) = [each for each in changed["versions"] if each["role"] == SHADOW]
    assert shadow["until"] == "2027-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("changes", "before"),
    [
        ([], ""),
        ([change("old", "one")], "old"),
        ([change("old", "one", who="deployment")], ""),
        ([change("old", "one"), change("one", "new", outcome="refused")], "old"),
        ([change("old", "one"), change("one", "one")], "old"),
        ([change("one", "old"), change("old", "one")], "old"),
        ([change("old", "one"), change("one", "x", "endpoint"), change("x", "one", "endpoint")], "old"),
    ],
)
def test_only_what_a_person_promoted_can_be_undone_at_once(
    changes: list[dict[str, Any]], before: str
) -> None:
    assert EndpointRouting.of_answer(answer(DOCUMENT, *changes)).champion_before == before


def test_what_a_person_has_changed_since_a_time_is_told_unless_others_changed_it_later() -> None:
    rollback = {**change("new", "one", why="rolled back"), "time": "2024-05-01T12:00:00Z"}
    deployed = {**change("one", "new", who="deployment"), "time": "2024-05-01T11:00:00Z"}

    def told(since: str, *changes: dict[str, Any]) -> ChampionChange | None:
        return EndpointRouting.of_answer(answer(DOCUMENT, *changes)).changed_by_a_person(since)

    found = ChampionChange("kim", "new", "one", "rolled back", "2024-05-01T12:00:00Z")
    assert told("2024-05-01T11:30:00+00:00", deployed, rollback) == found
    assert told("2024-05-01T14:30:00+02:00", deployed, rollback) is None
    assert told("2024-05-01T10:00:00+00:00", rollback, deployed) is None
    assert told("2024-05-01T10:00:00+00:00", {**rollback, "who": "loop"}) is None
    assert told("2024-05-01T10:00:00+00:00") is None


def test_what_a_rollback_has_replaced_is_known_until_another_change() -> None:
    back = change("old", "one", why="rolled back")
    for changes, version in (
        ([back], "old"),
        ([change("old", "one", why="better")], ""),
        ([back, change("one", "x"), change("x", "one")], ""),
        ([{**back, "who": "deployment"}], ""),
    ):
        assert EndpointRouting.of_answer(answer(DOCUMENT, *changes)).rolled_back_from == version


@pytest.mark.parametrize("outcome", ["applied", "refused"])
@pytest.mark.parametrize("busy", [(), (1, 3, 4)], ids=["free", "limited"])
def test_a_change_is_waited_for_and_a_refusal_says_why(outcome: str, busy: tuple[int, ...]) -> None:
    asked: list[Any] = []
    slept: list[float] = []

    def respond(method: str, path: str, body: Any) -> tuple[int, Any]:
        asked.append((method, path, body))
        if len(asked) in busy:
            return 429, {"error": {"field": "requests", "rule": "must be at most 1 a second", "got": "more"}}
        if method == "PUT":
            return 202, {"change": "one-new", "state": "loading"}
        done = len(asked) > 2 + len(busy)
        return 200, answer(DOCUMENT, *([change("one", "new", outcome=outcome)] if done else []))

    with fake_endpoint(respond) as address:
        if outcome == "applied":
            told = change_routing(address, "token", DOCUMENT, "kim", "a test", 6, True, slept.append)
            assert told["outcome"] == "applied"
        else:
            with pytest.raises(NetopsError, match="refuses the change, and goes on as before: a golden row"):
                change_routing(address, "token", DOCUMENT, "kim", "a test", sleep=slept.append)
    method, path, body = asked[0]
    assert (method, path, body["routing"], body["who"]) == ("PUT", "/routing", DOCUMENT.to_dict(), "kim")
    puts = 2 if busy else 1
    assert [each[0] for each in asked] == ["PUT"] * puts + ["GET"] * (4 if busy else 2)
    assert slept == ([1.0, 1.0, 1.0, 0.5] if busy else [0.5])


def test_a_limit_that_is_longer_than_the_patience_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint_routing, "_PATIENCE_SECONDS", 0.5)
    with fake_endpoint(lambda *_: (429, {})) as address, pytest.raises(BusyError, match="429"):
        change_routing(address, "token", DOCUMENT, "kim", "a test")


def test_a_refusal_at_once_is_told_with_its_rule() -> None:
    error = {"error": {"field": "revision", "rule": "must be 8", "got": 7}}
    with (
        fake_endpoint(lambda *_: (409, error)) as address,
        pytest.raises(NetopsError, match=r"409: Conflict \(revision: must be 8, got 7\)"),
    ):
        change_routing(address, "token", DOCUMENT, "kim", "a test", 7)


def test_a_version_has_one_role_and_a_new_champion_replaces_the_old_one() -> None:
    promoted = with_role(DOCUMENT, routed("two", CHAMPION))
    assert [(each.version, each.role) for each in promoted.versions] == [("six", SHADOW), ("two", CHAMPION)]
    larger = with_role(DOCUMENT, routed("two", CANARY, 0.5))
    assert (larger.champion.version, [each.share for each in larger.canaries]) == ("one", [0.5])
    assert [each.version for each in without(DOCUMENT, "two").versions] == ["one", "six"]
