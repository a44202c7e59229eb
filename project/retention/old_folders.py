"""The folders that old workflows have left in the home folder: requests, states and logs."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

from project.local.workflow_records import workflow_records

NEWEST = 100
"""Folders of workflows of a project that stay in any case."""


def old_workflows(
    home: Path, project: str, kept_runs: Collection[str], kept_names: Collection[str]
) -> list[Path]:
    """Folders of workflows of a project that are over, but the newest.

    :param home: folder of local state, see ``Settings``.
    :param kept_runs: ids of runs whose folders stay: they tell the arguments with which a model was made.
    :param kept_names: names of folders that stay, as the loop still looks at them.
    """
    every = [record for record in workflow_records(home) if record.request.get("project") == project]
    return [
        record.folder
        for record in every[:-NEWEST]
        if record.settled
        and record.folder.name not in kept_names
        and record.status["run_id"] not in kept_runs
    ]


def size_of_folders(folders: Sequence[Path]) -> int:
    """Bytes of all files in folders."""
    return sum(file.stat().st_size for each in folders for file in each.rglob("*") if file.is_file())


def delete_folders(home: Path, project: str, folders: Sequence[Path]) -> int:
    """Delete folders of a project; gives the bytes that this frees.

    Each goes at once from where it is looked for: half a record would be one of a workflow that is about to
    start. What a kill has left of that goes with the next time.
    """
    freed, away = size_of_folders(folders), home / "deleted" / project
    for each in folders:
        away.mkdir(parents=True, exist_ok=True)
        each.replace(away / each.name)
    if away.is_dir():
        shutil.rmtree(away)
        with suppress(OSError):  # Another project deletes, too.
            away.parent.rmdir()
    return freed
