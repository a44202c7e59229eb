"""How far the rows had moved when a run measured it last, for those who have not seen the run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from project.api_reader import runs
from project.production_model import production_version

STEP = "drift-magnitude"
"""Step of the workflow that measures it."""


def measured_drift_of(dbpath: str, project: str, onset: str = "") -> list[str]:
    """What was measured last for the model in production, in a sentence; none where rows had not moved.

    :param dbpath: address of the MLRun API.
    :param onset: see ``measured_drift``.
    :raises NetopsError: if it does not answer.
    """
    found = runs(dbpath, project, name=STEP)
    return measured_drift(found, project, production_version(dbpath, project), onset) if found else []


def measured_drift(
    found: Iterable[Mapping[str, Any]], project: str, champion: str, onset: str = ""
) -> list[str]:
    """The same of runs, the newest first.

    A measurement that a later run could not repeat counts on, but not that of another model: after a rollback
    that of before is told again, and not that of the model which left.

    :param champion: version of the model in production.
    :param onset: since when that is wrong more often, if the loop answers such a drift: event time, ISO 8601
        UTC. Otherwise only whoever knows the network knows since when its rows are others.
    """
    measured = [run["status"].get("results") or {} for run in found if run["metadata"]["name"] == STEP]
    # The verdict is the last result of a step that may be under way, or was killed before.
    of_champion = [each for each in measured if each.get("base_version") == champion]
    last = next((each for each in of_champion if {"drifted", "verdict"} <= each.keys()), None)
    if last is None or not last["drifted"]:
        return []
    what = str(last["verdict"]).partition("; measured on ")[0]
    rows = (
        f"measured on rows of {last['measured_on']} until {str(last['batch_to'])[:16].replace('T', ' ')} UTC"
    )
    since, known = (onset, "") if onset else ("TIME", ", which came at TIME")
    return [
        f"{what}; {rows}; it starts no training by itself. To train on the rows since a change{known}: "
        f"netops run --project {project} --set 'training_window=since {since}'"
    ]
