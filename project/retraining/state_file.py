"""The state of the loop on disk, in one file.

The file is replaced as a whole, so a decision and what follows from it are written together or not at all.
Older decisions are moved to a file that only grows, so a write costs the same after a year.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path

from feature_sets.checks import InputError
from project.local.atomic_write import write_atomically
from project.retraining.state import NEXT, STATE, Decision, LoopState

MOST_DECISIONS = 500
"""Decisions kept with the state; when there are more, the older half is moved."""


class StateFile:
    """The state of one project on disk.

    :param folder: of the loop, under the home.
    :param project: name of the project.
    """

    def __init__(self, folder: Path, project: str) -> None:
        self.project = project
        self.path = folder / f"{project}.json"
        self._older = folder / f"{project}.older.jsonl"
        self._lock = folder / f"{project}.lock"

    def read(self) -> LoopState:
        """The state as it is now; a new one if there is none.

        :raises InputError: if it is of a newer release or damaged; it names project and file.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return LoopState()
        with self._named(self.path):
            return LoopState.from_dict(json.loads(content))

    def write(self, state: LoopState) -> None:
        """Replace the state, on disk when this returns; only while ``changing``."""
        if len(state.decisions) > MOST_DECISIONS:
            state = self._move_older(state)
        write_atomically(self.path, json.dumps(state.to_dict()))

    def every_decision(self) -> list[Decision]:
        """All decisions, oldest first.

        :raises InputError: as ``read``.
        """
        state = self.read()
        older: list[Decision] = []
        if state.moved:
            with self._older.open(encoding="utf-8") as file, self._named(self._older):
                older = [Decision(**json.loads(line)) for line in islice(file, state.moved)]
        return [*older, *state.decisions]

    @contextmanager
    def _named(self, path: Path) -> Iterator[None]:
        """Have what is wrong with a file name it and the project: others of the home have the same."""
        where = f"project '{self.project}': {path}"
        try:
            yield
        except InputError as error:
            raise InputError(f"{where}: {error.where}", error.rule, error.got) from error
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            rule = f"must be a {STATE} that this release knows; {NEXT}"
            raise InputError(where, rule, f"{type(error).__name__}: {error}") from error

    def _move_older(self, state: LoopState) -> LoopState:
        """Move the older half to their file.

        A kill may leave more lines there than the state says, the last one torn. Whole lines hold: a decision
        was on disk with the state before it is moved.
        """
        count = len(state.decisions) - MOST_DECISIONS // 2
        with self._older.open("ab+") as file:
            file.seek(0)
            lines = file.read().splitlines(keepends=True)
            whole = [line for line in lines if line.endswith(b"\n")]
            file.truncate(sum(map(len, whole)))
            for decision in state.decisions[max(0, len(whole) - state.moved) : count]:
                file.write(json.dumps(asdict(decision)).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        return replace(state, decisions=state.decisions[count:], moved=state.moved + count)

    @contextmanager
    def changing(self) -> Iterator[LoopState]:
        """The state, which nobody else changes meanwhile; others wait. The lock ends with the process."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._lock.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield self.read()
