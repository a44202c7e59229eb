"""Why no data of old runs was deleted the last time, for those who do not read the log of that run."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from feature_sets.checks import InputError
from project.local.atomic_write import write_atomically

_FOLDER = "retention"


def note_failure(home: Path, project: str, why: str, now: datetime) -> None:
    """Keep why nothing was deleted, and since when.

    :param home: folder of all local state.
    :param why: as of the last time.
    :param now: wall clock.
    :raises OSError: if it cannot be written.
    """
    path = _file(home, project)
    path.parent.mkdir(exist_ok=True)
    try:
        known = _read(path)
    except InputError:  # One that nobody can read is replaced: what counts is why of now.
        known = None
    since = known["since"] if known else now.isoformat()
    write_atomically(path, json.dumps({"since": since, "why": why}))


def note_success(home: Path, project: str) -> None:
    """Nothing is left of what was noted before."""
    _file(home, project).unlink(missing_ok=True)


def not_deleted(home: Path) -> dict[str, list[str]]:
    """Project -> a sentence, of each whose old data could not be deleted the last time."""
    told = {}
    for path in sorted((home / _FOLDER).glob("*.json")):
        try:
            found = _read(path)
        except (InputError, OSError) as error:  # Others are told all the same.
            told[path.stem] = [f"not known: {error}"]
            continue
        if found:
            since = found["since"][:16].replace("T", " ")
            told[path.stem] = [f"none was deleted after runs since {since} UTC: {found['why']}"]
    return told


def _file(home: Path, project: str) -> Path:
    return home / _FOLDER / f"{project}.json"


def _read(path: Path) -> dict[str, str] | None:
    """What was noted; None of nothing.

    :raises InputError: if it is of another form.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        told = json.loads(content)
        return {name: str(told[name]) for name in ("since", "why")}
    except (ValueError, LookupError, TypeError) as error:
        rule = "must be a note of why old data was not deleted; next: delete this file, the next run notes it"
        raise InputError(str(path), rule, f"{type(error).__name__}: {error}") from error
