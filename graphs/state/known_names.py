"""Which event a request id names: as long as a ledger may remember its prediction."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from graphs.protocol.event_names import SentEvents, digest, parts_of
from graphs.state.snapshots.saved_state import Array, SavedState

Key = tuple[str, float]
"""Device key, and event time in epoch seconds."""

FROZEN = 16_384
"""Events that are kept as Python objects at most; the others are in arrays, at a quarter of the memory.

The request that makes it so many waits until they are in arrays, about half a microsecond for each.
"""

_PARTS = 16
"""Names are forgotten in parts: of what may be remembered, one is so much at most."""

_ALONE, _AMBIGUOUS = -1, 0

Named = tuple[Key | None, ...] | Key
"""Events of a request by their place, or the one that was sent alone; empty if its id names others, too."""


class _Listed(NamedTuple):
    """Events of a whole list: numbers of their devices, and event times, NaN for one without a prediction."""

    codes: npt.NDArray[np.int32]
    times: npt.NDArray[np.float64]


class Ambiguous(Enum):
    """What a name is that names several events, as several requests had the same id."""

    AMBIGUOUS = "ambiguous"


class KnownNames:
    """Events by the id of their request.

    A name is forgotten when all that were noted around it are older than the deadline, so never before its
    prediction; the ledger tells then that it is too old. The memory is about 40 bytes for an event that was
    sent alone, and 12 for one of a list of many.

    :param most: names that its owner has it remember; it refuses what brings more.
    """

    def __init__(self, most: int = _PARTS * FROZEN) -> None:
        self._part = max(1, min(FROZEN, most // _PARTS))
        self._open: dict[bytes, Named | _Listed]
        self._devices: dict[str, int]
        self._newest: float
        self._begin_part()
        self._frozen: list[_Frozen] = []
        self._frozen_events = 0
        self._oldest = -math.inf

    def __len__(self) -> int:
        """Requests that are remembered."""
        return len(self._open) + sum(len(part) for part in self._frozen)

    @property
    def events(self) -> int:
        """Names that are remembered: of each event, as often as a request brought it."""
        return self._size + self._frozen_events

    def frees(self, oldest: float) -> bool:
        """Whether any would be forgotten with this event time, epoch seconds."""
        newest = self._frozen[0].newest if self._frozen else self._newest
        return newest < oldest

    def note(self, sent: SentEvents, keys: Sequence[Key | None]) -> None:
        """Note the events of a request.

        :param keys: of each; None for one without a prediction.
        """
        times = [key[1] for key in keys if key is not None]
        if not times:
            return
        name = digest(sent.id)
        found: Named
        if sent.places is None:
            found = keys[0]  # type: ignore[assignment]
        else:
            by_place = dict(zip(sent.places, keys, strict=True))
            found = tuple(by_place.get(place) for place in range(sent.places[-1] + 1))
        before = self._open.get(name)
        self._open[name] = found if before is None else _both(self._tuple_of(before), found)
        self._size += len(keys)
        self._newest = max(self._newest, *times)
        if self._size >= self._part:
            self._freeze()

    def note_list(self, sent: SentEvents, devices: Sequence[str], times: npt.NDArray[np.float64]) -> None:
        """``note`` all events of a list that was accepted as a whole; there is no key of any.

        :param devices: of each, in their order.
        :param times: event times, epoch seconds; NaN for one without a prediction.
        """
        newest = float(np.fmax.reduce(times, initial=-math.inf))
        if newest == -math.inf:
            return
        name, known = digest(sent.id), self._devices
        try:
            codes = list(map(known.__getitem__, devices))
        except KeyError:
            codes = [known.setdefault(device, len(known)) for device in devices]
            self._names = list(known)
        found = _Listed(np.array(codes, dtype=np.int32), times)
        before = self._open.get(name)
        self._open[name] = found if before is None else _both(self._tuple_of(before), self._tuple_of(found))
        self._size += len(devices)
        self._newest = max(self._newest, newest)
        if self._size >= self._part:
            self._freeze()

    def forget(self, oldest: float) -> None:
        """Forget what is older than this event time, epoch seconds, as far as that is easily told."""
        self._oldest = oldest
        while self._frozen and self._frozen[0].newest < oldest:
            self._frozen_events -= self._frozen.pop(0).events
        if not self._frozen and self._newest < oldest:
            self._begin_part()

    def find(self, names: Sequence[str]) -> list[Key | Ambiguous | None]:
        """The event of each name; None for one that is not known."""
        asked = [parts_of(name) for name in names]
        digests = [digest(request) for request, _ in asked]
        found: list[set[Key | None]] = [set() for _ in names]
        for place, (name, (_, index)) in enumerate(zip(digests, asked, strict=True)):
            known = self._open.get(name)
            if known is not None:
                found[place].update(self._of(known, index))
        both = np.frombuffer(b"".join(digests), dtype=np.uint64).reshape(-1, 2)
        for part in self._frozen:
            for place, row in part.rows(both):
                found[place].update(part.keys(row, asked[place][1]))
        return [_one(each) for each in found]

    def content(self) -> dict[str, list[str]]:
        """What is named and not forgotten, by the digest of the request, in a form that can be compared."""
        found: dict[str, set[str]] = {}
        frozen = [*self._frozen, *([self._made()] if self._open else [])]
        for part in frozen:
            for name, index, key in part.items():
                if key is None or key[1] >= self._oldest:
                    found.setdefault(name.hex(), set()).add(f"{index} {key}")
        return {name: sorted(keys) for name, keys in found.items()}

    def saved(self) -> SavedState:
        """Everything that is remembered."""
        self._freeze()
        parts = {str(number): part.saved() for number, part in enumerate(self._frozen)}
        found = SavedState.of_parts(parts)
        return SavedState({"count": len(parts), **found.plain}, found.arrays)

    def restore(self, state: SavedState) -> None:
        """Remember what was saved."""
        self._frozen = []
        for number in range(state.plain.get("count", 0)):
            self._frozen.append(_Frozen.of(state.part(str(number))))
        self._frozen_events = sum(part.events for part in self._frozen)

    def _freeze(self) -> None:
        if self._open:
            self._frozen.append(self._made())
            self._frozen_events += self._frozen[-1].events
        self._begin_part()

    def _begin_part(self) -> None:
        self._open = {}
        self._size, self._newest = 0, -math.inf
        self._devices, self._names = {"": 0}, [""]

    def _of(self, known: Named | _Listed, index: int | None) -> list[Key | None]:
        if not isinstance(known, _Listed):
            return _of(known, index)
        time = math.nan if index is None or index >= len(known.times) else float(known.times[index])
        return [] if math.isnan(time) else [(self._names[known.codes[index]], time)]

    def _made(self) -> _Frozen:
        """What is kept as objects, in arrays."""
        return _Frozen.made(self._open, dict(self._devices), self._newest)

    def _tuple_of(self, known: Named | _Listed) -> Named:
        """Events of a request, each with its key."""
        if not isinstance(known, _Listed):
            return known
        return tuple(
            None if math.isnan(time) else (self._names[code], time)
            for code, time in zip(known.codes.tolist(), known.times.tolist(), strict=True)
        )


def _of(known: Named, index: int | None) -> list[Key | None]:
    """The event with an index of a request; None stands for several."""
    if not known:
        return [None]
    if _is_alone(known):
        return [known] if index is None else []  # type: ignore[list-item]
    key = known[index] if index is not None and index < len(known) else None
    return [key] if isinstance(key, tuple) else []


def _is_alone(known: Named) -> bool:
    return isinstance(known[0], str)


def _both(one: Named, other: Named) -> Named:
    """What an id names that two requests had: the same events again, maybe more of them, or others."""
    if one == other or not one:
        return one
    if _is_alone(one) or _is_alone(other):
        return ()
    places = range(max(len(one), len(other)))
    pairs = [tuple(keys[place] if place < len(keys) else None for keys in (one, other)) for place in places]
    if any(first is not None and second is not None and first != second for first, second in pairs):
        return ()
    return tuple(first if first is not None else second for first, second in pairs)  # type: ignore[misc]


def _one(found: set[Key | None]) -> Key | Ambiguous | None:
    if len(found) > 1 or None in found:
        return Ambiguous.AMBIGUOUS
    return next(iter(found), None)


class _Frozen:
    """Names in arrays: requests in the order of their digests, each with a stretch of the events."""

    def __init__(self, devices: list[str], newest: float, arrays: dict[str, Array]) -> None:
        self._devices, self.newest, self._arrays = devices, newest, arrays
        self._first = arrays["digest"][:, 0]

    def __len__(self) -> int:
        return len(self._first)

    @property
    def events(self) -> int:
        return len(self._arrays["time"])

    @classmethod
    def made(cls, known: dict[bytes, Named | _Listed], numbers: dict[str, int], newest: float) -> _Frozen:
        """Arrays of events; ``numbers`` is that of each device, and gets those of more."""
        digests = np.frombuffer(b"".join(known), dtype=np.uint64).reshape(-1, 2)
        codes: list[npt.NDArray[np.int32]] = []
        times: list[npt.NDArray[np.float64]] = []
        sizes: list[int] = []
        # Small arrays of each would take ten times as long, and a request waits for this.
        open_codes: list[int] = []
        open_times: list[float] = []

        def close() -> None:
            codes.append(np.array(open_codes, dtype=np.int32))
            times.append(np.array(open_times, dtype=np.float64))
            open_codes.clear()
            open_times.clear()

        number_of = numbers.get
        for each in known.values():
            if isinstance(each, _Listed):
                close()
                sizes.append(len(each.codes))
                codes.append(each.codes)
                times.append(each.times)
                continue
            if each and isinstance(each[0], str):  # As nearly all are; so without any call of our own.
                device, time = each
                code = number_of(device)
                if code is None:
                    code = numbers[device] = len(numbers)
                open_codes.append(code)
                open_times.append(time)
                sizes.append(_ALONE)
                continue
            sizes.append(len(each))
            for key in each:
                device, time = ("", math.nan) if key is None else key
                open_codes.append(numbers.setdefault(device, len(numbers)))
                open_times.append(time)
        close()
        lengths = np.array(sizes, dtype=np.int32)
        starts = np.cumsum(np.abs(lengths), dtype=np.int64) - np.abs(lengths)
        order = np.argsort(digests[:, 0], kind="stable")
        arrays: dict[str, Array] = {
            "digest": digests[order],
            "start": starts.astype(np.int32)[order],
            "size": lengths[order],
            "device": np.concatenate(codes),
            "time": np.concatenate(times),
        }
        return cls(list(numbers), newest, arrays)

    def rows(self, digests: Array) -> list[tuple[int, int]]:
        """Each place of an asked digest with a row that has it."""
        begin = np.searchsorted(self._first, digests[:, 0], "left")
        end = np.searchsorted(self._first, digests[:, 0], "right")
        found = []
        for place in np.flatnonzero(begin < end).tolist():
            for row in range(int(begin[place]), int(end[place])):
                if self._arrays["digest"][row, 1] == digests[place, 1]:
                    found.append((place, row))
        return found

    def keys(self, row: int, index: int | None) -> list[Key | None]:
        """The event with an index of the request in a row; None stands for several."""
        start, size = int(self._arrays["start"][row]), int(self._arrays["size"][row])
        if size == _AMBIGUOUS:
            return [None]
        if (index is None) != (size == _ALONE) or (index or 0) >= abs(size):
            return []
        time = float(self._arrays["time"][start + (index or 0)])
        return (
            [] if math.isnan(time) else [(self._devices[self._arrays["device"][start + (index or 0)]], time)]
        )

    def items(self) -> Iterator[tuple[bytes, int | None, Key | None]]:
        """Digest of the request, index and event of each name."""
        for row in range(len(self)):
            size = int(self._arrays["size"][row])
            for index in range(size) if size > 0 else (None,):
                for key in self.keys(row, index):
                    yield self._arrays["digest"][row].tobytes(), index, key

    def saved(self) -> SavedState:
        return SavedState({"devices": self._devices, "newest": self.newest}, dict(self._arrays))

    @classmethod
    def of(cls, state: SavedState) -> _Frozen:
        return cls(state.plain["devices"], state.plain["newest"], state.arrays)
