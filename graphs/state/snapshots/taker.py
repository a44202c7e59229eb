"""Takes snapshots beside the answering path: a forked child writes what the memory held at one moment."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from graphs.state.entry_id import BEFORE_ALL, EntryId
from graphs.state.snapshots.files import KEPT, snapshot_files, write_snapshot
from graphs.state.snapshots.saved_state import SavedState

_PATIENCE_SECONDS = 600.0
"""A child that takes longer is ended."""
_REST = 4
"""Between two snapshots passes at least so many times the time that the last one took."""
_CLOSE_SECONDS = 8.0
_WRITTEN, _MOST_SAID = "written", 4000


class SnapshotTaker:
    """Decides when a snapshot is due and has it written.

    The memory is shared with the child until one of both changes a page. So the answering process pays for
    the fork and for the pages that it changes meanwhile. The child writes at the lowest priority and ends.

    :param directory: of the snapshots.
    :param state: what is written; called in the child.
    :param before: called in this process before each, with whether the journal's store lost its content.
    :param events: a snapshot is due after so many,
    :param seconds: or after so long, if there was any.
    :param on_outcome: called with the error, or with nothing when one is written.
    """

    _is_frozen = False

    def __init__(
        self,
        directory: Path,
        state: Callable[[], SavedState],
        before: Callable[[bool], None],
        events: int,
        seconds: float,
        on_outcome: Callable[[str], None],
    ) -> None:
        self.directory = directory
        self._state = state
        self._before = before
        self._events = events
        self._seconds = seconds
        self._on_outcome = on_outcome
        self._waiting = 0
        self._not_before = 0.0
        self._anew = 0
        self._due = time.monotonic() + seconds
        self._child: int | None = None
        self._result = -1
        self._started = 0.0
        newest = next(iter(snapshot_files(directory)), None)
        self._taking = self._written = newest.place if newest is not None else BEFORE_ALL

    def note(self, place: EntryId, events: int, lost: bool = False) -> None:
        """Take note of a request that is answered; take a snapshot if one is due.

        :param place: last entry of the journal that is in the memory.
        :param events: that were accepted with it.
        :param lost: whether the journal's store lost what it had: then one is due now, and ``KEPT`` in all.
        """
        self._waiting += events
        if self._child is not None:
            self._look()
        now = time.monotonic()
        is_due = self._waiting >= self._events
        is_due |= place > self._written and (now >= self._due or self._anew > 0)
        if lost:
            self.take_anew()
        if lost or (is_due and now >= self._not_before):
            if lost and self._child is not None:
                os.kill(self._child, signal.SIGKILL)  # What it writes is of before.
                self._end(_CLOSE_SECONDS)
            if self._child is None:
                self._take(place, lost)

    def take_anew(self) -> None:
        """Have all files that are kept be of now, soon.

        The store no longer has what is between those of before, so each of them would be the only one.
        """
        self._anew = KEPT

    def close(self, place: EntryId) -> None:
        """Write a last one, unless an earlier one takes too long; done again, it changes nothing.

        A child that is not ready then goes on by itself.
        """
        self._end(_CLOSE_SECONDS)
        if self._child is None and place > self._written:
            self._take(place, lost=False, nice=0)
            self._end(_CLOSE_SECONDS)

    def wait(self, seconds: float = _PATIENCE_SECONDS) -> None:
        """Wait for one that is being written."""
        self._end(seconds)

    def _take(self, place: EntryId, lost: bool, nice: int = 19) -> None:
        self._before(lost)
        self._waiting = 0
        self._started = time.monotonic()
        self._due = self._started + self._seconds
        self._not_before = self._started + min(self._seconds, 1.0)
        self._freeze_once()
        ends: tuple[int, ...] = ()
        try:
            result, sender = ends = os.pipe()
            child = os.fork()
        except OSError as error:
            for end in ends:
                os.close(end)
            self._failed(str(error))
            return
        if not child:
            _in_child(sender, nice, lambda: write_snapshot(self.directory, place, self._state()))
        os.close(sender)
        self._child, self._result, self._taking = child, result, place

    @staticmethod
    def _freeze_once() -> None:
        """Have no later search for garbage look at what this process has by its first snapshot.

        A search writes into each object that it looks at, and while a child shares the memory, each page of
        them is copied then. With all that was imported it took 314 ms, for which some request waited. It is
        done once in a process, as what is garbage later stays.
        """
        if not SnapshotTaker._is_frozen:  # To ask ``gc`` whether it has frozen any would be a walk to all.
            SnapshotTaker._is_frozen = True
            gc.freeze()

    def _look(self) -> None:
        """Take over what became of the child, if it has ended."""
        child = self._child
        if child is None:
            return
        try:
            ended, _ = os.waitpid(child, os.WNOHANG)
        except ChildProcessError:  # Another part of the program waited for it.
            ended = child
        if not ended:
            if time.monotonic() - self._started > _PATIENCE_SECONDS:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            return
        said = os.read(self._result, _MOST_SAID).decode(errors="replace")
        os.close(self._result)
        self._child = None
        took = time.monotonic() - self._started
        self._not_before = time.monotonic() + _REST * took
        if said == _WRITTEN:
            self._written = self._taking
            self._anew = max(0, self._anew - 1)
            self._on_outcome("")
        else:
            self._failed(said or "its process was ended")

    def _end(self, seconds: float) -> None:
        """Wait for the child."""
        deadline = time.monotonic() + seconds
        while self._child is not None and time.monotonic() < deadline:
            self._look()
            if self._child is not None:
                time.sleep(0.002)

    def _failed(self, error: str) -> None:
        self._not_before = time.monotonic() + min(self._seconds, 5.0)
        self._due = self._not_before
        self._on_outcome(error)


def _in_child(sender: int, nice: int, write: Callable[[], object]) -> None:
    """Write, say what became of it, and end without any of what the parent has at its end."""
    said = "failed"
    try:
        gc.disable()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        # The sockets of the parent: a client must see at once when it dies, and its address be free.
        os.closerange(3, sender)
        os.closerange(sender + 1, 65_536)
        with contextlib.suppress(OSError):
            os.nice(nice)
        write()
        said = _WRITTEN
    except BaseException as error:
        said = f"{type(error).__name__}: {error}"
    finally:
        with contextlib.suppress(OSError):
            os.write(sender, said.encode()[:_MOST_SAID])
        os._exit(0)
