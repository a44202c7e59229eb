"""Events of a backlog that were accepted a short time ago: who sends them again is told so.

Windows know an event as long as they reach back, and the ledger as long as its deadline, both by event time.
A backlog of hours, sent at once, runs past both: its first events are forgotten when its last ones are taken.
Its sender may never get the answer, and send it again.
"""

from __future__ import annotations

import math
import struct
from collections import deque
from collections.abc import Iterable, Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from graphs.state.ledger_chunk import Floats, bits_of
from graphs.state.snapshots.saved_state import SavedState

Keys = npt.NDArray[np.uint64]

_RUN = 65_536
_FEW = 64
_DEVICES = 100_000
_MIX, _ALL = 0x9E3779B97F4A7C15, (1 << 64) - 1
_TIME, _BITS = struct.Struct("=d"), struct.Struct("=q")


class _Run:
    """Some events; they are put in the order of their keys when one is looked for.

    :param keys: see ``AcceptedBefore``; one may be there more than once.
    :param arrivals: of each, epoch seconds.
    """

    __slots__ = ("_is_sorted", "arrivals", "keys", "last")

    def __init__(self, keys: Keys, arrivals: Floats) -> None:
        self.keys, self.arrivals, self._is_sorted = keys, arrivals, False
        self.last = float(arrivals.max(initial=-math.inf))

    def newest(self, key: int) -> float:
        """Last arrival of an event; -inf if it is not here."""
        if not self._is_sorted:
            order = np.lexsort((self.arrivals, self.keys))
            keys, arrivals = self.keys[order], self.arrivals[order]
            is_last = np.append(keys[1:] != keys[:-1], True)[: len(keys)]
            self.keys, self.arrivals, self._is_sorted = keys[is_last], arrivals[is_last], True
        wanted = np.uint64(key)
        place = int(self.keys.searchsorted(wanted))
        is_here = place < len(self.keys) and self.keys[place] == wanted
        return float(self.arrivals[place]) if is_here else -math.inf


def _joined(runs: Sequence[_Run]) -> _Run:
    return _Run(np.concatenate([run.keys for run in runs]), np.concatenate([run.arrivals for run in runs]))


