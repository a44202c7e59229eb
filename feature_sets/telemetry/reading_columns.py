"""The readings in the files of the metrics: gauges, counters and the uptime, each as it is kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from feature_sets.rows.whole_numbers import whole_array
from feature_sets.telemetry.ingest_report import FileReport
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.table_files import Columns
from feature_sets.telemetry.table_rows import TableRows


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
    return Columns(times=tuple(times), numbers=(*gauges, *uptime), wholes=counters)


def reject_readings(rows: TableRows, schema: TelemetrySchema) -> None:
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
    if schema.counter_metrics:
        _note_gaps(frame, schema, report)
    if schema.uptime is not None:
        micros = schema.uptime.micros(frame[schema.uptime.column].to_numpy(dtype=np.float64))
        told = ~np.isnan(micros)
        report.count("missing_values", schema.uptime.column, int((~told).sum()))
        frame[schema.uptime.micros_column] = whole_array(np.where(told, micros, 0).astype(np.uint64), told)
    return frame


def _note_gaps(frame: pd.DataFrame, schema: TelemetrySchema, report: FileReport) -> None:
    """Tell how many intervals are too long for a rate: with devices that report rarely these may be all.

    :param frame: sorted by time.
    """
    steps = frame.groupby(DEVICE, sort=False)[schema.time].diff().dropna()
    longer = int((steps > pd.Timedelta(seconds=schema.max_gap_seconds)).sum())
    if longer:
        report.notes.append(
            f"{longer:,} of {len(steps):,} intervals between readings are longer than counters.max_gap, "
            f"{schema.max_gap_seconds:,} s: no rate of a counter spans them"
        )
