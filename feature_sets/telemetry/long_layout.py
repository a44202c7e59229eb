"""Metrics in long layout, one row a value with the name of its metric, made one row a reading."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.listed import listed
from feature_sets.rows.keyed_rows import Integers
from feature_sets.telemetry.ingest_report import FileReport
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.table_files import FileRows, joined

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
    known = names.isin(schema.metric_names).to_numpy()
    _note_others(names[~known], report)
    reading = _readings(columns[DEVICE], columns[schema.time])
    # Numbered again, without those that no metric is of.
    first_row = pd.Series(np.flatnonzero(known)).groupby(reading[known], sort=False).first()
    numbers = pd.Series(np.arange(len(first_row)), index=first_row.index)
    first = first_row.to_numpy(dtype=np.int64)
    values = columns[schema.files.value].to_numpy(dtype=np.float64)
    wide: dict[str, pd.Series] = {}
    wide_refused = {name: refused[name][first] for name in refused if name != schema.files.value}
    for metric in schema.metric_names:
        rows = np.flatnonzero(known & (names == metric).to_numpy())
        at = numbers.loc[reading[rows]].to_numpy(dtype=np.int64)
        again = pd.Series(at).duplicated().to_numpy()
        report.count("repeated_values", metric, int(again.sum()))
        column, bad = np.full(len(first), np.nan), np.zeros(len(first), dtype=np.bool_)
        column[at[~again]] = values[rows[~again]]
        bad[at[~again]] = refused[schema.files.value][rows[~again]]
        wide[metric], wide_refused[metric] = pd.Series(column), bad
    report.notes.append(f"long layout: {len(file):,} rows make {len(first):,} readings")
    starts = np.concatenate([[0], np.cumsum(lengths)])
    return [
        _part(part, number, first, file[first], int(starts[number]), wide, wide_refused)
        for number, part in enumerate(parts)
    ]


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
