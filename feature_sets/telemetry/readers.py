"""Readers for a folder of telemetry: Parquet or CSV files in, checked frames and a report out.

A row is left out for the first reason that fits, in this order: ``missing_device``, ``separator_in_key``,
``broken_text_in_key`` (a NUL or a lone surrogate), ``unparsable_time``, ``naive_time``,
``unparsable_arrival``, ``naive_arrival``, ``not_a_number``, ``bad_label``, ``unknown_device`` (no such device
in the static file), ``duplicate`` (of a (device, time) the first to arrive stays or, where nobody knows, the
first row). Values in rows that stay: ``out_of_range`` and ``infinite`` become NaN, ``missing_values`` are NaN
already. All are counted.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.telemetry.errors import TelemetryError
from feature_sets.telemetry.event_time import parse_times
from feature_sets.telemetry.frames import Telemetry
from feature_sets.telemetry.ingest_report import FileReport, IngestReport
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.table_files import RawTable, find_files, load_table

__all__ = ["FileReport", "IngestReport", "Telemetry", "TelemetryError", "read_telemetry"]

_TRUTH = {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "false": 0, "true": 1}


def read_telemetry(folder: str | Path, schema: TelemetrySchema) -> tuple[Telemetry, IngestReport]:
    """Read ``metrics``, ``labels`` and ``static`` of a folder and check every row against the schema.

    :param folder: has each table as ``NAME.parquet``, ``NAME.csv`` or a sub-folder ``NAME/`` of such files.
    :raises TelemetryError: if a table or a column is missing, a file cannot be read, or no row is left.
    """
    report = IngestReport()
    base = Path(folder)
    static = _static(base, schema, report.static)
    metrics = _metrics(base, schema, report.metrics, static)
    labels = _labels(base, schema, report.labels, static)
    pairs, labeled = metrics[[DEVICE, schema.time]], labels[[DEVICE, schema.time]]
    if not labeled.equals(pairs):  # A label for each reading is the rule, and quickly seen.
        unmatched = ~pd.MultiIndex.from_frame(labeled).isin(pd.MultiIndex.from_frame(pairs))
        report.labels.count("label_without_metrics", schema.label, int(unmatched.sum()))
    silent = len(static) - metrics[DEVICE].nunique()
    if silent:
        report.static.notes.append(f"{silent:,} devices have no row in metrics")
    return Telemetry(metrics=metrics, labels=labels, static=static), report


class _Rows:
    """Rows of one table while reasons to leave them out are found, one reason after the other."""

    def __init__(
        self,
        folder: Path,
        schema: TelemetrySchema,
        report: FileReport,
        columns: list[str],
        numbers: list[str],
    ) -> None:
        files = find_files(folder, report.name)
        raw: RawTable = load_table(files, schema, columns, numbers)
        report.paths = [str(path.relative_to(folder)) for path in files]
        report.rows_read = len(raw.frame)
        self.report = report
        self.frame = raw.frame
        self.keep = np.ones(len(raw.frame), dtype=bool)
        self.reject("missing_device", raw.missing)
        self.reject("separator_in_key", raw.ambiguous)
        self.reject("broken_text_in_key", raw.broken)

    def reject(self, reason: str, rows: npt.NDArray[np.bool_]) -> None:
        """Leave out the given rows, unless they already are."""
        newly = rows & self.keep
        self.report.reject(reason, int(newly.sum()))
        self.keep &= ~newly

    def reject_times(self, column: str, kind: str, schema: TelemetrySchema) -> None:
        """Replace a column by UTC times.

        :param kind: ``time`` or ``arrival``, as the reasons call it.
        """
        parsed = parse_times(self.frame[column], schema.assume_timezone == "UTC")
        self.reject(f"unparsable_{kind}", parsed.unparsable)
        self.reject(f"naive_{kind}", parsed.naive)
        self.frame[column] = parsed.times
        for unit, rows in parsed.units.items():
            self.report.notes.append(f"{kind}_unit {unit}: {rows:,} times were epoch numbers in this unit")

    def reject_duplicates(self, keys: list[str], arrival: str | None = None) -> None:
        """Leave out rows that repeat the keys of an earlier row that is kept.

        :param arrival: column that says which of them was first; without it that is the order of the file.
        """
        repeated = np.zeros(len(self.frame), dtype=bool)
        kept = np.flatnonzero(self.keep)
        if arrival is not None:
            kept = kept[self.frame[arrival].iloc[kept].argsort(kind="stable").to_numpy()]
        repeated[kept] = self.frame[keys].iloc[kept].duplicated().to_numpy()
        self.reject("duplicate", repeated)

    def accepted(self, order: list[str]) -> pd.DataFrame:
        """Rows that are left, sorted.

        :raises TelemetryError: if none is left.
        """
        if not self.keep.any():
            rule = f"must hold at least one usable row; rejected {self.report.rejected}"
            raise TelemetryError(", ".join(self.report.paths), rule, f"{self.report.rows_read} rows")
        return self.frame[self.keep].sort_values(order, kind="stable", ignore_index=True)


def _static(folder: Path, schema: TelemetrySchema, report: FileReport) -> pd.DataFrame:
    columns = list(dict.fromkeys([*schema.static, *schema.population]))
    rows = _Rows(folder, schema, report, columns, [])
    rows.reject_duplicates([DEVICE])
    frame = rows.accepted([DEVICE])
    for column in columns:
        report.count("missing_values", column, int(frame[column].isna().sum()))
    return frame[[DEVICE, *(column for column in columns if column != DEVICE)]]


def _metrics(folder: Path, schema: TelemetrySchema, report: FileReport, static: pd.DataFrame) -> pd.DataFrame:
    names = list(schema.metric_names)
    times = [schema.time] if schema.arrival is None else [schema.time, schema.arrival]
    rows = _Rows(folder, schema, report, [*times, *names], names)
    for column, kind in zip(times, ("time", "arrival"), strict=False):
        rows.reject_times(column, kind, schema)
    for name in names:
        numbers = _as_numbers(rows.frame[name])
        rows.reject(
            "not_a_number",
            (numbers.isna() & rows.frame[name].notna() & ~_is_nan(rows.frame[name])).to_numpy(),
        )
        rows.frame[name] = numbers
    rows.reject("unknown_device", ~rows.frame[DEVICE].isin(static[DEVICE]).to_numpy())
    rows.reject_duplicates([DEVICE, schema.time], schema.arrival)
    frame = rows.accepted([schema.time, DEVICE])
    for metric in schema.metrics:
        values = frame[metric.name].to_numpy(dtype=np.float64, copy=True)
        infinite = np.isinf(values)
        report.count("missing_values", metric.name, int(np.isnan(values).sum()))
        report.count("infinite", metric.name, int(infinite.sum()))
        outside = ~infinite & ((values < metric.low) | (values > metric.high))
        report.count("out_of_range", metric.name, int(outside.sum()))
        values[infinite | outside] = np.nan
        frame[metric.name] = values
    return frame[[DEVICE, *times, *names]]


def _labels(folder: Path, schema: TelemetrySchema, report: FileReport, static: pd.DataFrame) -> pd.DataFrame:
    excluding = [column for column in schema.exclude_labels if column not in (schema.time, schema.label)]
    rows = _Rows(folder, schema, report, [schema.time, schema.label, *excluding], [schema.label])
    rows.reject_times(schema.time, "time", schema)
    label = _truths(rows.frame[schema.label])
    rows.reject("bad_label", label.isna().to_numpy())
    rows.reject("unknown_device", ~rows.frame[DEVICE].isin(static[DEVICE]).to_numpy())
    rows.reject_duplicates([DEVICE, schema.time])
    rows.frame[schema.label] = label
    frame = rows.accepted([schema.time, DEVICE])
    frame[schema.label] = frame[schema.label].astype(np.int64)
    for column in excluding:
        report.count("missing_values", column, int(frame[column].isna().sum()))
    return frame[[DEVICE, schema.time, schema.label, *excluding]]


def _as_numbers(column: pd.Series) -> pd.Series:
    """Column as float64; what is not a number becomes NaN. True and false are 1 and 0."""
    if column.dtype.kind in "iufb" or pd.api.types.is_numeric_dtype(column.dtype):
        return column.astype("Float64").astype(np.float64) if column.hasnans else column.astype(np.float64)
    if column.dtype.kind in "mM" or isinstance(column.dtype, pd.DatetimeTZDtype):
        return pd.Series(np.nan, index=column.index)
    return pd.to_numeric(column.astype(object), errors="coerce").astype(np.float64)


def _is_nan(column: pd.Series) -> pd.Series:
    """Cells that say in words that there is no reading."""
    if column.dtype.kind in "iufbmM" or not pd.api.types.is_object_dtype(column.dtype):
        return pd.Series(False, index=column.index)
    return column.map(
        lambda cell: isinstance(cell, str) and cell.strip().lower() in ("", "nan", "null", "none")
    )


def _truths(column: pd.Series) -> pd.Series:
    """0 or 1 of each label as float64, NaN for anything else."""
    if column.dtype.kind in "iufb":
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return pd.Series(np.where((values == 0) | (values == 1), values, np.nan), index=column.index)
    return column.map(_truth, na_action="ignore").astype(np.float64)


def _truth(cell: object) -> float:
    """0 or 1 of a label cell, NaN for anything else."""
    if isinstance(cell, str):
        return _TRUTH.get(cell.strip().lower(), np.nan)
    return float(cell) if isinstance(cell, int | float | np.number | np.bool_) and cell in (0, 1) else np.nan
