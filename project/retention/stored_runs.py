"""The runs of a project with the data that their steps have made, as an MLRun API has them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from project.local.run_states import TERMINAL_STATES
from project.retention.plan import MODEL, StoredData, StoredRun

_OF_ITERATION = re.compile(r"-\d+$")
_TRAINS, _RELEASES = frozenset(("select-features", "train", "evaluate", "report")), "release"


def stored_runs(
    steps: Sequence[Mapping[str, Any]], artifacts: Iterable[Mapping[str, Any]], handlers: Iterable[str]
) -> tuple[list[StoredRun], list[str]]:
    """Runs of NetOps, and the paths of all data that is of none of them.

    What a step has made is of NetOps if its handler is. All else in the project stays.

    :param steps: MLRun documents of the runs of a project.
    :param artifacts: MLRun documents of its artifacts, one for each of their tags.
    :param handlers: of the jobs of NetOps, such as ``training.evaluate.evaluate``.
    """
    ours = frozenset(handlers)
    by_uid = {step["metadata"]["uid"]: step for step in steps if _handler(step) in ours}
    by_run: dict[str, list[Mapping[str, Any]]] = {}
    for step in by_uid.values():
        by_run.setdefault(_run_of(step), []).append(step)
    # A step of somebody else in a workflow of ours may go on.
    going = {_run_of(step) for step in steps if step["status"].get("state") not in TERMINAL_STATES}
    data: dict[str, list[StoredData]] = {}
    others: list[str] = []
    for found in _once(artifacts):
        made, producer = _stored(found), _producer(found)
        maker = by_uid.get(producer) or by_uid.get(_OF_ITERATION.sub("", producer))
        if maker is None:
            others.append(made.path)
        else:
            data.setdefault(_run_of(maker), []).append(made)
    return [
        _stored_run(run, of_run, data.get(run, ()), run in going) for run, of_run in by_run.items()
    ], others


def _stored_run(
    run: str, steps: Sequence[Mapping[str, Any]], data: Sequence[StoredData], goes_on: bool
) -> StoredRun:
    names = {str(step["metadata"]["name"]) for step in steps}
    workflow = "main" if names & _TRAINS else "release" if _RELEASES in names else "other"
    begun = min(str(step["status"].get("start_time") or "").replace("T", " ") for step in steps)
    return StoredRun(run, workflow, begun, not goes_on, tuple(data))


def _run_of(step: Mapping[str, Any]) -> str:
    return str((step["metadata"].get("labels") or {}).get("workflow") or step["metadata"]["uid"])


def _handler(step: Mapping[str, Any]) -> str:
    return str((step.get("spec") or {}).get("handler") or "")


def _producer(artifact: Mapping[str, Any]) -> str:
    """Uid of the run that has made an artifact, maybe with an iteration; empty if none has."""
    producer = (artifact.get("spec") or {}).get("producer") or {}
    if producer.get("kind") != "run":
        return ""
    return str(producer.get("uri") or "").rpartition("/")[2]


def _once(artifacts: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each artifact once, with all its tags."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for artifact in artifacts:
        metadata = artifact["metadata"]
        key = (_key(artifact), str(metadata.get("uid") or ""))
        known = found.setdefault(key, {**artifact, "tags": []})
        if metadata.get("tag"):
            known["tags"].append(str(metadata["tag"]))
    return list(found.values())


def _key(artifact: Mapping[str, Any]) -> str:
    return str((artifact.get("spec") or {}).get("db_key") or artifact["metadata"]["key"])


def _stored(artifact: Mapping[str, Any]) -> StoredData:
    metadata, spec = artifact["metadata"], artifact.get("spec") or {}
    kind = str(artifact.get("kind") or "artifact")
    version = str((metadata.get("labels") or {}).get("version") or "") if kind == MODEL else ""
    return StoredData(
        key=_key(artifact),
        uid=str(metadata.get("uid") or ""),
        tree=str(metadata.get("tree") or ""),
        iteration=int(metadata.get("iter") or 0),
        kind=kind,
        path=str(spec.get("target_path") or ""),
        size=int(spec.get("size") or 0),
        version=version,
        tags=tuple(artifact["tags"]),
    )
