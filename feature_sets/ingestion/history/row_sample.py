"""A sample of a history's rows that grows with it: which rows are in it does not depend on when they came."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from feature_sets.ingestion.history.stored_history import column_of_micros

MOST_ROWS = 10_000
"""Statistics of a history that is longer are those of its sample."""


def row_scores(table: pa.Table, entity: str, time: str | None) -> npt.NDArray[np.uint64]:
    """A number for each row that looks random and follows from its key and its time alone."""
    column = table[entity].combine_chunks()
    encoded = column.dictionary_encode()
    keys = encoded.dictionary.to_pandas().to_numpy()
    scores: npt.NDArray[np.uint64] = pd.util.hash_array(keys)[encoded.indices.to_numpy(zero_copy_only=False)]
    if time is None:
        return scores
    with np.errstate(over="ignore"):
        scores = scores ^ (column_of_micros(table[time]).view(np.uint64) * np.uint64(0x9E3779B97F4A7C15))
        # The finalizer of SplitMix64 (Steele, Lea and Flood, 2014, Fast Splittable Pseudorandom Number
        # Generators, OOPSLA): every bit of the input moves every bit of the output.
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
            scores ^= scores >> np.uint64(shift)
            scores *= np.uint64(factor)
    return scores


class GrowingSample:
    """The ``sample`` of tables one after the other.

    :param entity: column of the key.
    :param time: column of the event time, if there is one.
    """

    def __init__(self, entity: str, time: str | None) -> None:
        self._entity, self._time = entity, time
        self._chosen: pa.Table | None = None
        self.halvings = 0

    def add(self, table: pa.Table) -> None:
        """Take rows."""
        found, self.halvings = sample(table, self._entity, self._time, self.halvings)
        if self._chosen is not None:
            both = pa.concat_tables([self._chosen, found])
            found, self.halvings = sample(both, self._entity, self._time, self.halvings)
        self._chosen = found

    @property
    def rows(self) -> pa.Table:
        """The rows that are in it."""
        return self._chosen


def sample(table: pa.Table, entity: str, time: str | None, halvings: int = 0) -> tuple[pa.Table, int]:
    """The rows with the smallest scores, at most ``MOST_ROWS``.

    A row is in the sample if its score is in the lowest 1 / 2 ** halvings of all possible ones.

    :param halvings: at least so many.
    :returns: the rows, in their order, and the halvings.
    """
    scores = row_scores(table, entity, time)
    while True:
        chosen = scores <= np.uint64((1 << (64 - halvings)) - 1)
        if np.count_nonzero(chosen) <= MOST_ROWS or halvings >= 63:
            break
        halvings += 1
    if chosen.all():
        return table, halvings
    return table.filter(pa.array(chosen)), halvings
