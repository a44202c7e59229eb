"""Metrics in long layout, one row a value with the name of its metric, made one row a reading."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.listed import listed
from feature_sets.rows.keyed_rows import Integers
from feature_sets.rows.whole_numbers import whole_array
from feature_sets.telemetry.ingest_report import FileReport
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.table_files import AS_WHOLE, FileRows, joined

_SHOWN = 10


def widened(parts: Sequence[FileRows], schema: TelemetrySchema, report: FileReport) -> list[FileRows]:
    """Readings of files in long layout. A reading is in the file that has its first value.

    Values of one device and time are one reading; of two of the same metric the first stays. A reading
    without any metric of the schema is left out, and told; one without a device or a time stays, to be
    rejected.

    :param parts: with the columns of time, ``files.metric`` as text and ``files.value`` as numbers.
    """
    columns, refused = joined(parts, "columns"), joined(parts, "refused")
    lengths = [len(part.missing) for part in parts]
    file = np.repeat(np.arange(len(parts)), lengths)
    names = columns[schema.files.metric].map(lambda name: schema.rename.get(name, name), na_action="ignore")
    known = names.isin(schema.sent_fields).to_numpy()
    _note_others(names[~known], report)
    reading = _readings(columns[DEVICE], columns[schema.time])
    # Numbered again, without those that no metric is of.
    first_row = pd.Series(np.flatnonzero(known)).groupby(reading[known], sort=False).first()
    numbers = pd.Series(np.arange(len(first_row)), index=first_row.index)
    first = first_row.to_numpy(dtype=np.int64)
    value, whole = schema.files.value, f"{schema.files.value} {AS_WHOLE}"
    wide: dict[str, pd.Series] = {}
    wide_refused = {name: refused[name][first] for name in refused if name not in (value, whole)}
    counters = {metric.name: metric.counter.largest for metric in schema.metrics if metric.counter}
    for metric in schema.sent_fields:
        rows = np.flatnonzero(known & (names == metric).to_numpy())
        at = numbers.loc[reading[rows]].to_numpy(dtype=np.int64)
        again = pd.Series(at).duplicated().to_numpy()
        report.count("repeated_values", metric, int(again.sum()))
        rows, at = rows[~again], at[~again]
        source = whole if metric in counters else value
        bad = np.zeros(len(first), dtype=np.bool_)
        bad[at] = refused[source][rows]
        wide[metric] = _placed(columns[source].iloc[rows], at, len(first))
        if metric in counters:
            bad |= (wide[metric] > counters[metric]).fillna(False).to_numpy(dtype=np.bool_)
        wide_refused[metric] = bad
    report.notes.append(f"long layout: {len(file):,} rows make {len(first):,} readings")
    starts = np.concatenate([[0], np.cumsum(lengths)])
    return [
        _part(part, number, first, file[first], int(starts[number]), wide, wide_refused)
        for number, part in enumerate(parts)
    ]


def _placed(values: pd.Series, at: Integers, size: int) -> pd.Series:
    """A column of some size with values at these places, missing elsewhere."""
    if not isinstance(values.dtype, pd.UInt64Dtype):
        column = np.full(size, np.nan)
        column[at] = values.to_numpy(dtype=np.float64)
        return pd.Series(column)
    numbers, told = np.zeros(size, dtype=np.uint64), np.zeros(size, dtype=np.bool_)
    numbers[at], told[at] = values.to_numpy(dtype=np.uint64, na_value=0), values.notna().to_numpy()
    return pd.Series(whole_array(numbers, told))


def _readings(devices: pd.Series, times: pd.Series) -> Integers:
    """Number of the reading of each row; a row without a device or a time is one of its own."""
    device, time = pd.factorize(devices)[0].astype(np.int64), pd.factorize(times)[0].astype(np.int64)
    reading = device * (int(time.max(initial=0)) + 1) + time
    alone = (device < 0) | (time < 0)
    reading[alone] = -1 - np.flatnonzero(alone)
    return reading


def _note_others(names: pd.Series, report: FileReport) -> None:
    counts = names.fillna("no name").value_counts()
    if len(counts):
        others = [f"{name} ({rows:,} rows)" for name, rows in counts.items()]
        report.notes.append(f"not metrics of the schema: {listed(others, _SHOWN)}")


def _part(
    part: FileRows,
    number: int,
    first: Integers,
    file: Integers,
    start: int,
    wide: dict[str, pd.Series],
    refused: dict[str, npt.NDArray[np.bool_]],
) -> FileRows:
    """The readings of one file."""
    here = np.flatnonzero(file == number)
    rows = first[here] - start
    kept = {name: column.iloc[rows] for name, column in part.columns.items()}
    columns = {**kept, **{name: column.iloc[here] for name, column in wide.items()}}
    return FileRows(
        name=part.name,
        raw=part.raw.take(rows),
        missing=part.missing[rows],
        ambiguous=part.ambiguous[rows],
        broken=part.broken[rows],
        columns={name: column.reset_index(drop=True) for name, column in columns.items()},
        refused={name: mask[here] for name, mask in refused.items()},
        naive={name: mask[rows] for name, mask in part.naive.items()},
        units=part.units,
        unused=part.unused,
    )
