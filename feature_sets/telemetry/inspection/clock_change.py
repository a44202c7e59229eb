"""Whether readings whose times have no zone have an hour twice, in what was looked at and in all rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa

from feature_sets.telemetry.arrow_files import file_columns, partition_values, read_file
from feature_sets.telemetry.cell_text import texts_of
from feature_sets.telemetry.doubled_hour import SetBack, near_set_back, set_back_in_parts
from feature_sets.telemetry.inspection.column_profile import WITHOUT_ZONE
from feature_sets.telemetry.inspection.key_and_time import device_times
from feature_sets.telemetry.inspection.likely_format import form_of_one
from feature_sets.telemetry.inspection.table_profile import TableProfile
from feature_sets.telemetry.json_files import is_json
from feature_sets.telemetry.time_columns import parse_times


def set_back_in_head(table: TableProfile, entity: Sequence[str], time: str) -> SetBack | None:
    """See ``set_back_in_parts``: of the rows that were looked at, each file a part.

    Rows whose times have a zone say nothing of the others.

    :param entity: columns that name a device.
    :param time: column of the times.
    """
    readings = device_times(table, entity, time)
    column = table.columns[time]
    if column.times != WITHOUT_ZONE:
        readings = readings[parse_times(table.head[time], order=column.order or None).naive]
    ends = np.searchsorted(readings.index, np.cumsum([0, *table.lengths]))
    return set_back_in_parts(readings.iloc[begin:end] for begin, end in pairwise(ends))


def set_back_in_files(table: TableProfile, entity: Sequence[str], time: str) -> SetBack | None:
    """The same of all rows of the files.

    Only the columns of times and devices are read, a file at a time.

    :raises TelemetryError: if a file cannot be read.
    """
    if table.folder is None or time in table.of_folders or all(table.whole):
        return None
    return set_back_in_parts(_near_rows(table, entity, time))


def _near_rows(table: TableProfile, entity: Sequence[str], time: str) -> Iterator[pd.DataFrame]:
    """Of each file the rows without a zone near an hour in which a zone sets its clocks back."""
    folder, order = table.folder, table.columns[time].order or None
    if folder is None:
        return
    for name in table.files:
        path = folder / name
        form = form_of_one(path, name, table.form)
        if is_json(path):
            continue
        here = file_columns(path, name, form)
        given = partition_values(path, folder, table.form)
        columns = {column: table.name_in(column, here) for column in entity if column not in given}
        own_time = table.name_in(time, here)
        if own_time is None or None in columns.values():
            continue
        inside = [own for own in columns.values() if own is not None]
        rows = read_file(path, name, [*inside, own_time], form=form)
        naive = parse_times(rows[own_time], order=order).naive
        if not naive.any():
            continue
        times = parse_times(rows[own_time], "UTC", order).times
        kept = np.flatnonzero(naive & near_set_back(times.array.asi8 // 1000))
        rows = rows.take(pa.array(kept))
        cells = [texts_of(rows[own]).series().tolist() for own in inside]
        cells += [[value] * len(kept) for column, value in given.items() if column in entity]
        devices = ["\0".join(map(str, key)) for key in zip(*cells, strict=True)]
        yield pd.DataFrame({"device": devices, "time": times.iloc[kept].reset_index(drop=True)})
