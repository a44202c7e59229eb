"""Ingestion of a frame into an MLRun feature set without storey's event loop: whole columns at a time.

What is left behind is what MLRun's own ingestion leaves: the same files and keys, the same schema, statistics
and status of the feature set. MLRun's readers need not know who wrote. Beside the files lies a manifest, so
that rows can be added later, see ``feature_sets.ingestion.append``.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import mlrun.feature_store as fstore
import pandas as pd
import pyarrow as pa
from mlrun.data_types import InferOptions
from mlrun.data_types.infer import infer_schema_from_df
from mlrun.datastore.targets import (
    TargetTypes,
    generate_target_run_id,
    get_target_driver,
    validate_target_list,
)

from feature_sets.ingestion import vectorized_support
from feature_sets.ingestion.arrow_table import arrow_table
from feature_sets.ingestion.errors import IngestError
from feature_sets.ingestion.history.manifest import HistoryFile, Manifest
from feature_sets.ingestion.history.parquet_partitions import FilesWriting, granularity_of, write_partitions
from feature_sets.ingestion.history.row_sample import sample
from feature_sets.ingestion.history.stored_history import StoredHistory, stored_record
from feature_sets.ingestion.history.switch import clear_leftovers, point_to, purge
from feature_sets.ingestion.history.target_folder import SAMPLE, TargetFolder
from feature_sets.ingestion.history.typed_table import note_whole_columns
from feature_sets.ingestion.newest_rows import write_newest_rows
from feature_sets.ingestion.statistics import preview, preview_rows, statistics
from feature_sets.ingestion.window_columns import FeatureColumns
from feature_sets.online_store.redis_table import OnlineTable
from feature_sets.online_store.redis_write import OnlineWrite
from feature_sets.rows.event_micros import column_micros
from feature_sets.rows.keyed_rows import KeyedRows

_SCHEMA_ROWS = 1000
"""MLRun takes the types from as many rows."""


@dataclass(frozen=True)
class Contents:
    """What a history is made of, for those who add to it.

    :param schema: content of what the rows were made by; rows of another one are not added.
    :param sources: what was read, by source.
    :param attachments: further files of the folder: Parquet by name, which begins with an underscore.
    :param later: fields of the schema that a history may have been without so far.
    """

    schema: Mapping[str, Any] = field(default_factory=dict)
    sources: Mapping[str, Any] = field(default_factory=dict)
    attachments: Mapping[str, pa.Table] = field(default_factory=dict)
    later: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Ingested:
    """What became of the rows of a frame.

    :param rows: rows in the feature set's offline targets.
    :param duplicates: rows left out because an earlier row has the same key and time; only where there are
        windows.
    :param online: what became of the newest row of each key; None without an online target.
    :param left_out: ``too_late`` and ``quarantined`` -> rows left out because of their arrival time, if any.
        These, ``rows`` and ``duplicates`` together are the rows given.
    :param without_rate: counter -> how many of its readings have no rate.
    """

    rows: int
    duplicates: int
    online: OnlineWrite | None
    left_out: Mapping[str, int] = field(default_factory=dict)
    without_rate: Mapping[str, int] = field(default_factory=dict)


def ingest_vectorized(
    feature_set: fstore.FeatureSet,
    frame: pd.DataFrame | KeyedRows,
    infer_options: int = InferOptions.default(),
    arrival: str | None = None,
    contents: Contents | None = None,
    history: StoredHistory | None = None,
) -> Ingested:
    """Fill the targets of a feature set from a frame in place of what they held, and save the feature set.

    For a feature set with one entity, no graph step but the aggregations of ``add_aggregation`` (sliding
    windows, alike for all columns), what is derived of them or MLRun's one-hot encoder, and Parquet or Redis
    targets. A row's windows are as of its event time, whatever the order of the rows, and cover the rows of
    this frame alone. New files are written beside the old ones, which are deleted when the feature set is
    saved; a process that is killed leaves the one or the other.

    :param feature_set: its targets, entity, time and aggregations; any operation of ``feature_sets.windows``.
    :param frame: one row an event; has the entity, the columns of the aggregations and, where the feature set
        names one, the event time, UTC if it has no zone. Other columns become features as they are. Where its
        keys are numbered already, they are not numbered again.
    :param infer_options: what to find out of the data: ``mlrun.data_types.InferOptions``, as for MLRun's own.
    :param arrival: column of the frame with the time at which each row arrived, UTC if it has no zone. A
        row's windows then hold what had arrived by then, as live; rows older than the allowed lateness when
        they arrived, or further ahead than the tolerance, are left out. Without it, all rows arrived in
        order.
    :param contents: what the manifest says; nothing by default.
    :param history: what the frame was made from. If that is no longer the current state, nothing is written.
        Its online table stays: rows of keys that are not in the frame remain, as readers that found the table
        earlier do.
    :raises InputError: if the feature set asks for anything else, its windows are not alike or not sliding,
        or the frame cannot be taken; nothing is left behind then.
    :raises IngestError: if a row did not arrive, a file cannot be written, or another process was faster.
    :raises OnlineStoreError: if Redis does not take the newest rows.
    """
    vectorized_support.check_feature_set(feature_set)
    if isinstance(frame, pd.DataFrame) and frame.index.names != [None]:
        frame = frame.reset_index()
    plain = frame if isinstance(frame, pd.DataFrame) else frame.frame
    vectorized_support.check_frame(feature_set, plain, arrival)
    columns = FeatureColumns.of(feature_set, frame, arrival)
    if InferOptions.get_common_options(infer_options, InferOptions.schema()):
        head = columns.frame(slice(0, _SCHEMA_ROWS))
        infer_schema_from_df(
            head, feature_set.spec.features, feature_set.spec.entities, columns.time, options=infer_options
        )
        note_whole_columns(feature_set, columns.definition)
    targets = [get_target_driver(target, feature_set) for target in feature_set.spec.targets]
    validate_target_list(targets=targets)
    record = stored_record(feature_set)
    before = {target.name: target for target in record.status.targets} if record else {}
    run_id = generate_target_run_id()
    for target in targets:
        stays = history is not None and target.kind == TargetTypes.redisnosql and target.name in before
        target.run_id = before[target.name].run_id if stays else run_id
    online = _fill(feature_set, targets, columns, infer_options, arrival, contents or Contents(), history)
    now = {target.name: target.run_id for target in targets}
    purge(
        get_target_driver(target, feature_set)
        for name, target in before.items()
        if target.run_id != now.get(name)
    )
    clear_leftovers(feature_set)
    lost = sum(columns.left_out.values())
    return Ingested(
        rows=columns.count,
        duplicates=len(frame) - lost - columns.count,
        online=online,
        left_out=columns.left_out,
        without_rate=columns.without_rate,
    )


def _fill(
    feature_set: fstore.FeatureSet,
    targets: Sequence[Any],
    columns: FeatureColumns,
    infer_options: int,
    arrival: str | None,
    contents: Contents,
    history: StoredHistory | None,
) -> OnlineWrite | None:
    """Write the targets and save the feature set; or delete the new files, if anything fails."""
    parquet = [target for target in targets if target.kind == TargetTypes.parquet]
    tables = [target for target in targets if target.kind == TargetTypes.redisnosql]
    with contextlib.ExitStack() as undo:
        undo.callback(purge, parquet)
        # The files are written by other threads, while the statistics are computed in this one.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            table = arrow_table(feature_set, columns) if parquet else None
            writing = [_start_writing(target, table, columns, arrival, pool) for target in parquet]
            stats = _stats(columns, infer_options)
            for target, files in zip(parquet, writing, strict=True):
                _check_count(target, files.finish(), columns.count)
        for target, files in zip(parquet, writing, strict=True):
            if not target.is_single_file():
                online_id = tables[0].run_id if tables else None
                _complete(target, table, columns, files.written(), online_id, contents)
        online = None
        if history is not None:
            history.check_current()  # Before the online table too, which stays as it is then.
        for target in tables:
            online = write_newest_rows(OnlineTable.of(target, feature_set), columns)
        if InferOptions.get_common_options(infer_options, InferOptions.Stats):
            feature_set.status.stats = stats
        if InferOptions.get_common_options(infer_options, InferOptions.Preview):
            feature_set.status.preview = preview(columns.frame(preview_rows(columns.count)))
        if history is not None:
            history.check_current()
        point_to(feature_set, targets, int(columns.micros.max()) if columns.count else None)
        undo.pop_all()
    return online


def _start_writing(
    target: Any, table: pa.Table, columns: FeatureColumns, arrival: str | None, pool: ThreadPoolExecutor
) -> FilesWriting:
    moments = columns.micros.view("datetime64[us]")
    arrivals = column_micros(columns.values[arrival]) if arrival else None
    path = target.get_target_path()
    return write_partitions(
        table, path, target.is_single_file(), moments, granularity_of(target), pool, arrivals
    )


def _complete(
    target: Any,
    table: pa.Table,
    columns: FeatureColumns,
    files: tuple[HistoryFile, ...],
    online: str | None,
    contents: Contents,
) -> None:
    """Write what lies beside the files, the manifest last."""
    folder = TargetFolder(target.get_target_path())
    chosen, halvings = sample(table, columns.entity, columns.time)
    folder.write(SAMPLE, chosen)
    for name, attachment in contents.attachments.items():
        folder.write(name, attachment)
    manifest = Manifest(
        online=online, halvings=halvings, schema=contents.schema, sources=contents.sources
    ).with_files(files)
    folder.write_manifest(manifest)


def _check_count(target: Any, written: int, rows: int) -> None:
    if written != rows:
        raise IngestError(f"every row must be in target '{target.name}', got {written} of {rows}")


def _stats(columns: FeatureColumns, infer_options: int) -> dict[str, Any]:
    described = dict(columns.values)
    if InferOptions.get_common_options(infer_options, InferOptions.Index):
        described = {columns.entity: columns.keys, **described}
    return statistics(described, infer_options)
