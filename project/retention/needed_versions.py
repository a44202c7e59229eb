"""Which versions of the model something needs, with the data of the runs that made them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from graphs.routing.change import APPLIED
from project.endpoint_routing import EndpointRouting, champion_of
from project.retention.plan import StoredRun
from project.retraining.state import LoopState

_NOBODYS = frozenset(("", "latest", "rejected"))
"""Tags that say nothing of a use: the newest model has one, the newest that the gate kept out the other."""


def needed_versions(
    runs: Sequence[StoredRun],
    promotions: Sequence[Mapping[str, Any]],
    routing: EndpointRouting | None,
    loop: LoopState,
    champions: int,
) -> dict[str, str]:
    """Version -> what needs it.

    :param promotions: results of the steps ``promote``, the newest first.
    :param routing: of the endpoint; None where none was ever deployed.
    :param loop: state of the loop from drift to a new model.
    :param champions: how many of the models that were in production last are needed.
    """
    found: dict[str, str] = {}

    def need(version: str, why: str) -> None:
        if version:
            found.setdefault(version, why)

    for each in routing.document.versions if routing else ():
        need(each.version, f"is the {each.role}" if each.role == "champion" else f"is in {each.role}")
    for run in runs:
        for model in run.data:
            for tag in model.tags if model.version else ():
                if tag not in _NOBODYS:
                    need(model.version, f"has the tag {tag}")
    need(loop.candidate, "waits for approval")
    if loop.trial is not None:
        need(loop.trial.version, "is tried on live events")
        need(loop.trial.champion, "is what a trial is held against")
    if loop.attempt is not None:
        need(loop.attempt.candidate, "is released by the loop")
        need(loop.attempt.champion, "is what a run of the loop is held against")
    if loop.case is not None:
        need(loop.case.version, "is what drift was found of")
        need(loop.case.finish, "is to be served by the loop")
    if routing is not None:
        need(routing.champion_before, "is what a rollback returns to")
    for version in _last_champions(promotions, routing)[:champions]:
        need(version, f"is of the last {champions} in production")
    return found


def _last_champions(promotions: Sequence[Mapping[str, Any]], routing: EndpointRouting | None) -> list[str]:
    """Versions that were in production, the last first: as the endpoint tells, then as runs do."""
    told: list[str] = []
    for change in reversed(routing.changes if routing else ()):
        if change["outcome"] == APPLIED:
            told += [champion_of(change["to"]), champion_of(change["from"])]
    of_runs = [each for run in promotions for each in (run.get("version"), run.get("replaced")) if each]
    # What a rollback returns to where the endpoint has forgotten its trail comes first of what runs tell.
    return _distinct([*told[:2], *map(str, of_runs[:2]), *told, *map(str, of_runs)])


def _distinct(versions: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(versions))
