"""Readings that were ingested before the live stream: they fill a device's windows when it first shows up.

Without them the first live features of a device would be those of a device with a short past, which is not
what the model was trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from feature_sets.checks import InputError
from feature_sets.rows.stored_rows import in_utc
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from graphs.state.moving_feature_set import MovingFeatureSet

ReadRange = Callable[[pd.Timestamp, pd.Timestamp], pd.DataFrame]


class ReadingHistory:
    """Ingested readings by device, read a stretch of time at a go.

    All devices of a network send at about the same time, so the stretch read for the first of them serves
    the others too.

    :param read: (start, end] -> device, time (UTC), metrics of every ingested row in that stretch.
    :param schema: names the columns and gives the longest window.
    """

    def __init__(self, read: ReadRange, schema: TelemetrySchema) -> None:
        self._read = read
        self._time = schema.time
        self._metrics: Sequence[str] = schema.metric_names
        self._longest = pd.Timedelta(seconds=schema.longest_window_seconds)
        self._start = self._end = pd.Timestamp(0, tz="UTC")
        self._rows: dict[str, pd.DataFrame] = {}

    def before(self, device: str, time: float) -> list[tuple[float, dict[str, float]]]:
        """Readings of a device that its windows at ``time`` cover, without one at ``time`` itself.

        :param time: epoch seconds.
        :returns: (epoch seconds, metric -> value) in event order; NaN is no reading.
        """
        moment = pd.Timestamp(round(time * 1_000_000), unit="us", tz="UTC")
        earliest = moment - self._longest
        if not (self._start <= earliest and moment <= self._end):
            self._load(earliest, moment + self._longest)
        rows = self._rows.get(device)
        if rows is None:
            return []
        rows = rows[(rows[self._time] > earliest) & (rows[self._time] < moment)]
        times = rows[self._time].dt.tz_localize(None).to_numpy("datetime64[us]").astype("int64")
        return [
            (micros / 1_000_000, dict(zip(self._metrics, values, strict=True)))
            for micros, values in zip(
                times.tolist(), rows[list(self._metrics)].to_numpy("float64").tolist(), strict=True
            )
        ]

    def _load(self, start: pd.Timestamp, end: pd.Timestamp) -> None:
        frame = self._read(start, end)
        frame = frame.sort_values([self._time], kind="stable")
        self._rows = {str(device): rows for device, rows in frame.groupby(DEVICE, sort=False)}
        self._start, self._end = start, end


def stored_readings(uri: str, schema: TelemetrySchema) -> ReadingHistory:
    """History in the offline target of the feature set of the metrics.

    :param uri: ``store://feature-sets/...``.
    :raises InputError: if the telemetry has another schema since, without some of the metrics.
    """
    feature_set = MovingFeatureSet(uri)
    known = set(feature_set.known.spec.features.keys())
    missing = [name for name in schema.metric_names if name not in known]
    if missing:
        rule = (
            f"must hold {', '.join(missing)} of schema '{schema.name}', which the model in production was "
            "trained on; 'netops run' trains one for the telemetry that is there"
        )
        raise InputError("telemetry", rule, "another schema")

    def read(start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        options = {"start_time": start, "end_time": end, "time_column": schema.time}
        frame = feature_set.read(
            lambda known: known.to_dataframe(columns=list(schema.metric_names), **options)
        )
        return in_utc(frame.reset_index(), schema.time)

    return ReadingHistory(read, schema)
