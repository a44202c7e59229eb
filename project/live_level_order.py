"""Features relative to the past of a device as its endpoint must have had them after it was silent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.ingestion.history.stored_history import StoredHistory, column_of_micros
from feature_sets.relative_features import RelativeFeatures
from feature_sets.telemetry.schema import TelemetrySchema
from project.journaled_device import JournaledDevice
from project.levels_by_arrival import LevelRows, LevelSearch
from project.windows_by_arrival import LiveOrder

_DEVICES = 1000
"""Devices whose past is read at once: all of their rows are in memory."""


class LiveLevelOrder:
    """Levels of devices by what an endpoint accepted, see ``LevelSearch``.

    :param order: of what it accepted.
    :param stored: the history of its readings, with their features.
    :param schema: of its readings.
    :param tell: is given what is done, for people.
    """

    def __init__(
        self,
        order: LiveOrder,
        stored: StoredHistory,
        schema: TelemetrySchema,
        tell: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._order, self._stored, self._schema, self._tell = order, stored, schema, tell
        self._relative = RelativeFeatures(schema)
        self._inputs = list(self._relative.inputs)

    def closest(
        self, pairs: pd.DataFrame, names: Sequence[str], journaled: Mapping[str, JournaledDevice]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """The features that the endpoint must have had, by the course that comes closest to what was served.

        Rows of files beside live ones had other windows in the history until these were ingested, so levels
        of then were others.

        :param pairs: device, time, ``PREDICTED_AT``, and the features as they were served.
        :param names: of these features, all relative to the past of a device.
        :param journaled: see ``LiveOrder.journaled``.
        :returns: the features, shape (pairs, names), of which pairs a course is known, and which are of
            devices with rows of files beside live ones.
        """
        mixed = np.zeros(len(pairs), dtype=np.bool_)
        known = np.zeros(len(pairs), dtype=np.bool_)
        found = np.full((len(pairs), len(names)), np.nan)
        asked = np.array([self._relative.names.index(name) for name in names], dtype=np.int64)
        said = pairs[list(names)].to_numpy(dtype=np.float64)
        of_device = self._order.places(pairs, journaled)
        devices = list(of_device)
        for first in range(0, len(devices), _DEVICES):
            some = devices[first : first + _DEVICES]
            past = self._past(some)
            for number, device in enumerate(some, first + 1):
                self._tell(f"levels of {device}, {number:,} of {len(devices):,} devices with a silence")
                rows, arrivals = past[device]
                mixed[[row for row, _ in of_device[device]]] = self._is_mixed(rows, journaled[device])
                each = self._of_device(device, journaled[device], rows, arrivals, of_device, said, asked)
                for row, features in each:
                    found[row], known[row] = features, True
        return found, known, mixed

    def _is_mixed(self, past: LevelRows, sent: JournaledDevice) -> bool:
        """Whether the history has rows of a device that did not come live, where windows have live ones."""
        is_live, live = np.isin(past.micros, sent.micros), np.sort(sent.micros)
        filed = past.micros[np.cumsum(is_live).astype(np.bool_) & ~is_live]
        after = np.searchsorted(live, filed - self._order.idle)
        return bool((np.append(live, np.iinfo(np.int64).max)[after] <= filed + self._order.idle).any())

    def _of_device(
        self,
        device: str,
        sent: JournaledDevice,
        past: LevelRows,
        came: npt.NDArray[np.int64],
        of_device: Mapping[str, Sequence[tuple[int, int]]],
        said: npt.NDArray[np.float64],
        asked: npt.NDArray[np.int64],
    ) -> Iterator[tuple[int, npt.NDArray[np.float64]]]:
        """Row and features of each pair of a device of which a course is known."""
        features, counted = self._order.served_by(device, sent, self._inputs)
        journaled = np.isin(past.micros, sent.micros[counted])
        # What was before the journal that was read came live, or by file: nobody knows.
        before = int(np.argmax(journaled)) if journaled.any() else len(past.micros)
        live = LevelRows(
            np.concatenate([past.micros[:before], sent.micros[counted]]),
            np.concatenate([past.features[:before], features[counted]]),
        )
        rank = before + np.cumsum(counted) - counted
        silent = np.flatnonzero(np.diff(came[:before]) >= self._order.idle) + 1
        begun = [*silent.tolist(), *(int(rank[start]) for start in sent.starts(self._order.idle))]
        filed = np.flatnonzero(~np.isin(past.micros, sent.micros))
        search = LevelSearch(self._relative, past, live, begun, filed[filed >= before], asked)
        for row, place in sorted(of_device[device], key=lambda pair: pair[1]):
            made = search.explain(int(rank[place]), said[row]) if counted[place] else None
            if made is not None:
                yield row, made

    def _past(self, devices: Sequence[str]) -> dict[str, tuple[LevelRows, npt.NDArray[np.int64]]]:
        """All rows of devices in the order of the history, and when each came."""
        arrival = self._schema.arrival
        columns = list(dict.fromkeys(self._inputs)) + ([arrival] if arrival else [])
        stored = self._stored.near(
            self._stored.manifest.files,
            columns,
            list(devices),
            lambda rows: np.ones(len(rows), dtype=np.bool_),
        )
        came = column_of_micros(stored.table[arrival]) if arrival else stored.micros
        order = np.lexsort((stored.micros, came, stored.codes))
        names = [stored.table[name].to_numpy().astype(np.float64, copy=False) for name in self._inputs]
        features = np.column_stack([name[order] for name in names])
        codes, micros, came = stored.codes[order], stored.micros[order], came[order]
        found = {}
        for number, device in enumerate(devices):
            at = slice(*np.searchsorted(codes, [number, number + 1]).tolist())
            found[device] = LevelRows(micros[at], features[at]), came[at]
        return found
