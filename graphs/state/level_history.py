"""The ingested past of devices, from which their level and spread are made when they first show up live."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.checks import InputError
from feature_sets.relative_features import RelativeFeatures
from feature_sets.rows.event_micros import column_micros, event_micros
from feature_sets.rows.stored_rows import in_utc
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from graphs.state.moving_feature_set import MovingFeatureSet

Read = Callable[[], pd.DataFrame]


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
    ) -> npt.NDArray[np.float64]:
        """Features of the rows of a device that were there before its first live reading, in their order.

        Which these are is as for ``ReadingHistory.before``, but however old they are.

        :param left_out: device and time of rows that are not meant, where no arrival tells which came later.
        :returns: shape (n, features).
        """
        if self._rows is None:
            self._rows = self._load()
        past = self._rows.get(device)
        if past is None:
            return np.empty((0, len(self._inputs)))
        moment = event_micros(time)
        given = past.micros < moment if past.arrivals is None else past.arrivals < event_micros(arrived)
        if left_out and past.arrivals is None:
            given &= [(device, micros) not in left_out for micros in past.micros.tolist()]
        features: npt.NDArray[np.float64] = past.features[given]
        return features

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


def stored_levels(uri: str, schema: TelemetrySchema, features: RelativeFeatures) -> LevelHistory | None:
    """Past in the offline target of the feature set of the metrics; None if no feature asks for one.

    :param uri: ``store://feature-sets/...``.
    :raises InputError: if the telemetry has another schema, without some of the features. One that comes
        later leaves nothing to read.
    """
    if not features.names:
        return None
    inputs = list(dict.fromkeys(features.inputs))
    feature_set = MovingFeatureSet(uri)

    def missing(known: object) -> list[str]:
        stored = set(known.spec.features.keys())  # type: ignore[attr-defined]
        return [name for name in inputs if name not in stored]

    absent = missing(feature_set.known)
    if absent:
        rule = f"must hold {', '.join(absent)} of schema '{schema.name}', which the model was trained on"
        raise InputError("telemetry", rule, "another schema")
    times = [schema.time, *([schema.arrival] if schema.arrival else [])]

    def read() -> pd.DataFrame:
        feature_set.refresh()

        def whole(known: object) -> pd.DataFrame:
            if missing(known):
                return pd.DataFrame({name: [] for name in (DEVICE, *times, *inputs)}).astype(
                    dict.fromkeys(times, "datetime64[ns, UTC]")
                )
            columns = [*times[1:], *inputs]
            # With a time column MLRun reads the time too, however wide the range is.
            stored: pd.DataFrame = known.to_dataframe(  # type: ignore[attr-defined]
                columns=columns,
                start_time=pd.Timestamp("1970-01-01", tz="UTC"),
                end_time=pd.Timestamp("2200-01-01", tz="UTC"),
                time_column=schema.time,
            )
            return stored.reset_index()

        frame = feature_set.read(whole)
        for time in times:
            frame = in_utc(frame, time)
        return frame

    return LevelHistory(read, schema, features.inputs)
