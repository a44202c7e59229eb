"""Rows of a history of all keys, of stretches of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from feature_sets.ingestion.history.stored_history import StoredHistory, column_of_micros
from feature_sets.rows.keyed_rows import Bools, Integers


@dataclass(frozen=True)
class WholeRows:
    """Rows out of the files of a history, shape (n,) each.

    :param table: the columns asked for, the key and the time among them.
    :param micros: event times, microseconds since the epoch.
    :param files: number of the file that each is in.
    :param places: its place in that file.
    """

    table: pa.Table
    micros: Integers
    files: Integers
    places: Integers


class Stretches:
    """Stretches of time, in microseconds; both ends belong to one.

    :param first: first moment of each, in any order; they may overlap.
    :param last: last moment of each.
    """

    def __init__(self, first: Integers, last: Integers) -> None:
        order = np.argsort(first, kind="stable")
        first, reached = first[order], np.maximum.accumulate(last[order])
        begins = np.ones(len(first), dtype=np.bool_)
        begins[1:] = first[1:] > reached[:-1]
        self.first: Integers = first[begins]
        # The last of one is what was reached before the next begins.
        self.last: Integers = reached[np.append(begins[1:], True)] if len(first) else reached

    @classmethod
    def of(cls, given: Sequence[tuple[int, int]]) -> Stretches:
        """From pairs of first and last moment."""
        pairs = np.array(given, dtype=np.int64).reshape(-1, 2)
        return cls(pairs[:, 0], pairs[:, 1])

    def __len__(self) -> int:
        return len(self.first)

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """First and last moment of each."""
        return list(zip(self.first.tolist(), self.last.tolist(), strict=True))

    def widened(self, before: int, after: int) -> Stretches:
        """The same, each longer at both ends."""
        low, high = np.iinfo(np.int64).min, np.iinfo(np.int64).max
        return Stretches(
            np.maximum(self.first, low + before) - before, np.minimum(self.last, high - after) + after
        )

    def have(self, micros: Integers) -> Bools:
        """Which moments are in one."""
        at = np.searchsorted(self.first, micros, side="right") - 1
        inside: Bools = (at >= 0) & (micros <= np.append(self.last, 0)[np.maximum(at, 0)])
        return inside & (len(self) > 0)

    def meet(self, first: int, last: int) -> bool:
        """Whether one of them has a moment of these."""
        return bool(np.any((self.first <= last) & (self.last >= first)))


def whole_rows(history: StoredHistory, columns: Sequence[str], stretches: Stretches) -> WholeRows:
    """Rows of a history within stretches of time.

    :param columns: which to read.
    """
    time = history.record.spec.timestamp_key
    tables, micros, files, places = [], [], [], []
    for number, file in enumerate(history.manifest.files):
        if not stretches.meet(file.first, file.last):
            continue
        table = (
            history.folder.read(file.path, list(columns)).select(list(columns)).replace_schema_metadata(None)
        )
        times = column_of_micros(table[time])
        here = np.flatnonzero(stretches.have(times))
        tables.append(table.take(pa.array(here)))
        micros.append(times[here])
        files.append(np.full(len(here), number, dtype=np.int64))
        places.append(here.astype(np.int64))
    nothing = np.empty(0, dtype=np.int64)
    return WholeRows(
        pa.concat_tables(tables) if tables else pa.table({name: pa.nulls(0) for name in columns}),
        *(np.concatenate([nothing, *part]) for part in (micros, files, places)),
    )
