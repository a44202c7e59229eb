"""Rows in order of a column in bounded memory: sorted runs on disk, merged."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from feature_sets.rows.spilled_rows import SpillFile

RUN_BYTES = 64 << 20
"""Rows that are sorted at a time."""

_BLOCK_BYTES = 512 << 10
_MOST_RUNS = 64
"""Runs from which on they are merged into one, so that a block of each takes little memory."""


@dataclass(frozen=True)
class _Block:
    """Rows of a run, in order.

    :param first: the lowest value of the column that the rows are sorted by.
    :param read: gives the rows.
    """

    first: int
    read: Callable[[], pa.Table]


@dataclass
class _Run:
    """Sorted rows.

    :param file: that has the blocks, if they are not in memory.
    """

    blocks: list[_Block] = field(default_factory=list)
    file: SpillFile | None = None


class RowSort:
    """Takes tables of any order, gives their rows in the order of a column.

    :param by: column of whole numbers, none missing.
    :param folder: of the files, see ``SpillFile``.
    :param memory: bytes of rows that are held at most; what is less needs no file.
    """

    def __init__(self, by: str, folder: Path | None = None, memory: int = RUN_BYTES) -> None:
        self._by, self._folder, self._memory = by, folder, memory
        self._waiting: list[pa.Table] = []
        self._size = 0
        self._runs: list[_Run] = []

    def add(self, rows: pa.Table) -> None:
        """Take rows.

        :raises InputError: if the disk has too little space.
        """
        if not rows.num_rows:
            return
        if self._size and self._size + rows.nbytes > self._memory:
            self._spill(iter([self._sorted()]))
        self._waiting.append(rows)
        self._size += rows.nbytes

    def slices(self, rows: int) -> Iterator[pa.Table]:
        """Rows in ascending order, in tables of about so many; equal values are in one table.

        Within a table the order is left to the caller.
        """
        if self._waiting:
            self._runs.append(self._run(iter([self._sorted()]), None))
        yield from self._merged(self._runs, rows)

    def close(self) -> None:
        """Let go of everything."""
        self._waiting.clear()
        for run in self._runs:
            if run.file is not None:
                run.file.close()
        self._runs.clear()

    def _sorted(self) -> pa.Table:
        table = pa.concat_tables(self._waiting)
        self._waiting, self._size = [], 0
        values = _values(table, self._by)
        if np.any(values[1:] < values[:-1]):
            table = table.take(pa.array(np.argsort(values, kind="stable")))
        return table

    def _spill(self, tables: Iterator[pa.Table]) -> None:
        """Write a run, and make one of all if there are many."""
        self._runs.append(self._run(tables, SpillFile(self._folder)))
        if len(self._runs) < _MOST_RUNS:
            return
        before, self._runs = self._runs, []
        ordered = (
            table.take(pa.array(np.argsort(_values(table, self._by), kind="stable")))
            for table in self._merged(before, 1)
        )
        self._runs = [self._run(ordered, SpillFile(self._folder))]
        for run in before:
            if run.file is not None:
                run.file.close()

    def _run(self, tables: Iterator[pa.Table], file: SpillFile | None) -> _Run:
        run = _Run(file=file)
        for table in tables:
            rows = max(1, _BLOCK_BYTES * table.num_rows // max(table.nbytes, 1))
            firsts = _values(table, self._by)[::rows].tolist()
            for number, first in enumerate(firsts):
                block = table.slice(number * rows, rows)
                run.blocks.append(_Block(first, _always(block) if file is None else file.append(block)))
        return run

    def _merged(self, runs: list[_Run], rows: int) -> Iterator[pa.Table]:
        """What is not read yet begins at the lowest first value of the next blocks: all below it is complete.

        :param rows: that a table has at least, but for the last one.
        """
        following = [(run.blocks[0].first, number, 0) for number, run in enumerate(runs)]
        heapq.heapify(following)
        loaded: list[pa.Table] = []
        count, lowest = 0, 0
        while following or loaded:
            if following:
                first, number, place = heapq.heappop(following)
                lowest = min(lowest, first) if loaded else first
                run = runs[number]
                loaded.append(run.blocks[place].read())
                count += loaded[-1].num_rows
                if place + 1 < len(run.blocks):
                    heapq.heappush(following, (run.blocks[place + 1].first, number, place + 1))
                if following and (count < rows or following[0][0] <= lowest):  # None is complete yet.
                    continue
            bound = following[0][0] if following else None
            ready, loaded = _split(loaded, self._by, bound)
            count = sum(table.num_rows for table in loaded)
            lowest = min((int(_values(table, self._by)[0]) for table in loaded), default=0)
            if ready:
                yield pa.concat_tables(ready)


def _split(tables: list[pa.Table], by: str, bound: int | None) -> tuple[list[pa.Table], list[pa.Table]]:
    """Rows below a bound, and the others; all are below none."""
    if bound is None:
        return tables, []
    below, others = [], []
    for table in tables:
        end = int(np.searchsorted(_values(table, by), bound))
        if end:
            below.append(table.slice(0, end))
        if end < table.num_rows:
            others.append(table.slice(end))
    return below, others


def _always(table: pa.Table) -> Callable[[], pa.Table]:
    return lambda: table


def _values(table: pa.Table, by: str) -> npt.NDArray[np.int64]:
    values: npt.NDArray[np.int64] = table[by].to_numpy()
    return values
