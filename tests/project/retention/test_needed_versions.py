"""What the data of a version is needed for."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from graphs.routing.document import CANARY, CHAMPION, SHADOW, RoutedVersion, RoutingDocument
from project.endpoint_routing import EndpointRouting
from project.retention.needed_versions import needed_versions
from project.retraining.state import Attempt, Case, LoopState, Trial
from tests.project.retention.records import run


def change(before: str, after: str, who: str = "somebody", outcome: str = "applied") -> dict[str, Any]:
    told = {key: [{"version": each, "role": CHAMPION}] for key, each in (("from", before), ("to", after))}
    return {"who": who, "why": "", "outcome": outcome, "error": "", **told}


def routing(*versions: tuple[str, str], changes: list[dict[str, Any]] | None = None) -> EndpointRouting:
    routed = [
        RoutedVersion(version, role, "m", "a" * 64, 0.5 if role == CANARY else 0.0)
        for version, role in versions
    ]
    return EndpointRouting(RoutingDocument(tuple(routed)), 1, {}, changes or [])


def test_every_version_that_the_endpoint_has_is_needed() -> None:
    at = routing(("c", CHAMPION), ("s", SHADOW), ("k", CANARY))
    found = needed_versions([], [], at, LoopState(), 2)
    assert found == {"c": "is the champion", "s": "is in shadow", "k": "is in canary"}


def test_what_a_rollback_returns_to_is_needed_also_where_runs_alone_know_it() -> None:
    changes = [change("a", "b"), change("b", "x", outcome="refused"), change("b", "c")]
    by_trail = needed_versions([], [], routing(("c", CHAMPION), changes=changes), LoopState(), 2)
    assert by_trail == {"c": "is the champion", "b": "is what a rollback returns to"}
    promotions = [{"version": "c", "replaced": "b"}, {"version": "b", "replaced": "a"}]
    by_runs = needed_versions([], promotions, routing(("c", CHAMPION)), LoopState(), 2)
    assert by_runs == {"c": "is the champion", "b": "is of the last 2 in production"}
    assert set(needed_versions([], promotions, None, LoopState(), 3)) == {"a", "b", "c"}


def test_a_year_of_promotions_keeps_the_last_of_them_alone() -> None:
    names = [f"v{number}" for number in range(365)]
    changes = [change(*pair, who="deployment") for pair in pairwise(names)]
    promotions = [{"version": after, "replaced": before} for before, after in pairwise(names)]
    at = routing((names[-1], CHAMPION), changes=changes)
    assert set(needed_versions([], promotions[::-1], at, LoopState(), 3)) == set(names[-3:])


def test_a_tag_of_a_use_or_of_somebody_is_one_and_that_of_the_newest_is_none() -> None:
    runs = [
        run(1, tags=("latest", "production")),
        run(2, tags=("rejected",)),
        run(3, tags=("latest",)),
        run(4, tags=("for-the-audit",)),
    ]
    found = needed_versions(runs, [], None, LoopState(), 2)
    assert found == {"v1": "has the tag production", "v4": "has the tag for-the-audit"}


def test_what_the_loop_works_with_is_needed() -> None:
    case = Case("id", "found", {}, "t", "t", finish="finish")
    state = LoopState(
        case=case,
        candidate="candidate",
        attempt=Attempt("key", "release", 1, "t", "of-run", candidate="released"),
        trial=Trial("tried", "against", "run", 1, "shadow", "t", "t"),
    )
    found = needed_versions([], [], None, state, 2)
    assert set(found) == {"found", "finish", "candidate", "of-run", "released", "tried", "against"}
