"""Which rows of a part are new to a history, which it knows, and which contradict what it knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from feature_sets.rows.keyed_rows import Bools, Integers

SAMPLES = 5
"""Conflicts that are shown."""


@dataclass(frozen=True)
class AddedRows:
    """What became of the rows of a part, shape (n,) each.

    :param new: rows whose key and time the history does not have.
    :param earlier: rows that it has, but which arrived before those it has, and take their place.
    :param replaced: positions of the rows of the history that they replace.
    :param conflicting: rows that it has with other readings.
    :param samples: some of these: key, time, column, what is kept and what was given.
    """

    new: Bools
    earlier: Bools
    replaced: Integers
    conflicting: Bools
    samples: tuple[dict[str, Any], ...]

    @property
    def added(self) -> Bools:
        """Rows that become part of the history."""
        return self.new | self.earlier


def places_in(
    codes: Integers, micros: Integers, of_codes: Integers, of_micros: Integers
) -> npt.NDArray[np.intp]:
    """Where rows are among others by key and time, -1 for a row that is not.

    :param codes: keys of the rows, numbered alike on both sides.
    :param of_codes: keys of the others; each pair of key and time once.
    """
    side = np.repeat([0, 1], [len(of_codes), len(codes)])
    all_codes, all_micros = np.concatenate([of_codes, codes]), np.concatenate([of_micros, micros])
    order = np.lexsort((side, all_micros, all_codes))
    one, next_one = order[:-1], order[1:]
    same = (all_codes[one] == all_codes[next_one]) & (all_micros[one] == all_micros[next_one])
    same &= (side[one] == 0) & (side[next_one] == 1)
    places = np.full(len(codes), -1, dtype=np.intp)
    places[next_one[same] - len(of_codes)] = one[same]
    return places


def compare_rows(
    part: pa.Table,
    known: pa.Table,
    places: npt.NDArray[np.intp],
    compared: Sequence[str],
    arrival: str | None,
    left_out: Bools,
    settled: Callable[[Integers], Bools],
) -> AddedRows:
    """Tell the rows of a part apart: new ones, known ones and those that contradict known ones.

    Of two rows with the same key and time the first stays: the first that arrived where the arrival is known,
    else the one in the history.

    :param part: its rows.
    :param known: rows of the history, with columns of the same types.
    :param places: where each row of the part is among ``known``, see ``places_in``.
    :param compared: columns that make rows contradict each other.
    :param arrival: column of the arrival time, if any.
    :param left_out: rows of the part that are not looked at.
    :param settled: says which rows of ``known``, given by place, stay whenever others arrived.
    """
    met = np.flatnonzero((places >= 0) & ~left_out)
    new = (places < 0) & ~left_out
    earlier, conflicting = np.zeros(len(places), dtype=np.bool_), np.zeros(len(places), dtype=np.bool_)
    samples: list[dict[str, Any]] = []
    if len(met):
        given, kept = part.take(pa.array(met)), known.take(pa.array(places[met]))
        if arrival is not None:
            first = pc.less(given[arrival], kept[arrival]).fill_null(False)
            earlier[met] = first.to_numpy(zero_copy_only=False)
            if earlier.any():
                before = np.flatnonzero(earlier)
                earlier[before] = ~settled(places[before].astype(np.int64))
        for name in compared:
            differs = differing(given[name], kept[name])
            conflicting[met] |= differs
            for at in np.flatnonzero(differs)[: SAMPLES - len(samples)].tolist():
                place = int(met[at])
                values = {"kept": kept[name][at].as_py(), "given": given[name][at].as_py()}
                if earlier[place]:
                    values = {"kept": values["given"], "given": values["kept"]}
                samples.append({"row": place, "column": name, **values})
    replaced = places[np.flatnonzero(earlier)].astype(np.int64)
    return AddedRows(new, earlier, replaced, conflicting, tuple(samples))


def differing(given: pa.ChunkedArray, kept: pa.ChunkedArray) -> Bools:
    """Rows in which two columns are not alike; two missing values are."""
    alike = pc.equal(given, kept).fill_null(False)
    both_missing = pc.and_(pc.is_null(given, nan_is_null=True), pc.is_null(kept, nan_is_null=True))
    same: Bools = pc.or_(alike, both_missing).to_numpy(zero_copy_only=False)
    return ~same


def utc(micros: int | float) -> str:
    """A time in microseconds since the epoch as ISO 8601 text."""
    return pd.Timestamp(int(micros), unit="us", tz="UTC").isoformat()
