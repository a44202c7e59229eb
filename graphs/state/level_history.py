"""The ingested past of devices, from which their level and spread are made when they first show up live."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.relative_features import RelativeFeatures
from feature_sets.rows.event_micros import column_micros, event_micros
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from graphs.protocol.errors import ApiError
from graphs.state.sent_rows import Sent, SentRows
from graphs.state.stored_rows import OtherState, StoredRows

Read = Callable[[], Iterable[pd.DataFrame]]
Ask = Callable[[], str]

_ROWS = 500_000
"""Rows that are read at once: they take several times the memory of what is kept of them."""
_TIMES = 5
"""How often a history is read that changes meanwhile."""


class _Past(NamedTuple):
    """Rows of a device in the order of arrival: times in microseconds, and features, shape (n, features)."""

    micros: npt.NDArray[np.int64]
    arrivals: npt.NDArray[np.int64] | None
    features: npt.NDArray[np.float64]


class LevelHistory:
    """Ingested window features by device, in the order in which their rows were taken in.

    It is read whole, for all devices, when the first of them asks. It is kept until ``refresh``: 8 bytes for
    each row and feature, and as many for each of its times.

    :param read: device, time (UTC), the features and, where the schema names it, the arrival of each row, in
        parts of which each begins behind the time where the one before ends.
    :param schema: names the columns.
    :param inputs: the features.
    :param ask: gives the version of the history that there is now.
    """

    def __init__(self, read: Read, schema: TelemetrySchema, inputs: Sequence[str], ask: Ask) -> None:
        self._read, self._schema, self._inputs, self._ask = read, schema, list(inputs), ask
        self._rows: dict[str, _Past] | None = None
        self._version: str | None = None

    def refresh(self) -> None:
        """Read anew when a device asks again."""
        self._rows = self._version = None

    @property
    def version(self) -> str:
        """Which state of the history there is since ``refresh``; nothing of it is read.

        :raises ApiError: 503 if MLRun is away.
        """
        if self._version is None:
            self._version = self._ask()
        return self._version

    def with_sent(
        self, device: str, time: float, arrived: float, left_out: frozenset[tuple[str, int]], sent: SentRows
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], Sent, bool] | None:
        """What the rows of a device say that were there before a live reading: of the history, and sent ones.

        Which rows of the history these are is as for ``ReadingHistory.before``, but however old they are.
        All are in the order that the history will have. What the device sent of a later time than this
        reading counts, too.

        :param left_out: device and time of rows that are not meant, where no arrival tells which came later.
        :param sent: what came of it since the history was looked at.
        :returns: features, shape (n, features), times in microseconds, shape (n,), the rows that are not in
            the history, and whether all that the history has of the device is among these; None if rows are
            in neither.
        """
        if self._rows is None:
            self._rows = self._loaded()
        past = self._rows.get(device)
        rows, newest, dropped = sent.of(device), sent.newest(device), sent.dropped(device)
        if past is None:
            past = _Past(
                np.empty(0, np.int64),
                None if self._schema.arrival is None else np.empty(0, np.int64),
                np.empty((0, len(self._inputs))),
            )
        if dropped is not None and dropped not in past.micros:
            return None
        moment = event_micros(time)
        if newest is not None:
            moment = max(moment, newest + 1)
        given = _given(past, device, moment, event_micros(arrived), left_out)
        missing = ~np.isin(rows.at[:, 1], past.micros[given])
        rows = Sent(rows.at[missing], rows.features[missing])
        micros = np.concatenate([past.micros[given], rows.at[:, 1]])
        features = np.concatenate([past.features[given], rows.features])
        if past.arrivals is None:
            order = np.argsort(micros, kind="stable")
        else:
            order = np.argsort(np.concatenate([past.arrivals[given], rows.at[:, 0]]), kind="stable")
        return features[order], micros[order], rows, bool(given.all())

    def _loaded(self) -> dict[str, _Past]:
        for _ in range(_TIMES):
            try:
                return self._load()
            except OtherState as error:
                other = error
        rule = "must stay as it is while it is read, and each time was another state"
        raise ApiError(503, "feature set", rule, str(other)) from other

    def _load(self) -> dict[str, _Past]:
        parts: dict[str, list[_Past]] = {}
        time, arrival = self._schema.time, self._schema.arrival
        for frame in self._read():
            frame = frame.sort_values([time] if arrival is None else [arrival, time], kind="stable")
            micros = column_micros(frame[time])
            arrivals = None if arrival is None else column_micros(frame[arrival])
            features = frame[self._inputs].to_numpy("float64")
            for device, at in frame.groupby(DEVICE, sort=False).indices.items():
                one = _Past(micros[at], None if arrivals is None else arrivals[at], features[at])
                parts.setdefault(str(device), []).append(one)
        # What is joined is let go, so that no two of all are there at a time.
        return {device: _joined(parts.pop(device)) for device in list(parts)}


def _joined(parts: list[_Past]) -> _Past:
    """Rows of a device that came in parts, in the order of arrival where that is known."""
    if len(parts) == 1:
        return parts[0]
    micros = np.concatenate([part.micros for part in parts])
    features = np.concatenate([part.features for part in parts])
    came = [part.arrivals for part in parts if part.arrivals is not None]
    if not came:
        return _Past(micros, None, features)
    arrivals = np.concatenate(came)
    order = np.lexsort((micros, arrivals))
    return _Past(micros[order], arrivals[order], features[order])


def _given(
    past: _Past, device: str, moment: int, arrived: int, left_out: frozenset[tuple[str, int]]
) -> npt.NDArray[np.bool_]:
    """Which rows were there before, by event time or, where it is known, by arrival, in microseconds."""
    given: npt.NDArray[np.bool_] = past.micros < moment if past.arrivals is None else past.arrivals < arrived
    if left_out and past.arrivals is None:
        given &= [(device, micros) not in left_out for micros in past.micros.tolist()]
    return given


def stored_levels(uri: str, schema: TelemetrySchema, features: RelativeFeatures) -> LevelHistory | None:
    """Past in the offline target of the feature set of the metrics; None if no feature asks for one.

    :param uri: ``store://feature-sets/...``.
    :raises InputError: see ``StoredRows``.
    """
    if not features.names:
        return None
    stored = StoredRows(uri, schema, list(dict.fromkeys(features.inputs)))

    def ask() -> str:
        stored.refresh()
        return stored.version

    def read() -> Iterable[pd.DataFrame]:
        return stored.stretches(_ROWS)

    return LevelHistory(read, schema, features.inputs, ask)
