"""Readings that were ingested before the live stream: they fill a device's windows when it first shows up.

Without them the first live features of a device would be those of a device with a short past, which is not
what the model was trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pandas as pd

from feature_sets.checks import InputError
from feature_sets.rows.event_micros import event_micros
from feature_sets.rows.stored_rows import in_utc
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from graphs.state.moving_feature_set import MovingFeatureSet

_BEFORE_ALL = pd.Timestamp(0, tz="UTC")

ReadRange = Callable[[pd.Timestamp, pd.Timestamp], pd.DataFrame]


class ReadingHistory:
    """Ingested readings by device, read a stretch of time at a go.

    All devices of a network send at about the same time, so the stretch read for the first of them serves
    the others too.

    Live readings are ingested, too. A replay of the journal tells which readings it is about to give itself,
    see ``leave_out``: they are not part of what was before.

    :param read: (start, end] -> device, time (UTC), metrics of every ingested row in that stretch, and when
        it arrived (UTC) where the schema names a column with that.
    :param schema: names the columns and gives the longest window.
    :param find: looks again where the rows are.
    """

    def __init__(
        self, read: ReadRange, schema: TelemetrySchema, find: Callable[[], None] = lambda: None
    ) -> None:
        self._read = read
        self._find = find
        self._time = schema.time
        self._arrival = schema.arrival
        self._metrics: Sequence[str] = schema.metric_names
        self._left_out: frozenset[tuple[str, int]] = frozenset()
        self._longest = pd.Timedelta(seconds=schema.longest_window_seconds)
        # A reading that is later than others by more is taken for one in order.
        self._ahead = max(pd.Timedelta(days=1), 2 * self._longest) if self._arrival else pd.Timedelta(0)
        self._start = self._end = _BEFORE_ALL
        self._rows: dict[str, pd.DataFrame] = {}

    def refresh(self) -> None:
        """Take over what was ingested since."""
        self._find()
        self._rows, self._start, self._end = {}, _BEFORE_ALL, _BEFORE_ALL

    def leave_out(self, readings: Iterable[tuple[str, float]]) -> None:
        """Readings, by device and time in epoch seconds, that are not given from now on."""
        self._left_out = frozenset((device, event_micros(time)) for device, time in readings)

    def before(self, device: str, time: float, arrived: float) -> list[tuple[float, dict[str, float]]]:
        """Readings of a device that its windows at ``time`` cover, without one at ``time`` itself.

        Where it is known when each arrived, those that had arrived before, even if they are of a later time:
        the device is further then.

        :param time: event time of the first live reading, epoch seconds.
        :param arrived: when that arrived, epoch seconds; what arrived at the same time is not given.
        :returns: (epoch seconds, metric -> value) in the order of arrival where it is known, else of time;
            NaN is no reading.
        """
        moment, now = _timestamp(time), _timestamp(arrived)
        earliest = moment - self._longest
        latest = min(moment + self._ahead, max(moment, now + self._longest))
        if not (self._start <= earliest and latest <= self._end):
            self._load(earliest, latest + self._longest)
        rows = self._rows.get(device)
        if rows is None:
            return []
        rows = rows[(rows[self._time] > earliest) & (rows[self._time] != moment)]
        rows = rows[rows[self._time] < moment] if self._arrival is None else rows[rows[self._arrival] < now]
        times = rows[self._time].dt.tz_localize(None).to_numpy("datetime64[us]").astype("int64")
        return [
            (micros / 1_000_000, dict(zip(self._metrics, values, strict=True)))
            for micros, values in zip(
                times.tolist(), rows[list(self._metrics)].to_numpy("float64").tolist(), strict=True
            )
            if (device, micros) not in self._left_out
        ]

    def _load(self, start: pd.Timestamp, end: pd.Timestamp) -> None:
        frame = self._read(start, end)
        order = [self._time] if self._arrival is None else [self._arrival, self._time]
        frame = frame.sort_values(order, kind="stable")
        self._rows = {str(device): rows for device, rows in frame.groupby(DEVICE, sort=False)}
        self._start, self._end = start, end


def _timestamp(seconds: float) -> pd.Timestamp:
    return pd.Timestamp(event_micros(seconds), unit="us", tz="UTC")


def _nothing(times: Sequence[str], schema: TelemetrySchema) -> pd.DataFrame:
    empty = pd.DataFrame({name: [] for name in (DEVICE, *times, *schema.metric_names)})
    return empty.astype(dict.fromkeys(times, "datetime64[ns, UTC]"))


def stored_readings(uri: str, schema: TelemetrySchema) -> ReadingHistory:
    """History in the offline target of the feature set of the metrics.

    :param uri: ``store://feature-sets/...``.
    :raises InputError: if the telemetry has another schema, without some of the metrics. One that comes later
        leaves nothing to read.
    """
    feature_set = MovingFeatureSet(uri)

    def missing_metrics(known: Any) -> list[str]:
        features = set(known.spec.features.keys())
        return [name for name in schema.metric_names if name not in features]

    missing = missing_metrics(feature_set.known)
    if missing:
        rule = (
            f"must hold {', '.join(missing)} of schema '{schema.name}', which the model in production was "
            "trained on; 'netops run' trains one for the telemetry that is there"
        )
        raise InputError("telemetry", rule, "another schema")
    times = [schema.time, *([schema.arrival] if schema.arrival else [])]
    columns = [*times[1:], *schema.metric_names]

    def read(start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        def stretch(known: Any) -> pd.DataFrame:
            if missing_metrics(known):
                # Replaced under an endpoint that is up: of its own schema there is no history any more.
                return _nothing(times, schema)
            options = {"start_time": start, "end_time": end, "time_column": schema.time}
            stored: pd.DataFrame = known.to_dataframe(columns=columns, **options)
            return stored.reset_index()

        frame = feature_set.read(stretch)
        for time in times:
            frame = in_utc(frame, time)
        return frame

    return ReadingHistory(read, schema, feature_set.refresh)
