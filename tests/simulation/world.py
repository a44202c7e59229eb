"""What surrounds the simulated processes: the clock, what they write to, what runs beside them."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from graphs.state.snapshots.files import write_snapshot
from tests.simulation.store import Store

START = 1_700_000_000.0


class Crash(BaseException):
    """The process that runs ends here, without any last words."""


class Child:
    """What a fork writes: the state of that moment, at some later time, whatever becomes of its parent.

    :param directory: of the snapshots.
    :param place: entry of the journal that the state is of.
    :param state: as it is written.
    """

    def __init__(self, directory: Path, place: tuple[int, int], state: Any) -> None:
        self._write: Callable[[], object] = lambda: write_snapshot(directory, place, state)
        self.said: bytes | None = None

    @property
    def has_ended(self) -> bool:
        """Whether it wrote, failed or was ended."""
        return self.said is not None

    def end(self) -> None:
        """Be ended by -9."""
        if self.said is None:
            self.said = b""

    def run(self) -> None:
        """Write the snapshot."""
        try:
            self._write()
            self.said = b"written"
        except Exception as error:
            self.said = f"{type(error).__name__}: {error}".encode()


class World:
    """One history's surroundings; everything that is left to chance comes from its seed.

    :param seed: of this history.
    :param folder: empty, for the files of the processes.
    """

    def __init__(self, seed: int, folder: Path) -> None:
        self.random = random.Random(seed)
        self._starts = seed
        self.ids = itertools.count(1)  # Of requests.
        self.folder = folder
        self.now = START + 60.0
        self.writes_left: int | None = None
        self.full: str | None = None
        self.model_failures = 0
        self.has_model_failed = False
        self.children: dict[int, Child] = {}
        self.loads: list[Callable[[], None]] = []
        self.tables: list[Any] = []
        self.forking: Any = None
        self.store = Store(self)
        self.history: Any = None
        self.cores = 1

    def begin(self) -> None:
        """A process starts, on a machine with one core or, every third time, with two."""
        self._starts += 1
        self.cores = 1 if self._starts % 3 else 2

    def clock(self) -> float:
        """The wall clock, epoch seconds."""
        return self.now

    def write(self) -> None:
        """Something is about to be written, or was: the process may die here."""
        if self.writes_left is not None:
            self.writes_left -= 1
            if self.writes_left <= 0:
                self.writes_left = None
                raise Crash

    def check_model(self) -> None:
        """A model is asked for answers, and may fail."""
        if self.model_failures > 0:
            self.model_failures -= 1
            self.has_model_failed = True
            raise RuntimeError("the model has no memory left")

    @contextmanager
    def writing(self, where: Path | None = None) -> Iterator[None]:
        """Around something that is there as a whole, or not.

        :param where: a disk may be full in one of the folders alone.
        """
        self.write()
        if self.full is not None and self.full in str(where or ""):
            raise OSError(28, "No space left on device")
        yield
        self.write()

    def fork(self) -> int:
        """A child with the memory of now; see ``Child``."""
        if self.full == "" and self.random.random() < 0.2:
            raise OSError(12, "Cannot allocate memory")
        taker, place, rendered = self.forking
        pid = 1000 + len(self.children)
        self.children[pid] = Child(taker.directory, place, rendered())
        return pid

    def run_child(self) -> None:
        """Let one of the children go on, if there is one."""
        waiting = [child for child in self.children.values() if not child.has_ended]
        if waiting:
            child = self.random.choice(waiting)
            if self.random.random() < 0.05:
                child.end()
                return
            planned, self.writes_left = self.writes_left, None
            if self.random.random() < 0.1:
                self.writes_left = self.random.randrange(1, 3)
            try:
                child.run()
            except Crash:
                child.end()
            self.writes_left = planned
