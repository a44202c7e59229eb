"""The next state of a history: a folder beside the current one, complete before anything points to it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from feature_sets.ingestion.errors import IngestError
from feature_sets.ingestion.history.manifest import HistoryFile, Manifest
from feature_sets.ingestion.history.parquet_partitions import (
    STORAGE_ERRORS,
    history_file,
    new_file,
    partitions,
)
from feature_sets.ingestion.history.stored_history import column_of_micros
from feature_sets.ingestion.history.streamed_partition import StreamedPartition, batches, in_event_order
from feature_sets.ingestion.history.target_folder import TargetFolder
from feature_sets.ingestion.history.typed_table import ColumnTypes, noted, typed
from feature_sets.rows.keyed_rows import Bools, Integers
from feature_sets.rows.whole_numbers import to_frame

_WHOLE_ROWS = 1 << 17
"""Rows of a file that is rewritten in memory."""


@dataclass(frozen=True)
class Layout:
    """How the rows of a feature set lie in its files.

    :param entity: column of the key.
    :param time: column of the event time.
    :param arrival: column of the arrival time, if there is one.
    :param types: of all columns, in the order of the files.
    :param computed: columns that are computed from other rows.
    :param granularity: of the partitions; None if there are none.
    :param widened: whether the types are others than those of the files until now.
    """

    entity: str
    time: str
    arrival: str | None
    types: ColumnTypes
    computed: tuple[str, ...]
    granularity: str | None
    widened: bool = False


@dataclass(frozen=True)
class Changes:
    """Rows that become part of a history, and rows of it that are replaced or left out.

    :param fresh: rows with all columns: new ones, and those whose computed columns may be others now.
    :param file: number of the file that holds the earlier form of each fresh row, -1 if there is none.
    :param place: its place there.
    :param gone_file: the same of rows that are left out from now on, or are replaced as a whole.
    :param gone_place: their places.
    """

    fresh: pa.Table
    file: Integers
    place: Integers
    gone_file: Integers
    gone_place: Integers


@dataclass(frozen=True)
class NextFiles:
    """The files of the next state.

    :param files: all of them.
    :param rewritten: which of the fresh rows took the place of an earlier form that differs from them.
    :param shared: whether those that did not change are the same files as before, at no cost.
    """

    files: tuple[HistoryFile, ...]
    rewritten: Bools
    shared: bool


def write_next_files(
    current: TargetFolder, manifest: Manifest, following: TargetFolder, layout: Layout, changes: Changes
) -> NextFiles:
    """Write the files of partitions that change, and take over all others.

    :param manifest: of the current folder.
    :param following: the folder of the next state; nothing points to it yet.
    :raises IngestError: if a file cannot be read or written.
    """
    work = _plan(manifest, layout, changes)
    rewritten = np.zeros(changes.fresh.num_rows, dtype=np.bool_)

    def write(task: _Task) -> tuple[HistoryFile | None, bool]:
        if task.file is not None and not task.touched:
            return task.file, following.take_over(task.file.path, current)
        return _rewrite(task, current, following, layout, changes, rewritten), True

    try:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            done = list(pool.map(write, work))
    except STORAGE_ERRORS as error:
        raise IngestError(f"Parquet files must be writable at {following.path}, got {error!r}") from error
    files = tuple(file for file, _ in done if file is not None)
    return NextFiles(files, rewritten, all(shared for _, shared in done))


@dataclass(frozen=True)
class _Task:
    """What is to be done with one partition.

    :param folder: of the partition.
    :param file: its file until now, if it has one.
    :param number: of that file.
    :param fresh: rows of ``Changes.fresh`` that belong here.
    :param touched: whether anything may change.
    """

    folder: str
    file: HistoryFile | None
    number: int
    fresh: Integers
    touched: bool


def _plan(manifest: Manifest, layout: Layout, changes: Changes) -> list[_Task]:
    """A task for each partition that there is or will be."""
    times = column_of_micros(changes.fresh[layout.time]).view("datetime64[us]")
    fresh: dict[str, Integers] = {}
    for folder, rows in partitions(times, layout.granularity):
        fresh[folder] = np.arange(len(times), dtype=np.int64)[rows]
    nothing = np.empty(0, dtype=np.int64)
    gone = set(changes.gone_file.tolist())
    tasks = [
        _Task(
            file.folder,
            file,
            number,
            fresh.get(file.folder, nothing),
            file.folder in fresh or number in gone or layout.widened,
        )
        for number, file in enumerate(manifest.files)
    ]
    known = {file.folder for file in manifest.files}
    return tasks + [
        _Task(folder, None, -1, rows, True) for folder, rows in fresh.items() if folder not in known
    ]


def _rewrite(
    task: _Task,
    current: TargetFolder,
    following: TargetFolder,
    layout: Layout,
    changes: Changes,
    rewritten: Bools,
) -> HistoryFile | None:
    """Write the file of one partition; take it over if nothing in it changes after all."""
    fresh = changes.fresh.take(pa.array(task.fresh))
    if task.file is None:
        return _written(following, task.folder, fresh, layout)
    is_large = task.file.rows > _WHOLE_ROWS and not layout.widened
    if is_large and in_event_order(current, task.file.path, layout.time):
        return _streamed(task, task.file, fresh, current, following, layout, changes, rewritten)
    stored = current.read(task.file.path)
    table = typed(stored, layout.types)
    keep = np.ones(table.num_rows, dtype=np.bool_)
    keep[changes.gone_place[changes.gone_file == task.number]] = False
    untouched = bool(keep.all()) and not layout.widened
    here = np.flatnonzero(changes.file[task.fresh] == task.number)
    places = changes.place[task.fresh[here]]
    differs = _differ(table.take(pa.array(places)), fresh.take(pa.array(here)), layout.computed)
    rewritten[task.fresh[here[differs]]] = True
    if untouched and not differs.any() and len(here) == len(task.fresh):
        following.take_over(task.file.path, current)
        return task.file
    keep[places] = False
    merged = pa.concat_tables([table.filter(pa.array(keep)), fresh.cast(table.schema)])
    return _written(
        following, task.folder, merged, layout, None if layout.widened else stored.schema.metadata
    )


def _streamed(
    task: _Task,
    file: HistoryFile,
    fresh: pa.Table,
    current: TargetFolder,
    following: TargetFolder,
    layout: Layout,
    changes: Changes,
    rewritten: Bools,
) -> HistoryFile | None:
    """``_rewrite`` of a large file, batch by batch: first what differs, then the file.

    :param fresh: the rows that belong here.
    """
    here = np.flatnonzero(changes.file[task.fresh] == task.number)
    places = changes.place[task.fresh[here]]
    gone = changes.gone_place[changes.gone_file == task.number]
    compared = {name: layout.types[name] for name in layout.computed}
    for start, batch in batches(current, file.path, compared) if len(here) and compared else ():
        at = np.flatnonzero((places >= start) & (places < start + batch.num_rows))
        stored = batch.take(pa.array(places[at] - start))
        differs = _differ(stored, fresh.take(pa.array(here[at])), layout.computed)
        rewritten[task.fresh[here[at[differs]]]] = True
    if not len(gone) and not rewritten[task.fresh].any() and len(here) == len(task.fresh):
        following.take_over(file.path, current)
        return file
    return StreamedPartition(following, layout.time, layout.entity, layout.arrival).write(
        task.folder,
        batches(current, file.path, layout.types),
        np.concatenate([gone, places]),
        fresh,
        current.notes(file.path),
    )


def _differ(stored: pa.Table, fresh: pa.Table, names: Sequence[str]) -> Bools:
    """Rows in which a computed column has another bit; missing is missing."""
    differs = np.zeros(stored.num_rows, dtype=np.bool_)
    for name in names:
        one, other = (
            np.ascontiguousarray(table[name].to_numpy(), dtype=np.float64) for table in (stored, fresh)
        )
        differs |= (one.view(np.int64) != other.view(np.int64)) & ~(np.isnan(one) & np.isnan(other))
    return differs


def _written(
    following: TargetFolder,
    folder: str,
    table: pa.Table,
    layout: Layout,
    notes: Mapping[bytes, bytes] | None = None,
) -> HistoryFile | None:
    """Write rows as the file of a partition, in event order; None if there are none."""
    if not table.num_rows:
        return None
    ordered = table.sort_by([(layout.time, "ascending"), (layout.entity, "ascending")])
    if notes is None:
        ordered = noted(ordered, to_frame(ordered.slice(0, 1)).set_index(layout.entity))
    else:
        ordered = ordered.replace_schema_metadata(notes)
    path = new_file(folder)
    rows = following.write(path, ordered)
    if rows != ordered.num_rows:
        raise IngestError(f"every row must be in {path}, got {rows} of {ordered.num_rows}")
    arrivals = column_of_micros(ordered[layout.arrival]) if layout.arrival else None
    return history_file(path, rows, column_of_micros(ordered[layout.time]), arrivals)
