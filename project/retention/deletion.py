"""Deletes the data of runs through the MLRun API.

Each step can be done again: whatever is killed in the middle is found, and ended, by the next time.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from project.local.atomic_write import write_atomically
from project.retention.plan import Deleted, StoredData
from training.report_page.without_plots import without_plots

_EMPTY_SECONDS = 3600


@dataclass(frozen=True)
class Outcome:
    """What became of the data of a run.

    :param freed: bytes.
    :param left: paths of data that is still there: the API could not delete it, or a page is none of ours.
    """

    freed: int
    left: tuple[str, ...] = ()


def delete_data(deleted: Deleted, project: str, now: datetime) -> Outcome:
    """Delete the data of a run, and have its report say so."""
    import mlrun

    database = mlrun.get_run_db()
    # First: while there is other data, the next time comes here again.
    freed, left = 0, list[str]()
    if deleted.report is not None:
        try:
            freed += _strip(deleted.report, now)
        except (ValueError, OSError, mlrun.errors.MLRunBaseError):  # Such as a page that is none of ours.
            left.append(deleted.report.path)
    for each in deleted.data:
        size = size_of(each)
        try:
            database.del_artifact(
                each.key,
                project=project,
                tree=each.tree,
                uid=each.uid,
                iter=each.iteration,
                deletion_strategy=mlrun.common.schemas.artifact.ArtifactsDeletionStrategies.data_optional,
            )
        except mlrun.errors.MLRunBaseError:  # One file that cannot go keeps no other one.
            left.append(each.path)
            continue
        file = local_file(each.path)
        if file is not None and file.exists():
            left.append(each.path)
            continue
        freed += size
    return Outcome(freed, tuple(left))


def size_of(data: StoredData) -> int:
    """Bytes of an artifact: of its file if it is here, else as they were recorded."""
    file = local_file(data.path)
    if file is None:
        return data.size
    return file.stat().st_size if file.is_file() else 0


def local_file(path: str) -> Path | None:
    """The file of an artifact on this machine; None if it is elsewhere."""
    url = urlparse(path)
    if url.scheme not in ("", "file"):
        return None
    found = Path(unquote(url.path)) if url.scheme else Path(path)
    return found if found.is_absolute() else None


def _strip(report: StoredData, now: datetime) -> int:
    """Take the plots off a page, and have it say why; gives the bytes that this frees."""
    import mlrun

    file = local_file(report.path)
    if file is not None and not file.is_file():
        return 0  # Somebody has deleted the page.
    item: Any = mlrun.get_dataitem(report.path)
    before = item.get(encoding="utf-8")
    after = without_plots(
        before,
        f"On {now:%Y-%m-%d} the plots and data sets of this run were deleted, as it was an old one that "
        "nothing needed. Text and tables are as they were.",
    )
    if after == before:
        return 0
    if file is None:
        item.put(after)
    else:
        write_atomically(file, after)  # A kill leaves one of both.
    return len(before.encode()) - len(after.encode())


def sweep(folder: Path, now: datetime) -> None:
    """Delete the folders of artifacts that have been empty for an hour: nobody is about to fill them."""
    if not folder.is_dir():
        return
    for each in sorted(folder.rglob("*"), reverse=True):  # What is in a folder before the folder.
        if (
            each.is_dir()
            and now.timestamp() - each.stat().st_mtime > _EMPTY_SECONDS
            and not any(each.iterdir())
        ):
            with suppress(OSError):  # Somebody fills it, or may alone: it takes no room.
                each.rmdir()
