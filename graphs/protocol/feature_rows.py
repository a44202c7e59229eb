"""Features of the events of one request: a table, and each event's row in it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class FeatureTable:
    """Features of several events as columns; there is no mapping for each event.

    :param names: of the columns.
    :param values: shape (n, len(names)), NaN where missing.
    :param given: further features of each event by name, such as the static ones of its device. Events of one
        device may share a mapping.
    """

    def __init__(
        self, names: Sequence[str], values: Floats, given: Sequence[Mapping[str, float]] = ()
    ) -> None:
        self._names, self._values, self._given = tuple(names), values, given

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self._names)}

    def inputs(self, names: Sequence[str], rows: Sequence[int] | npt.NDArray[np.int64]) -> Floats:
        """Features by name of some events, NaN where missing; shape (len(rows), len(names))."""
        found = np.empty((len(rows), len(names)))
        found.fill(np.nan)
        to, of, others = _places_in(self._names, tuple(names))
        if len(to):
            found[:, to] = self._values[np.asarray(rows)[:, None], of]
        if self._given:
            for place, name in others:
                found[:, place] = [self._given[row].get(name, math.nan) for row in rows]
        return found

    def value(self, name: str, row: int) -> float:
        """One feature of an event."""
        if name in self._places:
            return float(self._values[row, self._places[name]])
        if not self._given:
            raise KeyError(name)
        return self._given[row][name]

    def names(self, row: int) -> list[str]:
        """Names of all features of an event."""
        return [*self._places, *(self._given[row] if self._given else ())]


@lru_cache(maxsize=64)
def _places_in(
    columns: tuple[str, ...], names: tuple[str, ...]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], list[tuple[int, str]]]:
    """Places of names that are columns, the columns of these, and the other names with their places."""
    where = {name: place for place, name in enumerate(columns)}
    here = [place for place, name in enumerate(names) if name in where]
    others = [(place, name) for place, name in enumerate(names) if name not in where]
    of = [where[names[place]] for place in here]
    return np.array(here, dtype=np.int64), np.array(of, dtype=np.int64), others


class FeatureRow(Mapping[str, float]):
    """The features of one event.

    :param table: of its request.
    :param row: its own.
    """

    __slots__ = ("row", "table")

    def __init__(self, table: FeatureTable, row: int) -> None:
        self.table, self.row = table, row

    def __getitem__(self, name: str) -> float:
        return self.table.value(name, self.row)

    def __iter__(self) -> Iterator[str]:
        return iter(self.table.names(self.row))

    def __len__(self) -> int:
        return len(self.table.names(self.row))

    def __repr__(self) -> str:
        return repr(dict(self))


Features = dict[str, float] | FeatureRow


def model_inputs(features: Sequence[Features], names: Sequence[str]) -> Floats:
    """Features of events in the order of names, NaN where missing; shape (n, len(names))."""
    if len(features) == 1 and type(features[0]) is dict:  # As of every lone event.
        one = features[0]
        return np.array([[one.get(name, math.nan) for name in names]], dtype=np.float64).reshape(
            1, len(names)
        )
    tables = {id(row.table) if isinstance(row, FeatureRow) else 0 for row in features}
    if len(tables) == 1 and isinstance(features[0], FeatureRow):
        rows: list[Any] = [row.row for row in features if isinstance(row, FeatureRow)]
        return features[0].table.inputs(names, rows)
    values = [[row.get(name, math.nan) for name in names] for row in features]
    return np.array(values, dtype=np.float64).reshape(len(values), len(names))
