"""A part and the rows of the history around it, put together: what becomes of each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from feature_sets.ingestion.history.added_rows import AddedRows, compare_rows, places_in
from feature_sets.ingestion.history.computed import ComputedColumns, Recomputed
from feature_sets.ingestion.history.manifest import HistoryFile
from feature_sets.ingestion.history.next_state import Changes, Layout
from feature_sets.ingestion.history.stored_history import StoredHistory, StoredRows, column_of_micros
from feature_sets.ingestion.history.typed_table import ColumnTypes, typed
from feature_sets.rows.keyed_rows import Bools, Integers, KeyedRows
from feature_sets.rows.whole_numbers import AS_WHOLE

STORED, NEW, EARLIER = range(3)
"""Where a merged row is from: the history; the part; the part in the place of one that arrived later."""


class Accepted(Protocol):
    """Which rows of a history are readings that an endpoint accepted, with the arrival that they have there.

    They were answered, and others after them, in the order of these arrivals. A file that has them too, and
    says an earlier one, would make the history one that nobody was served from.
    """

    def __call__(self, keys: Sequence[str], micros: Integers, arrivals: Integers) -> Bools:
        """Rows by key, event time and arrival in microseconds, shape (n,) each."""


@dataclass(frozen=True)
class Part:
    """Rows that are to be added to a history.

    :param table: all columns that are not computed.
    :param types: of these columns, in which the history fits as well.
    :param rows: their keys and times, in event order, each pair once.
    :param early: rows that arrived before their own time, which are left out.
    """

    table: pa.Table
    types: ColumnTypes
    rows: KeyedRows
    early: Bools


@dataclass(frozen=True)
class MergedRows:
    """The rows of a part and those around them in the history, in event order, shape (n,).

    :param rows: keys, times and what columns are computed from.
    :param table: their columns that are not computed.
    :param origin: STORED, NEW or EARLIER.
    :param file: number of the file that holds the row, -1 for a row of the part.
    :param place: its place in the file.
    """

    rows: KeyedRows
    table: pa.Table
    origin: npt.NDArray[np.int8]
    file: Integers
    place: Integers


@dataclass(frozen=True)
class NewestRows:
    """The newest rows of devices that have to be written to the online table.

    :param at: which of the merged rows, one a device.
    :param around: the rows of these devices that may be in a window of the newest.
    """

    at: Integers
    around: KeyedRows


def rows_around(
    history: StoredHistory, part: Part, computed: ComputedColumns, is_whole: bool = False
) -> StoredRows:
    """The rows of the history that the part may change, and those that its columns are computed from.

    :param is_whole: whether all rows of the devices are needed.
    """
    files = list(history.manifest.files)
    taken = part.rows.micros[~part.early]
    again = [(first - computed.behind, end + computed.ahead) for first, end in computed.again]
    if not len(taken) and not again:
        return history.near([], part.table.column_names, part.rows.keys, _within([]))
    if computed.whole_devices or is_whole:
        return history.near(files, part.table.column_names, part.rows.keys, _all)
    if computed.arrival is None:
        # Those of a file between two rows of the part, but near neither, need not be read.
        moments = np.unique(taken)
        near = [
            _meets(file, moments, computed.behind, computed.ahead) or touches(file, again) for file in files
        ]
        if len(taken):
            again.append((int(taken.min()) - computed.behind, int(taken.max()) + computed.ahead))
        chosen = _within(again)
    else:
        low = int(taken.min()) - computed.behind
        arrivals = column_of_micros(part.table[computed.arrival])[~part.early]
        first = int(arrivals.min())
        near = [file.last >= low or file.arrived >= first for file in files]
        chosen = _since(low, first, computed.arrival)
    numbers = np.flatnonzero(near)
    found = history.near(
        [files[number] for number in numbers], part.table.column_names, part.rows.keys, chosen
    )
    return StoredRows(found.table, found.codes, found.micros, numbers[found.files], found.places)


def merge(
    part: Part,
    stored: StoredRows,
    layout: Layout,
    computed: ComputedColumns,
    accepted: Accepted | None = None,
) -> tuple[MergedRows, AddedRows]:
    """Put a part and the rows around it together, and say what became of the rows of the part.

    :param stored: see ``rows_around``.
    :param accepted: rows of the history that keep their arrival, see ``Accepted``.
    """
    raw = part.table.column_names
    known = typed(stored.table, part.types)
    places = places_in(part.rows.codes, part.rows.micros, stored.codes, stored.micros)
    compared = [name for name in raw if name not in (layout.entity, layout.time, computed.arrival)]

    def settled(rows: Integers) -> Bools:
        if accepted is None or computed.arrival is None:
            return np.zeros(len(rows), dtype=np.bool_)
        keys = [str(part.rows.keys[code]) for code in stored.codes[rows].tolist()]
        arrivals = column_of_micros(known[computed.arrival].take(pa.array(rows)))
        return accepted(keys, stored.micros[rows], arrivals)

    added = compare_rows(part.table, known, places, compared, computed.arrival, part.early, settled)
    stays = np.ones(len(stored), dtype=np.bool_)
    stays[added.replaced] = False
    kept, coming = np.flatnonzero(stays), np.flatnonzero(added.added)
    table = pa.concat_tables([known.take(pa.array(kept)), part.table.take(pa.array(coming))])
    codes = np.concatenate([stored.codes[kept], part.rows.codes[coming]])
    micros = np.concatenate([stored.micros[kept], part.rows.micros[coming]])
    nowhere = np.full(len(coming), -1, dtype=np.int64)
    origin = np.zeros(len(codes), dtype=np.int8)
    origin[len(kept) :] = np.where(added.earlier[coming], EARLIER, NEW)
    order = np.lexsort((codes, micros))
    merged = MergedRows(
        rows=_keyed(table, codes, micros, part.rows.keys, layout, computed.inputs, order),
        table=table.take(pa.array(order)),
        origin=origin[order],
        file=np.concatenate([stored.files[kept], nowhere])[order],
        place=np.concatenate([stored.places[kept], nowhere])[order],
    )
    return merged, added


def changes_of(
    merged: MergedRows, found: Recomputed, stored: StoredRows, added: AddedRows, layout: Layout
) -> Changes:
    """What is to be written.

    :param found: what the part does to the merged rows.
    """
    changed = np.flatnonzero(found.changed)
    gone = np.flatnonzero(found.too_late & (merged.origin == STORED))
    fresh = merged.table.take(pa.array(changed))
    columns: dict[str, pa.Array | pa.ChunkedArray] = {name: fresh[name] for name in fresh.column_names}
    columns |= {name: pa.array(values, from_pandas=True) for name, values in found.values.items()}
    return Changes(
        fresh=typed(pa.table(columns), layout.types),
        file=merged.file[changed],
        place=merged.place[changed],
        gone_file=np.concatenate([merged.file[gone], stored.files[added.replaced]]),
        gone_place=np.concatenate([merged.place[gone], stored.places[added.replaced]]),
    )


def newest_rows(merged: MergedRows, found: Recomputed, ahead: int) -> NewestRows:
    """The newest row of each device that has a changed row among those near it.

    :param ahead: how far after a row others may be changed by it, in microseconds.
    """
    alive = ~found.too_late
    touched = found.changed | (found.too_late & (merged.origin != NEW))
    codes, micros = merged.rows.codes, merged.rows.micros
    # In event order, so the last one of a device is its newest.
    newest = np.full(len(merged.rows.keys), -1, dtype=np.int64)
    newest[codes[alive]] = np.flatnonzero(alive)
    newest_micros = np.full(len(newest), np.iinfo(np.int64).max)
    newest_micros[newest >= 0] = micros[newest[newest >= 0]]
    near = micros >= newest_micros[codes] - ahead
    written = np.zeros(len(newest), dtype=np.bool_)
    written[codes[touched & near]] = True
    at = newest[written & (newest >= 0)]
    return NewestRows(at, merged.rows.take(np.flatnonzero(alive & near & written[codes])))


def _keyed(
    table: pa.Table,
    codes: Integers,
    micros: Integers,
    keys: Sequence[str | int],
    layout: Layout,
    inputs: Sequence[str],
    order: npt.NDArray[np.intp],
) -> KeyedRows:
    """Rows in an order, with the columns that others are computed from."""
    columns: Mapping[str, object] = {
        layout.entity: np.array(keys, dtype=object)[codes] if len(keys) else np.empty(0, dtype=object),
        layout.time: pd.to_datetime(micros, unit="us", utc=True),
        **{name: table[name].to_pandas(types_mapper=AS_WHOLE.get).array for name in inputs},
    }
    return KeyedRows(pd.DataFrame(columns), layout.entity, layout.time, codes, list(keys), micros).take(order)


def _within(ranges: Sequence[tuple[int, int]]) -> Callable[[StoredRows], Bools]:
    def chosen(rows: StoredRows) -> Bools:
        found = np.zeros(len(rows), dtype=np.bool_)
        for low, high in ranges:
            found |= (rows.micros >= low) & (rows.micros <= high)
        return found

    return chosen


def _all(rows: StoredRows) -> Bools:
    return np.ones(len(rows), dtype=np.bool_)


def touches(file: HistoryFile, ranges: Sequence[tuple[int, int]]) -> bool:
    """Whether a file may have rows in one of these times."""
    return any(file.first <= high and file.last >= low for low, high in ranges)


def _since(low: int, first: int, arrival: str) -> Callable[[StoredRows], Bools]:
    return lambda rows: (rows.micros >= low) | (column_of_micros(rows.table[arrival]) >= first)


def _meets(file: HistoryFile, moments: Integers, behind: int, ahead: int) -> bool:
    """Whether one of the moments is so near a file that rows there matter for it."""
    at = int(np.searchsorted(moments, file.first - ahead))
    return at < len(moments) and int(moments[at]) <= file.last + behind
