"""Metrics in long layout, one row a value with the name of its metric, made one row a reading."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.listed import listed
from feature_sets.rows.event_micros import column_micros
from feature_sets.rows.keyed_rows import Bools, Integers
from feature_sets.rows.whole_numbers import whole_array
from feature_sets.telemetry.ingest_report import FileReport
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.table_files import AS_WHOLE, FileRows

_SHOWN = 10


@dataclass(frozen=True)
class _Values:
    """Values of one metric in one file.

    :param at: number of the reading of each, in the file.
    :param values: numbers, whole ones of a counter; missing where there is none.
    :param refused: cells that hold something else.
    """

    at: Integers
    values: pd.Series
    refused: Bools


@dataclass
class _FileReadings:
    """Readings of one file, as far as it has them.

    :param rows: the first row of each reading, without values.
    :param device: number of the device of each, -1 without one.
    :param time: microseconds; that of no time is the smallest number.
    :param metrics: values by metric, each reading once.
    """

    rows: FileRows
    device: npt.NDArray[np.int32]
    time: Integers
    metrics: dict[str, _Values]


def widened(parts: Iterable[FileRows], schema: TelemetrySchema, report: FileReport) -> list[FileRows]:
    """Readings of files in long layout. A reading is in the file that has its first value.

    Values of one device and time are one reading; of two of the same metric the first stays. A reading
    without any metric of the schema is left out, and told; one without a device or a time stays, to be
    rejected. Of each file only its readings are kept.

    :param parts: with the columns of time, ``files.metric`` as text and ``files.value`` as numbers.
    """
    devices: dict[str, int] = {}
    others: dict[str, int] = {}
    files = []
    total = 0
    for part in parts:
        total += len(part.missing)
        files.append(_of_file(part, schema, devices, others, report))
    if others:
        told = sorted(others.items(), key=lambda entry: -entry[1])
        shown = listed([f"{name} ({rows:,} rows)" for name, rows in told], _SHOWN)
        report.notes.append(f"not metrics of the schema: {shown}")
    reading, is_first = _numbered(files, len(devices))
    count = int(np.count_nonzero(is_first))
    report.notes.append(f"long layout: {total:,} rows make {count:,} readings")
    lengths = [len(file.time) for file in files]
    ends = np.cumsum([0, *lengths])
    kept = [np.flatnonzero(is_first[ends[at] : ends[at + 1]]) for at in range(len(files))]
    starts = np.cumsum([0, *(len(rows) for rows in kept)])
    wide = [_kept(file.rows, rows) for file, rows in zip(files, kept, strict=True)]
    counters = {metric.name: metric.counter.largest for metric in schema.metrics if metric.counter}
    for metric in schema.sent_fields:
        filled, refused = np.zeros(count, dtype=np.bool_), np.zeros(count, dtype=np.bool_)
        places, given = [np.empty(0, dtype=np.int64)], []
        for number, file in enumerate(files):
            found = file.metrics.pop(metric, None)
            if found is None:
                continue
            at = reading[ends[number] : ends[number + 1]][found.at]
            new = ~filled[at]
            report.count("repeated_values", metric, len(at) - int(np.count_nonzero(new)))
            places.append(at[new])
            given.append(found.values[new])
            filled[at[new]], refused[at[new]] = True, found.refused[new]
        empty = pd.Series(dtype="UInt64" if metric in counters else "float64")
        values = pd.concat(given) if given else empty
        column = _placed(values, np.concatenate(places), count)
        if metric in counters:
            refused |= (column > counters[metric]).fillna(False).to_numpy(dtype=np.bool_)
        for number, part in enumerate(wide):
            here = slice(starts[number], starts[number + 1])
            part.columns[metric] = column.iloc[here].reset_index(drop=True)
            part.refused[metric] = refused[here]
    return wide


def _placed(values: pd.Series, at: Integers, size: int) -> pd.Series:
    """A column of some size with values at these places, missing elsewhere."""
    if not isinstance(values.dtype, pd.UInt64Dtype):
        column = np.full(size, np.nan)
        column[at] = values.to_numpy(dtype=np.float64)
        return pd.Series(column, copy=False)
    numbers, told = np.zeros(size, dtype=np.uint64), np.zeros(size, dtype=np.bool_)
    numbers[at], told[at] = values.to_numpy(dtype=np.uint64, na_value=0), values.notna().to_numpy()
    return pd.Series(whole_array(numbers, told))


def _of_file(
    part: FileRows,
    schema: TelemetrySchema,
    devices: dict[str, int],
    others: dict[str, int],
    report: FileReport,
) -> _FileReadings:
    """Readings of a file.

    :param devices: numbers of those that were met, by key; those of this file are added.
    :param others: rows of names that are no metric of the schema; those of this file are added.
    """
    form = schema.files
    metric = _metric_of_rows(part.columns[form.metric], schema, others)
    keys, texts = pd.factorize(part.columns[DEVICE])
    numbers = [devices.setdefault(text, len(devices)) for text in texts.tolist()]
    device = np.array([*numbers, -1], dtype=np.int32)[keys]
    time = column_micros(part.columns[schema.time].fillna(pd.Timestamp(0, tz="UTC")))
    time[part.columns[schema.time].isna().to_numpy()] = _NO_TIME
    known = np.flatnonzero(metric >= 0)
    reading = _of_rows(device[known], time[known])
    first = known[np.flatnonzero(~pd.Series(reading).duplicated().to_numpy())]
    whole = f"{form.value} {AS_WHOLE}"
    counters = {metric.name for metric in schema.counter_metrics}
    found: dict[str, _Values] = {}
    for place, name in enumerate(schema.sent_fields):
        chosen = np.flatnonzero(metric[known] == place)
        if not len(chosen):
            continue
        again = pd.Series(reading[chosen]).duplicated().to_numpy()
        report.count("repeated_values", name, int(np.count_nonzero(again)))
        chosen = chosen[~again]
        rows = known[chosen]
        source = whole if name in counters else form.value
        found[name] = _Values(reading[chosen], part.columns[source].iloc[rows], part.refused[source][rows])
    read = (form.metric, form.value, whole)
    columns = {name: column for name, column in part.columns.items() if name not in read}
    refusals = {name: mask for name, mask in part.refused.items() if name not in read}
    raw = part.raw.drop_columns([name for name in (form.metric, form.value) if name in part.raw.column_names])
    bare = replace(part, columns=columns, refused=refusals, raw=raw)
    return _FileReadings(_kept(bare, first), device[first], time[first], found)


def _metric_of_rows(
    column: pd.Series, schema: TelemetrySchema, others: dict[str, int]
) -> npt.NDArray[np.int32]:
    """Place of the metric that each row is of, -1 if it is none of the schema; rows of others are counted."""
    codes, names = pd.factorize(column)
    renamed = [schema.rename.get(name, name) for name in names.tolist()]
    places = {name: place for place, name in enumerate(schema.sent_fields)}
    rows = np.bincount(codes + 1, minlength=len(names) + 1).tolist()
    for name, count in zip(["no name", *renamed], rows, strict=True):
        if count and name not in places:
            others[name] = others.get(name, 0) + count
    return np.array([*(places.get(name, -1) for name in renamed), -1], dtype=np.int32)[codes]


_NO_TIME = np.iinfo(np.int64).min


def _of_rows(device: npt.NDArray[np.int32], time: Integers) -> Integers:
    """Number of the reading of each row, in the order of their first rows; without a key each its own."""
    moments, times = pd.factorize(time)
    reading = device.astype(np.int64) * max(len(times), 1) + moments
    alone = np.flatnonzero((device < 0) | (time == _NO_TIME))
    reading[alone] = -1 - alone
    return np.asarray(pd.factorize(reading)[0], dtype=np.int64)


def _numbered(files: list[_FileReadings], devices: int) -> tuple[Integers, Bools]:
    """Number of each reading among those of all files, and whether it is the first with its number."""
    device = np.concatenate([file.device for file in files])
    reading = _of_rows(device, np.concatenate([file.time for file in files]))
    return reading, ~pd.Series(reading).duplicated().to_numpy()


def _kept(part: FileRows, rows: Integers) -> FileRows:
    """Some rows of a file."""

    def of(masks: Mapping[str, Bools]) -> dict[str, Bools]:
        return {name: mask[rows] for name, mask in masks.items()}

    return replace(
        part,
        raw=part.raw.take(rows),
        missing=part.missing[rows],
        ambiguous=part.ambiguous[rows],
        broken=part.broken[rows],
        columns={name: column.iloc[rows].reset_index(drop=True) for name, column in part.columns.items()},
        refused=of(part.refused),
        naive=of(part.naive),
    )
