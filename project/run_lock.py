"""One run at a time in a project, and one change of its champion: locks that end with their process.

However that ends. A run takes minutes, a change of the champion seconds: so a person can put another model
into production in the middle of a training.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import IO

from project.errors import NetopsError

RUN = "run"
"""Held by the process that runs a workflow."""
COMMAND = "command"
"""Held by a command from its start to its end, which may be after that of its workflow: it streams."""

SWAP = "swap"
"""Held while the champion is swapped and that is recorded, and by who relies on its not being swapped."""
PATIENCE_SECONDS = 300.0
"""For how long the next one waits for such a change: it may deploy an endpoint."""
_PAUSE_SECONDS = 0.02

_held: dict[tuple[Path, str, str], IO[str]] = {}


@dataclass(frozen=True)
class Holder:
    """Who holds a lock.

    :param command: what it does, such as ``netops run``.
    :param since: when it began, ISO 8601 UTC.
    :param run_id: of its workflow, empty before that has one.
    """

    project: str
    command: str
    pid: int
    since: str
    run_id: str = ""

    def __str__(self) -> str:
        if not self.pid:  # It has not written yet who it is.
            return self.command
        pid = f"pid {self.pid}"
        who = f"run {self.run_id} ({self.command}, {pid})" if self.run_id else f"{self.command} ({pid})"
        return f"{who} since {self.since}"

    @property
    def remedy(self) -> str:
        """What to do about it; of 'netops stop' nothing, as that ends production, too."""
        if not self.pid:
            return "wait for its end"
        return f"wait for its end, or end it alone: with Ctrl-C where it runs, or with 'kill {self.pid}'"


_WAITED_FOR = {
    RUN: "project '{project}' has one run at a time, and {holder} is under way; {remedy}",
    COMMAND: (
        "project '{project}' has one run at a time, and {holder} is under way and holds the project until the"
        " command ends; {remedy}"
    ),
    SWAP: (
        "the champion of project '{project}' is changed by one at a time, and {holder} is at that or needs it"
        " to stay; {patience:g} s were waited, so do this again when that has ended"
    ),
}
"""By the kind of lock: what was waited for, and what to do."""


class BusyError(NetopsError):
    """Another process holds the project, or its champion.

    :param holder: which one.
    :param kind: of the lock that it holds.
    :param patience: seconds for which it was waited.
    """

    def __init__(self, holder: Holder, kind: str = RUN, patience: float = 0.0) -> None:
        super().__init__(
            _WAITED_FOR[kind].format(
                project=holder.project, holder=holder, remedy=holder.remedy, patience=patience
            )
        )
        self.holder, self.kind = holder, kind


def holder(home: Path, project: str, kinds: Sequence[str] = (RUN, COMMAND)) -> Holder | None:
    """Who holds a project now, or None.

    :param home: folder of local state, see ``Settings``.
    """
    for kind in kinds:
        path = _path(home, project, kind)
        if not path.exists():
            continue
        # For reading alone: a command that root has run here left a file of its own, which ends no look.
        with path.open(encoding="utf-8") as file:
            # Shared: two that only look do not see each other.
            if not _lock(file, fcntl.LOCK_SH):
                return _read(file, project)
    return None


def known(home: Path, project: str, kind: str = RUN) -> bool:
    """Whether a project was ever held in this home; elsewhere a lock of another home says nothing.

    :param home: folder of local state, see ``Settings``.
    """
    return _path(home, project, kind).exists()


def holders(home: Path) -> list[Holder]:
    """Who holds which project now, in order of the projects.

    :param home: folder of local state, see ``Settings``.
    """
    projects = sorted({path.stem for path in (home / "locks").glob("*.*")})
    return [found for project in projects if (found := holder(home, project)) is not None]


@contextmanager
def held(
    home: Path, project: str, command: str, kind: str = RUN, patience: float = 5 * _PAUSE_SECONDS
) -> Iterator[None]:
    """Hold a project; within a process that holds it already nothing happens.

    :param patience: seconds for which another holder is waited for; one that looks holds it for an instant.
    :raises BusyError: if another process holds it.
    """
    key = (home, project, kind)
    if key in _held:
        yield
        return
    path = _path(home, project, kind)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        if not _lock(file, fcntl.LOCK_EX, patience):
            raise BusyError(_read(file, project), kind, patience)
        other = holder(home, project, (RUN,)) if kind == COMMAND else None
        if other is not None:
            raise BusyError(other)
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        _write(file, Holder(project, command, os.getpid(), since))
        _held[key] = file
        try:
            yield
        finally:
            del _held[key]
            file.truncate(0)


def tell_run_id(home: Path, project: str, run_id: str) -> None:
    """Name the run for which this process holds a project."""
    for kind in (RUN, COMMAND):
        file = _held.get((home, project, kind))
        if file is not None:
            _write(file, replace(_read(file, project), run_id=run_id))


def _path(home: Path, project: str, kind: str) -> Path:
    return home / "locks" / f"{project}.{kind}"


def _lock(file: IO[str], how: int, patience: float = 0.0) -> bool:
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_PAUSE_SECONDS)
        else:
            return True


def _read(file: IO[str], project: str) -> Holder:
    file.seek(0)
    try:
        content = json.loads(file.read())
        names = [each.name for each in fields(Holder)]  # One of a newer release may say more.
        return Holder(**{name: content[name] for name in names if name in content})
    except (ValueError, TypeError):
        # Just taken, and not written yet.
        return Holder(project, "a run that just began", 0, "now")


def _write(file: IO[str], content: Holder) -> None:
    file.truncate(0)
    file.write(json.dumps(asdict(content)))
    file.flush()
