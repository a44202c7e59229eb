"""The ingested past of devices, from which their level and spread are made when they first show up live."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.relative_features import RelativeFeatures
from feature_sets.rows.event_micros import column_micros, event_micros
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from graphs.state.sent_rows import Sent, SentRows
from graphs.state.stored_rows import StoredRows

Read = Callable[[], pd.DataFrame]

_FIRST, _LAST = pd.Timestamp("1970-01-01", tz="UTC"), pd.Timestamp("2200-01-01", tz="UTC")


class _Past(NamedTuple):
    """Rows of a device in the order of arrival: times in microseconds, and features, shape (n, features)."""

    micros: npt.NDArray[np.int64]
    arrivals: npt.NDArray[np.int64] | None
    features: npt.NDArray[np.float64]


class LevelHistory:
    """Ingested window features by device, in the order in which their rows were taken in.

    It is read whole, for all devices at once, when the first of them asks. It is kept until ``refresh``: 8
    bytes for each row and feature.

    :param read: device, time (UTC), the features and, where the schema names it, the arrival of each row.
    :param schema: names the columns.
    :param inputs: the features.
    """

    def __init__(self, read: Read, schema: TelemetrySchema, inputs: Sequence[str]) -> None:
        self._read, self._schema, self._inputs = read, schema, list(inputs)
        self._rows: dict[str, _Past] | None = None

    def refresh(self) -> None:
        """Read anew when a device asks again."""
        self._rows = None

    def before(
        self, device: str, time: float, arrived: float, left_out: frozenset[tuple[str, int]]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """What the rows of a device say that were there before its first live reading, in their order.

        Which these are is as for ``ReadingHistory.before``, but however old they are.

        :param left_out: device and time of rows that are not meant, where no arrival tells which came later.
        :returns: features, shape (n, features), and times in microseconds, shape (n,).
        """
        if self._rows is None:
            self._rows = self._load()
        past = self._rows.get(device)
        if past is None:
            return np.empty((0, len(self._inputs))), np.empty(0, dtype=np.int64)
        given = _given(past, device, event_micros(time), event_micros(arrived), left_out)
        return past.features[given], past.micros[given]

    def with_sent(
        self, device: str, time: float, arrived: float, left_out: frozenset[tuple[str, int]], sent: SentRows
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64], Sent] | None:
        """The same of a device that sent rows already: those of the history, and those that it has not yet.

        All are in the order that the history will have. What the device sent of a later time than this
        reading counts, too.

        :param sent: what came of it since the history was looked at.
        :returns: features and times as of ``before``, and the rows that are not in the history; None if rows
            are in neither.
        """
        if self._rows is None:
            self._rows = self._load()
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
        return features[order], micros[order], rows

    def _load(self) -> dict[str, _Past]:
        frame, time, arrival = self._read(), self._schema.time, self._schema.arrival
        order = [time] if arrival is None else [arrival, time]
        frame = frame.sort_values(order, kind="stable", ignore_index=True)
        micros = column_micros(frame[time])
        arrivals = None if arrival is None else column_micros(frame[arrival])
        features = frame[self._inputs].to_numpy("float64")
        return {
            str(device): _Past(micros[at], None if arrivals is None else arrivals[at], features[at])
            for device, at in frame.groupby(DEVICE, sort=False).indices.items()
        }


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

    def read() -> pd.DataFrame:
        stored.refresh()
        # With a time column MLRun reads the time too, however wide the range is.
        return stored.between(_FIRST, _LAST)

    return LevelHistory(read, schema, features.inputs)
