"""Workflows that were started under a home, as the folder of each remembers them.

``project.workflow_process`` writes the folders. A workflow whose process died can not end its runs itself:
what is found here does it in its place.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from project.local.atomic_write import write_atomically
from project.local.processes import NOBODY, Process

REQUEST_FILE = "request.json"
"""Project, workflow and arguments, and ``mlrun_dbpath``: the MLRun API that its runs are stored in."""

STATUS_FILE = "status.json"
"""What the process writes: run id, state and error."""

PROCESS_FILE = "process.json"

GIVEN_UP_FILE = "given-up"
"""There once nobody waits for a workflow that has not begun: it must not begin any more."""

PROCESS_ENDED = "its process ended"
"""Begins the error of a workflow that could not say itself how it ended."""

SETTLED_FILE = "settled"
"""There once the workflow is over and none of its runs is left unfinished."""

ABORTED = "aborted"
"""State of a workflow that was ended on purpose; its error says by what."""

ENDED = ("succeeded", "failed", ABORTED)
"""States of a workflow that has said how it ended, or of which somebody else has."""


@dataclass(frozen=True)
class WorkflowRecord:
    """One workflow.

    :param folder: holds request, status, process and log.
    :param process: its process, dead or alive.
    """

    folder: Path
    process: Process

    @property
    def request(self) -> dict[str, Any]:
        """``project``, ``workflow``, ``arguments`` and ``mlrun_dbpath``."""
        return read_request(self.folder)

    @property
    def status(self) -> dict[str, Any]:
        """``run_id``, ``state`` (starting, running, or one of ``ENDED``) and ``error`` as last written."""
        return read_status(self.folder)

    @property
    def settled(self) -> bool:
        """Whether it is over and its runs are, too."""
        return (self.folder / SETTLED_FILE).exists()


def _read(path: Path) -> dict[str, Any]:
    """What a file has; nothing if there is none, or the machine lost its power before it was on the disk."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        return {}
    return content


def _write(path: Path, content: dict[str, Any]) -> None:
    write_atomically(path, json.dumps(content))


def read_request(folder: Path) -> dict[str, Any]:
    """See ``REQUEST_FILE``; empty if the machine lost its power before it was on the disk."""
    return _read(folder / REQUEST_FILE)


def read_status(folder: Path) -> dict[str, Any]:
    """Status of a workflow as last written."""
    return {"run_id": "", "state": "starting", "error": "", **_read(folder / STATUS_FILE)}


def write_status(folder: Path, run_id: str, state: str, error: str) -> None:
    """Write the status of a workflow, whole or not at all."""
    _write(folder / STATUS_FILE, {"run_id": run_id, "state": state, "error": error})


def write_process(folder: Path, process: Process) -> None:
    """Write which process runs a workflow, whole or not at all."""
    _write(folder / PROCESS_FILE, asdict(process))


def workflow_records(home: Path, known: Iterable[str] = ()) -> list[WorkflowRecord]:
    """Every workflow that was started under a home, oldest first.

    :param known: names of folders that are left out.
    """
    folder = home / "workflows"
    names = sorted({path.name for path in folder.iterdir()} - set(known)) if folder.is_dir() else []
    found = []
    for name in names:
        file = folder / name / PROCESS_FILE
        if file.exists():  # Else it is about to start.
            process = _read(file)
            # One of before the machine lost its power: it cannot be alive.
            found.append(WorkflowRecord(folder / name, Process(**process) if process else NOBODY))
    return found


def settle(
    record: WorkflowRecord,
    unfinished: Callable[[str, str], list[tuple[str, int]]],
    end: Callable[[str, str, int, str], None],
    reason: str = "",
) -> bool:
    """End the runs of a workflow whose process died, and its record.

    :param unfinished: uid and iteration of the runs of (project, workflow run id) that have not ended.
    :param end: ends one as ``aborted``: (project, uid, iteration, reason).
    :param reason: why the process ended, if the caller knows better than the process table.
    :returns: whether there was something to do.
    """
    if record.settled or record.process.alive() or not record.folder.is_dir():
        return False  # Of an old one that is over, the folder may be deleted meanwhile.
    status = record.status  # Read after the process was seen dead: it writes no more.
    told = status["state"] in ENDED
    if told and not reason:
        # Its runs may be left all the same: it could not reach the API any more.
        reason = f"its workflow {status['state']}: {status['error']}".removesuffix(": ")
        if status["state"] == ABORTED:
            reason = f"its workflow was {status['error']}"
    reason = reason or f"{PROCESS_ENDED}: {record.process.exit_reason()}"
    project = str(record.request.get("project") or "")
    left = unfinished(project, status["run_id"]) if status["run_id"] else []
    for uid, iteration in left:
        end(project, uid, iteration, reason)
    if not told:
        write_status(record.folder, status["run_id"], "failed", reason)
    (record.folder / SETTLED_FILE).touch()
    return bool(left) or not told
