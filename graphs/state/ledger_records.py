"""The records of a ledger: columns by stretches of event time, found by device and time."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from graphs.state.ledger_chunk import NONE, Floats, LedgerChunk, bits_of
from graphs.state.ledger_index import Bits, Codes

_CHUNKS = 360
"""Stretches that the deadline is cut into: so much memory comes free at a time."""
_SPARE_NAMES = 10_000
_TIME, _BITS = struct.Struct("=d"), struct.Struct("=q")


class Place(NamedTuple):
    """Where a record is."""

    chunk: LedgerChunk
    row: int


class Forgotten(NamedTuple):
    """Records that were forgotten.

    :param chunk: where they were.
    :param rows: theirs, the earliest first.
    """

    chunk: LedgerChunk
    rows: Bits


class LedgerRecords:
    """What is known of devices and times, from a time on that only grows.

    :param deadline_seconds: about how long a stretch of time is kept.
    """

    def __init__(self, deadline_seconds: float) -> None:
        self._seconds = max(deadline_seconds / _CHUNKS, 1e-3)
        self._names: list[str] = []
        self._codes: dict[str, int] = {}
        self._chunks: dict[int, LedgerChunk] = {}
        self._first = math.inf
        self._oldest = -math.inf
        self._size = self._names_needed = 0

    def __len__(self) -> int:
        return self._size

    @property
    def chunks(self) -> Iterator[LedgerChunk]:
        """In the order of time."""
        return (self._chunks[number] for number in sorted(self._chunks))

    @property
    def earliest(self) -> float | None:
        """Event time of the first record, epoch seconds; None without one."""
        return next((chunk.earliest for chunk in self.chunks), None)

    def find(self, device: str, time: float) -> Place | None:
        """Where the record of a device and time is; None without one."""
        code = self._codes.get(device)
        chunk = self._chunks.get(math.floor(time / self._seconds))
        if code is None or chunk is None or time < self._oldest:
            return None
        row = chunk.find(code, _bits(time))
        return None if row < 0 else Place(chunk, row)

    def put(self, device: str, time: float) -> tuple[Place, bool]:
        """Where the record of a device and time is, made if there is none, and whether it was made.

        :param time: not before what is forgotten.
        """
        code = self._codes.get(device)
        if code is None:
            code = self._number(device)
        chunk = self._chunk(math.floor(time / self._seconds))
        row, is_new = chunk.row(code, _bits(time))
        self._size += is_new
        return Place(chunk, row), is_new

    def put_all(self, devices: Sequence[str], times: Floats) -> Iterator[tuple[LedgerChunk, Bits, Bits, int]]:
        """The same of several: by chunk, which of them it has, their rows, and how many rows it had."""
        numbers = np.floor(times / self._seconds)
        codes, bits = self._numbers(devices), bits_of(times)
        for number in np.unique(numbers).tolist():
            own = np.flatnonzero(numbers == number)
            chunk = self._chunk(int(number))
            rows, before = chunk.rows(codes[own], bits[own])
            self._size += chunk.count - before
            yield chunk, own, rows, before

    def forget(self, oldest: float) -> list[Forgotten]:
        """Forget the records before a time; gives them, chunk by chunk in the order of time."""
        self._oldest = max(self._oldest, oldest)
        if self._first > oldest / self._seconds:  # Also before any event, when the time is minus infinity.
            return []
        last = math.floor(oldest / self._seconds)
        found = []
        for number in sorted(number for number in self._chunks if number <= last):
            chunk = self._chunks[number]
            rows = chunk.forget(oldest)
            if len(rows):
                found.append(Forgotten(chunk, rows))
                self._size -= len(rows)
            if chunk.forgotten == chunk.count:
                del self._chunks[number]
        self._first = min(self._chunks, default=math.inf)
        if len(self._names) > 2 * max(self._size, self._names_needed) + _SPARE_NAMES:
            self._forget_names([chunk for chunk, _ in found])
        return found

    def names(self, codes: Codes | Bits) -> list[str]:
        """Keys of the devices of these numbers."""
        return [self._names[code] for code in codes.tolist()]

    def names_of(self, chunk: LedgerChunk, rows: Bits) -> list[str]:
        """Keys of the devices of records."""
        return self.names(chunk.codes[rows])

    def _chunk(self, number: int) -> LedgerChunk:
        chunk = self._chunks.get(number)
        if chunk is None:
            chunk = self._chunks[number] = LedgerChunk()
            self._first = min(self._first, number)
        return chunk

    def _number(self, device: str) -> int:
        code = self._codes[device] = len(self._names)
        self._names.append(device)
        return code

    def _numbers(self, devices: Sequence[str]) -> Codes:
        found = list(map(self._codes.get, devices))
        if None in found:
            known = self._codes
            found = [known[name] if name in known else self._number(name) for name in devices]
        return np.array(found, dtype=np.int32)

    def _forget_names(self, more: Sequence[LedgerChunk]) -> None:
        """Give up the names of devices without a record."""
        chunks = list({id(chunk): chunk for chunk in (*self._chunks.values(), *more)}.values())
        used = np.unique(
            np.concatenate([np.empty(0, np.int32), *(each.codes[: each.count] for each in chunks)])
        )
        numbers = np.full(len(self._names), NONE, dtype=np.int32)
        numbers[used] = np.arange(len(used))
        for chunk in chunks:
            chunk.renumber(numbers)
        self._names = [self._names[code] for code in used.tolist()]
        self._codes = {name: code for code, name in enumerate(self._names)}
        self._names_needed = len(self._names)


def warm_up() -> None:
    """Compile, or load, what records are found by, so that the first events do not wait for it."""
    records = LedgerRecords(1.0)
    records.put("a", 0.0)
    for chunk, *_ in records.put_all(["a"] * 100, np.arange(100) / 1e6):
        chunk.renumber(np.zeros(1, dtype=np.int32))
    if records.find("a", 0.0) is None:
        raise RuntimeError("the index of the ledger must find what was put there, got nothing")


def _bits(time: float) -> int:
    bits: int = _BITS.unpack(_TIME.pack(time + 0.0))[0]
    return bits
