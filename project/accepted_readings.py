"""Which rows of a history came from the endpoint, by its journal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from feature_sets.rows.event_micros import column_micros
from feature_sets.rows.keyed_rows import Bools, Integers
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from graphs.protocol.routes import Kind
from graphs.state.accepted_entries import AcceptedEntries
from project.live_history import LiveJournal
from project.live_rows import live_rows

_Row = tuple[str, int, int]
_ENTRIES = 1_000
"""Entries that are decoded at once."""


class AcceptedReadings:
    """See ``Accepted`` of the history. The journal is read only when a file repeats a row of the history.

    A part is put together with the history a second time where that needs all rows of its devices. What was
    asked then is remembered.

    :param journal: of the endpoint.
    :param schema: of the history, with an arrival.
    """

    def __init__(self, journal: LiveJournal, schema: TelemetrySchema) -> None:
        self._journal, self._schema = journal, schema
        self._known: dict[_Row, bool] = {}

    def __call__(self, keys: Sequence[str], micros: Integers, arrivals: Integers) -> Bools:
        """Rows by device, event time and arrival in microseconds, shape (n,) each.

        :raises ApiError: if the journal cannot be read.
        :raises OSError: if a file of its archive cannot be read.
        """
        rows = list(zip(keys, micros.tolist(), arrivals.tolist(), strict=True))
        if new := set(rows) - self._known.keys():
            self._known.update(dict.fromkeys(new, False))
            self._look_up(min(arrival for _, _, arrival in new))
        return np.array([self._known[row] for row in rows], dtype=np.bool_)

    def _look_up(self, earliest: int) -> None:
        """Note which of the rows that are asked for the journal has.

        :param earliest: arrival of those that are new, microseconds.
        """
        entries = self._journal.arrived_since(earliest / 1_000_000).new
        told = [entry for entry in entries if entry.kind == Kind.TELEMETRY]
        arrived = 0
        for start in range(0, len(told), _ENTRIES):
            read = live_rows(AcceptedEntries(told[start : start + _ENTRIES], []), self._schema, arrived)
            arrived, rows = read.arrived, read.rows.metrics
            times, came = column_micros(rows[self._schema.time]), column_micros(rows[self._schema.arrival])
            for row in zip(rows[DEVICE].tolist(), times.tolist(), came.tolist(), strict=True):
                if row in self._known:
                    self._known[row] = True
