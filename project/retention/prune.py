"""Deletes the data of old runs of a project, as the policy says.

After each run this is done by itself, and ``netops prune`` does it. The caller holds the project, and its
champion, so no run begins and no version gets another role meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from feature_sets.checks import InputError
from project import run_lock
from project.api_reader import check_project, endpoints, runs
from project.endpoint_routing import EndpointRouting, routing_if_any
from project.errors import NetopsError
from project.function_names import SERVING, what_brings_back
from project.job_handlers import JOBS
from project.retention.deletion import delete_data, size_of, sweep
from project.retention.needed_versions import needed_versions
from project.retention.not_deleted import note_failure, note_success
from project.retention.old_folders import delete_folders, old_workflows, size_of_folders
from project.retention.old_pairs import delete_files, old_pairs
from project.retention.plan import Plan, plan
from project.retention.stored_runs import stored_runs
from project.retraining.state_file import StateFile
from project.settings import Settings

REPORT_ARTIFACT = "report_report"
"""Key of the pages: MLRun prefixes a key with the name of its run."""


@dataclass(frozen=True)
class Pruning:
    """What is to be deleted of a project.

    :param plan: of the data of runs.
    :param folders: of old workflows.
    :param pairs: files of labeled pairs.
    """

    plan: Plan
    folders: tuple[Path, ...] = ()
    pairs: tuple[Path, ...] = ()


@dataclass
class Pruned:
    """What was deleted.

    :param freed: id of a run -> bytes of its data.
    :param folders: bytes of the folders of old workflows.
    :param pairs: bytes of files of labeled pairs.
    :param left: paths of data that could not be deleted.
    """

    freed: dict[str, int] = field(default_factory=dict)
    folders: int = 0
    pairs: int = 0
    left: list[str] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """All that was freed."""
        return sum(self.freed.values()) + self.folders + self.pairs


def look(settings: Settings, dbpath: str, project: str, now: datetime) -> Pruning:
    """What is to be deleted of a project; nothing is changed.

    :param dbpath: address of the MLRun API.
    :param now: wall clock.
    :raises NetopsError: if its endpoint is not up, which alone knows which versions it has.
    """
    import mlrun

    check_project(dbpath, project)
    policy = settings.retention_policy
    steps = runs(dbpath, project)
    artifacts = mlrun.get_run_db().list_artifacts(project=project, tag="*")
    found, others = stored_runs(steps, artifacts, JOBS.values())
    routing = None if policy.is_off else _routing(settings, dbpath, project)
    loop = StateFile(settings.loops, project).read()
    needed = needed_versions(found, _promotions(steps), routing, loop, policy.champions)
    made = plan(found, needed, policy, REPORT_ARTIFACT, _busy(settings, project), others)
    if policy.is_off:
        return Pruning(made)
    models = {run.id for run in found if run.versions & set(needed)}
    kept = {each.run.id for each in made.kept} | models
    attempt = [loop.attempt.key] if loop.attempt else []
    folders = old_workflows(settings.home, project, kept, attempt)
    # A case, its runs and trials look back to its onset, however long ago that is.
    is_quiet = loop.case is None and loop.attempt is None and loop.trial is None and not loop.later
    pairs = old_pairs(settings.labeled_pairs(project), policy.pair_days, now) if is_quiet else []
    return Pruning(made, tuple(folders), tuple(pairs))


def delete(
    settings: Settings,
    project: str,
    pruning: Pruning,
    now: datetime,
) -> Pruned:
    """Delete what is to be deleted; the project must be held."""
    pruned = Pruned()
    for each in pruning.plan.deleted:
        outcome = delete_data(each, project, now)
        pruned.freed[each.run.id] = outcome.freed
        pruned.left += outcome.left
    sweep(settings.home / "artifacts" / project, now)
    pruned.folders = delete_folders(settings.home, project, pruning.folders)
    pruned.pairs = delete_files(pruning.pairs)
    return pruned


def expected(pruning: Pruning) -> Pruned:
    """What it would free, about: of a report the plots, which are nearly all of it."""
    freed = {
        # Two records may lead to one file.
        each.run.id: sum(map(size_of, {one.path: one for one in each.data}.values()))
        + (size_of(each.report) if each.report else 0)
        for each in pruning.plan.deleted
    }
    pairs = sum(each.stat().st_size for each in pruning.pairs)
    return Pruned(freed, size_of_folders(pruning.folders), pairs)


def prune_after_run(settings: Settings, dbpath: str, project: str) -> None:
    """Do so after a run, which holds the project. What fails is told, and the next run tries again."""
    import mlrun

    now, champion = datetime.now(UTC), (run_lock.SWAP, run_lock.PATIENCE_SECONDS)
    try:
        with run_lock.held(settings.home, project, "old data is deleted", *champion):
            pruned = delete(settings, project, look(settings, dbpath, project, now), now)
            note_success(settings.home, project)
    except (NetopsError, InputError, OSError, mlrun.errors.MLRunBaseError) as error:
        mlrun.utils.logger.warning(f"no data of old runs was deleted: {error}")
        _note(settings, project, str(error), now)
        return
    except Exception as error:  # The run is over, and what it has made is served: that is no failure of it.
        mlrun.utils.logger.exception("not all data of old runs was deleted")
        _note(settings, project, f"{type(error).__name__}: {error}", now)
        return
    if pruned.bytes:
        told = f"{megabytes(pruned.bytes)}, of {len(pruned.freed)} old runs"
        mlrun.utils.logger.info(f"deleted {told}, as NETOPS_RETENTION says")
    for path in pruned.left:
        mlrun.utils.logger.warning(f"could not be deleted: {path}")


def _note(settings: Settings, project: str, why: str, now: datetime) -> None:
    """Have ``netops status`` tell it; on a full disk the log alone does."""
    import mlrun

    try:
        note_failure(settings.home, project, why, now)
    except OSError as error:
        mlrun.utils.logger.warning(f"'netops status' cannot tell that: {error}")


def megabytes(count: int) -> str:
    """Bytes for people."""
    return f"{count / 1e6:,.1f} MB"


def _promotions(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Results of the steps that have put a model into production, the newest first."""
    return [each["status"].get("results") or {} for each in steps if each["metadata"]["name"] == "promote"]


def _routing(settings: Settings, dbpath: str, project: str) -> EndpointRouting | None:
    """What the endpoint of a project says of its versions; None if it never had one.

    :raises NetopsError: if it has one that does not say.
    """
    known = [each for each in endpoints(dbpath, project) if each.name == SERVING]
    if not known:
        return None
    up = next((each for each in known if each.state == "ready"), None)
    routing = routing_if_any(up.address, settings.bearer_token()) if up is not None else None
    if routing is None:
        raise NetopsError(
            f"the endpoint of project '{project}' must be up, as it alone knows which versions are in shadow "
            f"or answer a share of the devices; next: {what_brings_back(project, SERVING)}"
        )
    return routing


def _busy(settings: Settings, project: str) -> dict[str, str]:
    """The run that holds the project, which this process may be part of."""
    holder = run_lock.holder(settings.home, project)
    return {holder.run_id: "is under way"} if holder is not None and holder.run_id else {}
