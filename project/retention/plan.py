"""Which runs keep their data, and which lose it; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from project.retention_policy import RetentionPolicy

MODEL = "model"
"""Kind of the artifacts that are never deleted: audits, rollbacks and replays load any version."""


@dataclass(frozen=True)
class StoredData:
    """An artifact that a step of a run has made.

    :param key: of the artifact in the MLRun database, such as ``evaluate_test_set_preds``.
    :param uid: of the artifact.
    :param tree: which producer it is of.
    :param iteration: of a search.
    :param kind: of the artifact, such as ``dataset``.
    :param path: where its data is.
    :param size: bytes, as they were recorded.
    :param version: of a model; empty of all else.
    :param tags: of a model.
    """

    key: str
    uid: str
    tree: str
    iteration: int
    kind: str
    path: str
    size: int = 0
    version: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class StoredRun:
    """A run of a workflow of NetOps, or of one of its jobs alone.

    :param id: of the workflow; of a job alone that of its run.
    :param workflow: ``main``, ``release`` or ``other``.
    :param begun: when its first step began, ISO 8601 UTC.
    :param has_ended: whether each of its steps is over.
    :param data: artifacts of its steps.
    """

    id: str
    workflow: str
    begun: str
    has_ended: bool
    data: tuple[StoredData, ...] = ()

    @property
    def versions(self) -> set[str]:
        """Of the models that it has made."""
        return {each.version for each in self.data if each.version}


@dataclass(frozen=True)
class Kept:
    """A run that keeps its data, and why."""

    run: StoredRun
    why: str


@dataclass(frozen=True)
class Deleted:
    """A run that loses its data.

    :param report: the record of its page, which stays without plots; None without one.
    :param data: what is deleted.
    :param why: why.
    """

    run: StoredRun
    report: StoredData | None
    data: tuple[StoredData, ...]
    why: str


@dataclass(frozen=True)
class Plan:
    """What is to become of each run that has data, the newest first."""

    deleted: tuple[Deleted, ...] = ()
    kept: tuple[Kept, ...] = field(default=())


def plan(
    runs: Sequence[StoredRun],
    needed: Mapping[str, str],
    policy: RetentionPolicy,
    report_key: str,
    busy: Mapping[str, str] | None = None,
    other_paths: Iterable[str] = (),
) -> Plan:
    """Which runs keep their data.

    Kept are the newest of each workflow, those whose models something needs, those with a model that somebody
    has given a tag of their own, those that have not ended, and the newest with a report.

    :param runs: in any order.
    :param needed: version of a model -> what needs it.
    :param report_key: key of the reports.
    :param busy: id of a run -> what is done with it now.
    :param other_paths: where data is that is of no run of these.
    """
    if policy.is_off:
        return Plan(kept=tuple(Kept(run, "nothing is deleted") for run in _newest_first(runs)))
    busy = busy or {}
    newest: dict[str, int] = {}
    reported = False
    kept, old = list[Kept](), list[StoredRun]()
    for run in _newest_first(runs):
        newest[run.workflow] = newest.get(run.workflow, 0) + 1
        has_report = any(each.key == report_key for each in run.data)
        why = _why_kept(run, needed, busy)
        if not why and newest[run.workflow] <= policy.runs:
            why = f"of the newest {policy.runs}"
        if not why and has_report and not reported:
            why = "has the newest report"
        reported |= has_report
        if why:
            kept.append(Kept(run, why))
        else:
            old.append(run)
    paths = [each.path for one in kept for each in one.run.data]
    paths += [each.path for run in old for each in run.data if each.kind == MODEL]
    paths += other_paths
    stays = _Stays(paths)
    deleted = [_deleted(run, stays, report_key, policy) for run in old]
    return Plan(tuple(each for each in deleted if each.data), tuple(kept))


def _newest_first(runs: Iterable[StoredRun]) -> list[StoredRun]:
    return sorted((run for run in runs if run.data), key=lambda run: (run.begun, run.id), reverse=True)


def _why_kept(run: StoredRun, needed: Mapping[str, str], busy: Mapping[str, str]) -> str:
    """What needs the data of a run, whatever its age; empty for nothing."""
    if not run.has_ended:
        return "has not ended"
    if run.id in busy:
        return busy[run.id]
    found = sorted(f"{version[:8]} {needed[version]}" for version in run.versions if version in needed)
    return "; ".join(found)


class _Stays:
    """What stays of a run that loses its data: models, and data that a record which stays leads to as well.

    :param paths: of the data of those records; what is in a folder of these stays, too.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = {path.rstrip("/") for path in paths if path}

    def __contains__(self, data: StoredData) -> bool:
        if data.kind == MODEL:
            return True
        path = data.path.rstrip("/")
        while path:
            if path in self._paths:
                return True
            path = path.rpartition("/")[0]
        return False


def _deleted(run: StoredRun, stays: _Stays, report_key: str, policy: RetentionPolicy) -> Deleted:
    data = tuple(each for each in run.data if each not in stays)
    report = next((each for each in data if each.key == report_key), None)
    gone = tuple(each for each in data if each.key != report_key)
    return Deleted(run, report, gone, f"older than the newest {policy.runs}, and nothing needs it")
