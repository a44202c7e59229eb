"""``netops prune``: the data of old runs that nothing needs, deleted."""

from __future__ import annotations

import json
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from project.cli.known_project import known_project
from project.cli.options import JsonOption, ProjectOption
from project.retention.plan import Deleted
from project.settings import Settings
from project.text_columns import print_columns

if TYPE_CHECKING:
    from project.retention.prune import Pruned, Pruning


def prune(
    project: ProjectOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be deleted, and delete nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete data of old runs that nothing needs, as after each run.

    Deletes data sets and plots; NETOPS_RETENTION says how many of the newest runs keep them. Models stay, and
    so do the text and tables of reports. Whatever the champion, versions beside it, a rollback or the loop
    from drift to a new model needs stays, too.
    """
    from project.orphaned_runs import settle
    from project.retention.not_deleted import note_success
    from project.retention.prune import delete, expected, look
    from project.run_lock import PATIENCE_SECONDS, RUN, SWAP, held
    from project.session import open_session

    settings = Settings.from_environment()
    session = open_session(settings)
    # mlrun takes the address of its API when it is imported, so what imports it comes after.
    settle(settings, session)
    name = known_project(project, settings, session)
    with ExitStack() as kept:
        for lock in () if dry_run else ((RUN,), (SWAP, PATIENCE_SECONDS)):
            kept.enter_context(held(settings.home, name, "netops prune", *lock))
        now = datetime.now(UTC)
        pruning = look(settings, session.mlrun_dbpath, name, now)
        pruned = expected(pruning) if dry_run else delete(settings, name, pruning, now)
        if not dry_run:
            note_success(settings.home, name)
    if as_json:
        print(json.dumps(_content(name, pruning, pruned, dry_run)))
    else:
        _print(name, settings, pruning, pruned, dry_run)


def _rows(pruning: Pruning, pruned: Pruned) -> list[dict[str, Any]]:
    plan = pruning.plan
    rows = [
        {
            "run": each.run.id,
            "workflow": each.run.workflow,
            "begun": each.run.begun,
            "outcome": outcome,
            "why": each.why,
            "artifacts": len(each.data) if isinstance(each, Deleted) else 0,
            "bytes": pruned.freed.get(each.run.id, 0),
        }
        for outcome, runs in (("deleted", plan.deleted), ("kept", plan.kept))
        for each in runs
    ]
    return sorted(rows, key=lambda row: str(row["begun"]), reverse=True)


def _content(project: str, pruning: Pruning, pruned: Pruned, dry_run: bool) -> dict[str, Any]:
    return {
        "project": project,
        "dry_run": dry_run,
        "runs": _rows(pruning, pruned),
        "folders": [str(each) for each in pruning.folders],
        "pairs": [str(each) for each in pruning.pairs],
        "bytes": pruned.bytes,
        "left": pruned.left,
    }


def _print(project: str, settings: Settings, pruning: Pruning, pruned: Pruned, dry_run: bool) -> None:
    from project.retention.prune import megabytes

    if settings.retention_policy.is_off:
        print(f"project {project}: NETOPS_RETENTION is off, so nothing is deleted")
        return
    header = ("run", "workflow", "began (UTC)", "data", "freed", "why")
    rows = [
        (
            row["run"][:8],
            row["workflow"],
            row["begun"][:19].replace("T", " "),
            row["outcome"],
            megabytes(row["bytes"]) if row["outcome"] == "deleted" else "",
            row["why"],
        )
        for row in _rows(pruning, pruned)
    ]
    print_columns(header, rows)
    if pruning.folders:
        print(f"{len(pruning.folders)} folders of old workflows, {megabytes(pruned.folders)}")
    if pruning.pairs:
        print(f"{len(pruning.pairs)} files of old labeled pairs, {megabytes(pruned.pairs)}")
    for path in pruned.left:
        typer.echo(f"could not be deleted: {path}", err=True)
    said = "would be freed, about" if dry_run else "freed"
    print(f"{megabytes(pruned.bytes)} {said}; models, and text and tables of reports, stay")