class AcceptedBefore:
    """Remembers, for half the deadline after it arrived, each event that the ledger may forget before that.

    A key stands for device and event time: 64 bits, in which no two times of a device are alike, and two of
    different devices once in 10^19. It depends on nothing but them, so a replay remembers what there was.

    :param deadline_seconds: how far the ledger reaches back, in event time.
    :param tolerance_seconds: how far an event may be ahead of its arrival.
    :param most: events that are remembered, about: of more, those that arrived first are forgotten.
    """

    def __init__(self, deadline_seconds: float, tolerance_seconds: float, most: int) -> None:
        self.seconds = deadline_seconds / 2
        """For which an event is remembered after it arrived."""
        # The ledger knows a younger one for as long, whatever comes after it.
        self._old = deadline_seconds - self.seconds - tolerance_seconds
        self._most = most
        self._runs: deque[_Run] = deque()
        # In no run yet: events that came alone, lists as they came, and lists that were looked through.
        self._lone: dict[int, float] = {}
        self._lists: list[tuple[Keys, float]] = []
        self._looked: list[_Run] = []
        self._size = 0
        self._devices: dict[str, int] = {}

    def note(self, device: str, time: float, arrived: float, is_kept: bool) -> None:
        """Take note of an event that was counted.

        :param time: of the event, epoch seconds.
        :param arrived: epoch seconds.
        :param is_kept: whether the ledger keeps its prediction.
        """
        if not is_kept or arrived - time > self._old:
            self._note_lone([self._key(device, time)], arrived)
            self._added(1, arrived)

    def note_all(self, devices: Sequence[str], times: Floats, arrived: float) -> None:
        """The same of events that arrived together, at least one, and whose predictions the ledger keeps."""
        if arrived - float(times.min()) <= self._old:
            return
        keys = self._keys(devices, times)[arrived - times > self._old]
        if len(keys) < _FEW:
            self._note_lone(keys.tolist(), arrived)
        else:
            self._lists.append((keys, arrived))
        self._added(len(keys), arrived)

    def has(self, device: str, time: float, arrived: float) -> bool:
        """Whether an event was counted, and that is remembered.

        :param time: of the event, epoch seconds.
        :param arrived: when it was sent again, epoch seconds.
        """
        if not self._size and not self._runs:
            return False
        key, oldest = self._key(device, time), arrived - self.seconds
        if self._lone.get(key, -math.inf) >= oldest:
            return True
        self._look_through_lists()
        runs = (*self._looked, *reversed(self._runs))
        return any(run.last >= oldest and run.newest(key) >= oldest for run in runs)

    def content(self) -> list[dict[int, float]]:
        """Last arrival of each key, by run and last of those in none yet, in a form that can be compared."""
        found: list[dict[int, float]] = []
        for run in (*self._runs, self._noted()):
            order = np.argsort(run.arrivals, kind="stable")
            keys, arrivals = run.keys[order].tolist(), run.arrivals[order].tolist()
            found.append(dict(zip(keys, arrivals, strict=True)))
        return found

    def saved(self) -> SavedState:
        """Everything that is remembered, and where each run ends: what is forgotten next depends on that."""
        runs = [*self._runs, self._noted()]
        all_of_them = _joined(runs)
        return SavedState(
            {"lengths": [len(run.keys) for run in runs], "size": self._size},
            {"keys": all_of_them.keys, "arrivals": all_of_them.arrivals},
        )

    def restore(self, state: SavedState) -> None:
        """Remember what was saved; earlier snapshots have nothing of it."""
        self._runs, self._lone, self._lists, self._looked, self._size = deque(), {}, [], [], 0
        if "keys" not in state.arrays:
            return
        ends = np.cumsum(state.plain["lengths"])[:-1]
        parts = zip(*(np.split(state.arrays[name], ends) for name in ("keys", "arrivals")), strict=True)
        *runs, noted = [_Run(keys, arrivals) for keys, arrivals in parts]
        self._runs.extend(runs)
        self._looked, self._size = [noted], state.plain["size"]

    def _note_lone(self, keys: Iterable[int], arrived: float) -> None:
        for key in keys:  # The clock may have gone back since.
            self._lone[key] = max(arrived, self._lone.get(key, -math.inf))

    def _look_through_lists(self) -> None:
        """Make lists that came since a run, and two runs one where the newer is nearly as long.

        So however many lists there are, few runs are looked through, and each event is sorted few times.
        """
        if not self._lists:
            return
        self._looked.append(
            _Run(
                np.concatenate([keys for keys, _ in self._lists]),
                np.concatenate([np.full(len(keys), arrived) for keys, arrived in self._lists]),
            )
        )
        self._lists = []
        while len(self._looked) > 1 and len(self._looked[-2].keys) < 2 * len(self._looked[-1].keys):
            self._looked[-2:] = [_joined(self._looked[-2:])]

    def _added(self, events: int, now: float) -> None:
        """Make a run of what is noted if it is enough, and forget what is over or too much."""
        self._size += events
        if self._size < _RUN:
            return
        self._runs.append(self._noted())
        self._lone, self._lists, self._looked, self._size = {}, [], [], 0
        oldest = now - self.seconds
        while self._runs[0].last < oldest or len(self._runs) > max(1, self._most // _RUN):
            self._runs.popleft()

    def _noted(self) -> _Run:
        """What is in no run yet."""
        self._look_through_lists()
        size = len(self._lone)
        lone = _Run(
            np.fromiter(self._lone, dtype=np.uint64, count=size),
            np.fromiter(self._lone.values(), dtype=np.float64, count=size),
        )
        return _joined([*self._looked, lone])

    def _key(self, device: str, time: float) -> int:
        bits: int = _BITS.unpack(_TIME.pack(time + 0.0))[0]
        return self._device(device) ^ (bits * _MIX & _ALL)

    def _keys(self, devices: Sequence[str], times: Floats) -> Keys:
        try:  # As nearly always.
            known = map(self._devices.__getitem__, devices)
            mixed: Keys = np.fromiter(known, dtype=np.uint64, count=len(devices))
        except KeyError:
            mixed = np.array([self._device(device) for device in devices], dtype=np.uint64)
        mixed ^= bits_of(times).view(np.uint64) * np.uint64(_MIX)
        return mixed

    def _device(self, device: str) -> int:
        """64 bits that stand for a device."""
        known = self._devices.get(device)
        if known is None:
            if len(self._devices) >= _DEVICES:
                self._devices.clear()
            known = int.from_bytes(blake2b(device.encode(), digest_size=8).digest(), "little")
            self._devices[device] = known
        return known
