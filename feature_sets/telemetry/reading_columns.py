"""The readings in the files of the metrics: gauges, counters and the uptime, each as it is kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from feature_sets.rows.keyed_rows import Integers
from feature_sets.rows.whole_numbers import whole_array
from feature_sets.telemetry.checked_rows import CheckedRows
from feature_sets.telemetry.ingest_report import FileReport
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.telemetry.table_files import Columns


def asked_columns(schema: TelemetrySchema, times: Sequence[str]) -> Columns:
    """What is read of the files of the metrics, beside the key.

    :param times: event time and, where there is one, arrival.
    """
    counters = {metric.name: metric.counter.largest for metric in schema.metrics if metric.counter}
    uptime = () if schema.uptime is None else (schema.uptime.column,)
    gauges = tuple(metric.name for metric in schema.metrics if metric.counter is None)
    form = schema.files
    if form.is_long:
        # A value is read as what its metric is; whether it fits is seen then.
        wholes = {form.value: 2**64 - 1} if counters else {}
        return Columns(times=tuple(times), numbers=(form.value,), texts=(form.metric,), wholes=wholes)
    return Columns(
        times=tuple(times),
        numbers=(*gauges, *uptime),
        wholes=counters,
        optional=schema.optional_metrics,
    )


def reject_readings(rows: CheckedRows, schema: TelemetrySchema) -> None:
    """Leave out rows with a cell that is not what its column must be."""
    for metric in schema.metrics:
        rows.reject_refused(metric.name, "not_a_number" if metric.counter is None else "not_a_counter")
    if schema.uptime is not None:
        rows.reject_refused(schema.uptime.column, "not_a_number")
        values = rows.frame[schema.uptime.column].to_numpy(dtype=np.float64)
        bad = np.isnan(schema.uptime.micros(values)) & ~np.isnan(values)
        rows.reject("not_an_uptime", bad, schema.uptime.column)


def checked_readings(frame: pd.DataFrame, schema: TelemetrySchema, report: FileReport) -> pd.DataFrame:
    """The rows with their readings in the columns in which they are kept.

    What is missing, infinite or outside of its range is counted; the last two become no reading. The range of
    a counter is that of its rate, which is not known yet.
    """
    for metric in schema.metrics:
        if metric.counter is not None:
            report.count("missing_values", metric.name, int(frame[metric.name].isna().sum()))
            continue
        values = frame[metric.name].to_numpy(dtype=np.float64, copy=True)
        infinite = np.isinf(values)
        report.count("missing_values", metric.name, int(np.isnan(values).sum()))
        report.count("infinite", metric.name, int(infinite.sum()))
        outside = ~infinite & ((values < metric.low) | (values > metric.high))
        report.count("out_of_range", metric.name, int(outside.sum()))
        values[infinite | outside] = np.nan
        frame[metric.name] = values
    frame = frame.rename(columns={metric.name: metric.column for metric in schema.counter_metrics})
    if schema.uptime is not None:
        micros = schema.uptime.micros(frame[schema.uptime.column].to_numpy(dtype=np.float64))
        told = ~np.isnan(micros)
        report.count("missing_values", schema.uptime.column, int((~told).sum()))
        frame[schema.uptime.micros_column] = whole_array(np.where(told, micros, 0).astype(np.uint64), told)
    return frame


class LongGaps:
    """Counts intervals that are too long for a rate: with devices that report rarely these may be all.

    :param devices: how many there are.
    """

    def __init__(self, schema: TelemetrySchema, devices: int) -> None:
        self._asked, self._most = bool(schema.counter_metrics), schema.max_gap_seconds
        self._last = np.full(devices, -1, dtype=np.int64)
        self._intervals = self._longer = 0

    def take(self, devices: Integers, micros: Integers) -> None:
        """Take readings, each later than those before or of another device."""
        if not self._asked:
            return
        order = np.argsort(devices, kind="stable")
        codes, times = devices[order], micros[order]
        first = np.concatenate([[True], codes[1:] != codes[:-1]])
        before = np.where(first, self._last[codes], np.concatenate([[0], times[:-1]]))
        steps = (times - before)[before >= 0]
        last = np.append(np.flatnonzero(first)[1:] - 1, len(codes) - 1)
        self._last[codes[last]] = times[last]
        self._intervals += len(steps)
        self._longer += int(np.count_nonzero(steps > self._most * 1_000_000))

    def tell(self, report: FileReport) -> None:
        """Note how many there are."""
        if self._longer:
            report.notes.append(
                f"{self._longer:,} of {self._intervals:,} intervals between readings are longer than "
                f"counters.max_gap, {self._most:,} s: no rate of a counter spans them"
            )
