"""Rows of events with their keys numbered and their times in microseconds: worked out once, handed down."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.rows.entity_keys import key_codes
from feature_sets.rows.event_micros import column_micros

Integers = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class KeyedRows:
    """A frame of events, and what every step of an ingestion asks of its keys and times.

    >>> frame = pd.DataFrame({"box": ["b", "a", "b"], "at": [2.0, 1.0, 2.0], "load": [7, 8, 9]})
    >>> rows = KeyedRows.of(frame, "box", "at").in_event_order()
    >>> rows.frame["load"].tolist(), rows.keys, rows.micros.tolist()
    ([8, 7], ['b', 'a'], [1000000, 2000000])

    :param frame: one event a row; has the key and the time.
    :param entity: column of the key.
    :param time: column of the event time.
    :param codes: the number of each row's key, shape (n,).
    :param keys: the key of each number; every one occurs.
    :param micros: event times in microseconds since the epoch, shape (n,).
    """

    frame: pd.DataFrame
    entity: str
    time: str
    codes: Integers
    keys: list[str | int]
    micros: Integers

    @classmethod
    def of(cls, frame: pd.DataFrame, entity: str, time: str) -> KeyedRows:
        """Number the keys and read the times of a frame, in its own order.

        :raises KeyError: naming a column that is not there.
        :raises InputError: unless every row has a key and a time; UTC without a zone.
        """
        micros = column_micros(frame[time])
        codes, keys = key_codes(frame[entity])
        return cls(frame, entity, time, codes, keys, micros)

    def __len__(self) -> int:
        return len(self.codes)

    def in_event_order(self) -> KeyedRows:
        """Rows in the order of event time, then of the key; of rows with equal key and time only the first.

        Times are equal if they are in the same microsecond, as for the windows. The frame gets a new index
        0, 1, ...; its data is shared if the rows are in order already.
        """
        ranks = self._ranks()
        micros = self.micros
        order: npt.NDArray[np.intp] | None = None
        if not _ascends(ranks, micros, strictly=False):
            order = np.lexsort((ranks, micros))
            ranks, micros = ranks[order], micros[order]
        if not _ascends(ranks, micros, strictly=True):
            again = (ranks[1:] == ranks[:-1]) & (micros[1:] == micros[:-1])
            # lexsort is stable: the first of equal rows is the first of the frame.
            first = np.concatenate([[True], ~again])
            order = np.flatnonzero(first) if order is None else order[first]
        ordered = replace(self, frame=self.frame.copy(deep=False)) if order is None else self.take(order)
        ordered.frame.index = pd.RangeIndex(len(ordered))
        return ordered

    def take(self, positions: npt.NDArray[np.integer[Any]]) -> KeyedRows:
        """The rows at these positions, in this order, with their index."""
        codes, keys = self.codes[positions], self.keys
        occurs = np.bincount(codes, minlength=len(keys)) > 0
        if not occurs.all():
            codes = (np.cumsum(occurs) - 1)[codes]
            keys = [key for key, here in zip(keys, occurs.tolist(), strict=True) if here]
        return replace(
            self, frame=self.frame.take(positions), codes=codes, keys=keys, micros=self.micros[positions]
        )

    def _ranks(self) -> Integers:
        """Place of each row's key among all keys in order, whole numbers before text."""
        keys = self.keys
        order = sorted(range(len(keys)), key=lambda code: (isinstance(keys[code], str), keys[code]))
        ranks = np.empty(len(keys), dtype=np.int64)
        ranks[order] = np.arange(len(keys))
        ranked: Integers = ranks[self.codes]
        return ranked


def _ascends(ranks: Integers, micros: Integers, strictly: bool) -> bool:
    steps = np.diff(micros)
    within = np.diff(ranks)
    tie = within > 0 if strictly else within >= 0
    return bool(np.all((steps > 0) | ((steps == 0) & tie)))
