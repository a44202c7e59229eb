"""Incidents of the history by id, for those that are over long before anybody says something more of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from feature_sets.rows.event_micros import event_micros
from feature_sets.rows.keyed_rows import Integers
from feature_sets.telemetry.incident_events import IncidentEvent
from feature_sets.telemetry.incident_rows import ID, KNOWN, SOURCE, START
from feature_sets.telemetry.incidents_that_count import (
    LIVE,
    incident_of,
    last_of_each,
    order_of,
)
from feature_sets.telemetry.schema import TelemetrySchema
from graphs.state.kept_incidents import SENT, KeptIncidents
from graphs.state.told_labels import told_event

_TAKEN = "taken"


class HistoryIncidents:
    """What the history said of each incident when it was read last, without a Python object for each.

    :param schema: of the labels.
    :param most: so many are known at most, those that began last.
    """

    def __init__(self, schema: TelemetrySchema, most: int) -> None:
        self._schema, self._most = schema, most
        self._rows: pa.Table | None = None

    def load(self, rows: pd.DataFrame) -> None:
        """Know the incidents of a history in the place of those of before.

        :param rows: of all sources, see ``closed_by_files``.
        """
        self._rows = _last_of_each(rows, self._most)

    def told(self, names: Collection[str], kept: KeptIncidents) -> Iterator[IncidentEvent]:
        """The incidents of these ids as whole events of the history; those that nobody knows are left out.

        :param kept: what was said live and the history may not have yet.
        """
        rows = self._found(names)
        for name in names:
            row = rows.get(name)
            sent = kept.last(name)
            if sent is not None and sent.source in ("", LIVE, SENT):
                taken = None if row is None else row[_TAKEN]
                if taken is None or event_micros(sent.changed) > event_micros(taken):
                    yield told_event(sent, SENT)
                    continue
            if row is not None:
                source = str(row[SOURCE]).rpartition("|")[2]
                yield told_event(incident_of(row, self._schema), source)

    def _found(self, names: Collection[str]) -> dict[str, dict[Any, Any]]:
        """The rows of these ids; times are None where there are none."""
        if self._rows is None:
            return {}
        # Few are asked for among many: these are hashed, and not those.
        is_asked = pc.is_in(self._rows[ID], value_set=pa.array(names, pa.string()))
        if not pc.any(is_asked).as_py():  # As nearly always: to filter all columns takes longer.
            return {}
        rows = self._rows.filter(is_asked)
        return {row[ID]: row for row in rows.to_pylist()}


def _last_of_each(rows: pd.DataFrame, most: int) -> pa.Table | None:
    """The row that counts of each incident with an id, and when the last one was sent live; None without any.

    :param most: so many at most, those that began last.
    """
    order = order_of(rows)
    order = order[pd.notna(rows[ID].to_numpy())[order]]
    if not len(order):
        return None
    live = last_of_each(rows, order[rows[SOURCE].to_numpy()[order] == LIVE])
    ids, known = rows[ID].to_numpy(), rows[KNOWN].to_numpy(dtype="datetime64[ns]")
    taken = dict(zip(ids[live].tolist(), known[live], strict=True))
    last = last_of_each(rows, order)
    began = rows[START].to_numpy(dtype="datetime64[ns]")
    last = last[np.argsort(began[last], kind="stable")][-most:]
    never = np.datetime64("NaT", "ns")
    columns = {str(name): _column(cells, last) for name, cells in rows.items()}
    columns[_TAKEN] = _times(
        np.array([taken.get(one, never) for one in ids[last].tolist()], dtype=known.dtype)
    )
    return pa.table(columns)


def _column(cells: pd.Series, places: Integers) -> pa.Array:
    if isinstance(cells.dtype, pd.DatetimeTZDtype):
        return _times(cells.to_numpy(dtype="datetime64[ns]")[places])
    kind = pa.string() if cells.name == ID else None
    return pa.array(cells.to_numpy()[places], kind, from_pandas=True)


def _times(moments: npt.NDArray[np.datetime64]) -> pa.Array:
    return pa.array(moments.astype("datetime64[us]"), pa.timestamp("us", "UTC"))
