"""Every decision about the model in production: the loop's, and what the gate decided in other runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from drift.drift_event import utc_time
from graphs.routing.change import APPLIED, DEPLOYMENT, ENDPOINT
from project.api_reader import runs
from project.endpoint_routing import LOOP, champion_of
from project.endpoint_routing import ROLLED_BACK as TELLS_ROLLBACK
from project.errors import NetopsError
from project.production_model import production_version
from project.retraining.state import DECLINED, OF_DRIFT, PROMOTED, REJECTED, ROLLED_BACK, SUPERSEDED, Decision
from project.retraining.state_file import StateFile
from project.retraining.told_drift import evidence_of
from project.settings import Settings
from project.text_columns import column_lines

AT_ONCE = "promoted at once"
"""What a person did in the running endpoint."""
BY_ITSELF = "changed by itself"
"""What the endpoint did, as a version could not be loaded, or can be again."""

_SAME = timedelta(minutes=10)
"""How far apart a rollback has two times: by the clock of the endpoint, and when the loop was told."""


def decisions(settings: Settings, dbpath: str, project: str) -> list[Decision]:
    """Every decision, oldest first.

    :param dbpath: address of the MLRun API.
    """
    own = StateFile(settings.loops, project).every_decision()
    of_runs = _of_gate(runs(dbpath, project), {decision.run_id for decision in own if decision.run_id})
    return sorted([*own, *of_runs], key=lambda decision: decision.time)


def replaced_version(dbpath: str, project: str) -> tuple[str, str]:
    """Versions of the model in production and of the one before it.

    :raises NetopsError: if no run has replaced a model by the one in production.
    """
    now = production_version(dbpath, project)
    for run in runs(dbpath, project):
        results = run["status"].get("results") or {}
        made_it = run["metadata"]["name"] == "promote" and results.get("version") == now
        if made_it and results.get("replaced"):
            return now, str(results["replaced"])
    what = f"version {now[:8]}" if now else "no model"
    raise NetopsError(
        f"project '{project}' must have replaced a model before it is put back, got {what} in production"
    )


def turned_down(found: Sequence[Decision], version: str) -> str:
    """How a version was turned down after the gate, in words; empty if it was not, or is in production since.

    :param found: decisions of the loop, oldest first.
    """
    for decision in reversed(found):
        if decision.after != version:
            continue
        if decision.outcome == REJECTED:
            return f"rejected {_when(decision)}: {decision.reason}"
        if decision.outcome == DECLINED:
            return f"declined {_when(decision)} {decision.reason}"
        if decision.outcome == SUPERSEDED:
            return f"superseded {_when(decision)}: {decision.reason}"
        if decision.outcome in (PROMOTED, ROLLED_BACK):
            return ""
    return ""


def _when(decision: Decision) -> str:
    return f"at {decision.time[:16].replace('T', ' ')}"


def with_people(found: Sequence[Decision], changes: Sequence[Mapping[str, Any]]) -> list[Decision]:
    """Decisions with those that people made in the running endpoint, oldest first.

    :param changes: of the routing, see ``GET /routing``. Those of deployments are what runs have decided, and
        the loop tells its own.
    """
    told = [each for each in found if each.outcome == ROLLED_BACK and not each.run_id]
    made = []
    for change in changes:
        before, after = champion_of(change["from"]), champion_of(change["to"])
        if change["who"] in (DEPLOYMENT, LOOP) or before == after:
            continue
        applied = BY_ITSELF if change["who"] == ENDPOINT else AT_ONCE
        decision = Decision(
            time=utc_time(change["time"]),
            outcome=applied if change["outcome"] == APPLIED else "refused",
            reason=f"{change['who']}: {change['why']}" + (f"; {change['error']}" if change["error"] else ""),
            before=before,
            after=after,
        )
        same = _told_as_well(decision, told) if change["why"] == TELLS_ROLLBACK else None
        if same is None:
            made.append(decision)
        else:
            told.remove(same)
    return sorted([*found, *made], key=lambda decision: decision.time)


def _told_as_well(rollback: Decision, told: Sequence[Decision]) -> Decision | None:
    """What 'netops rollback' has told the loop of a change that it made; the nearest in time, if any."""

    def apart(each: Decision) -> timedelta:
        return abs(datetime.fromisoformat(each.time) - datetime.fromisoformat(rollback.time))

    same = [
        each
        for each in told
        if rollback.outcome == AT_ONCE
        and (each.before, each.after) == (rollback.before, rollback.after)
        and apart(each) <= _SAME
    ]
    return min(same, key=apart, default=None)


def _of_gate(found: Sequence[Mapping[str, Any]], known: set[str]) -> list[Decision]:
    """What the gate decided in runs that the loop does not tell of itself."""
    steps: dict[str, dict[str, Mapping[str, Any]]] = {}
    for run in reversed(found):
        workflow = str((run["metadata"].get("labels") or {}).get("workflow") or "")
        if workflow and workflow not in known:
            steps.setdefault(workflow, {})[run["metadata"]["name"]] = run
    made = [_decision(workflow, by_name) for workflow, by_name in steps.items()]
    return [decision for decision in made if decision is not None]


def _decision(workflow: str, by_name: Mapping[str, Mapping[str, Any]]) -> Decision | None:
    """What the steps of a run say about the model in production; None if nothing."""
    run = by_name.get("evaluate", by_name.get("promote"))
    if run is None:
        return None
    results = run["status"].get("results") or {}
    promoted = (by_name["promote"]["status"].get("results") or {}) if "promote" in by_name else {}
    told = {**results, **promoted}
    if "promotion" not in told and not told.get("changed"):
        return None
    return Decision(
        time=utc_time(run["status"].get("last_update") or run["status"]["start_time"]),
        outcome=str(told.get("promotion", "released")),
        reason=str(told.get("promotion_reason", "put into production as it was registered")),
        run_id=workflow,
        before=str(told.get("replaced") or told.get("champion_version") or ""),
        after=str(results["version"]),
    )


def lines(found: Sequence[Decision]) -> list[str]:
    """Decisions for people, each with its evidence below."""
    rows = [
        (
            decision.time[:19].replace("T", " "),
            decision.outcome,
            decision.run_id[:8],
            decision.before[:8],
            decision.after[:8],
            decision.reason,
        )
        for decision in found
    ]
    table = column_lines(("time (UTC)", "decision", "run", "champion", "version", "why"), rows)
    told = [table[0]]
    for line, decision in zip(table[1:], found, strict=True):
        told.append(line)
        if decision.cause and decision.outcome in OF_DRIFT:
            told.append(f"    {evidence_of(decision.cause)}")
    return told
