"""Ingestion of a frame into an MLRun feature set without storey's event loop: whole columns at a time.

What is left behind is what MLRun's own ingestion leaves: the same files and keys, the same schema, statistics
and status of the feature set. MLRun's readers need not know who wrote.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import mlrun.errors
import mlrun.feature_store as fstore
import numpy as np
import pandas as pd
import pyarrow as pa
from mlrun.data_types import InferOptions
from mlrun.data_types.infer import get_df_preview, get_df_stats, infer_schema_from_df
from mlrun.datastore.targets import TargetTypes, get_target_driver, validate_target_list

from feature_sets.ingestion import vectorized_support
from feature_sets.ingestion.arrow_table import arrow_table
from feature_sets.ingestion.errors import IngestError
from feature_sets.ingestion.newest_rows import write_newest_rows
from feature_sets.ingestion.parquet_partitions import FilesWriting, granularity_of, write_partitions
from feature_sets.ingestion.window_columns import FeatureColumns
from feature_sets.online_store.redis_table import OnlineTable
from feature_sets.online_store.redis_write import OnlineWrite
from feature_sets.rows.keyed_rows import KeyedRows

_SCHEMA_ROWS = 1000
"""MLRun takes the types from as many rows."""

_PREVIEW_ROWS = 20

_NEVER = datetime.min  # noqa: DTZ901 - MLRun's sign that nothing was written has no zone


@dataclass(frozen=True)
class Ingested:
    """What became of the rows of a frame.

    :param rows: rows in the feature set's offline targets.
    :param duplicates: rows left out because an earlier row has the same key and time; only where there are
        windows.
    :param online: what became of the newest row of each key; None without an online target.
    :param left_out: ``too_late`` and ``quarantined`` -> rows left out because of their arrival time, if any.
        These, ``rows`` and ``duplicates`` together are the rows given.
    """

    rows: int
    duplicates: int
    online: OnlineWrite | None
    left_out: Mapping[str, int] = field(default_factory=dict)


def ingest_vectorized(
    feature_set: fstore.FeatureSet,
    frame: pd.DataFrame | KeyedRows,
    infer_options: int = InferOptions.default(),
    overwrite: bool = True,
    arrival: str | None = None,
) -> Ingested:
    """Fill the targets of a feature set from a frame, and save the feature set.

    For a feature set with one entity, no graph step but the aggregations of ``add_aggregation`` (sliding
    windows, alike for all columns), and Parquet or Redis targets. A row's windows are as of its event time,
    whatever the order of the rows, and cover the rows of this frame alone: the first ones after a break are
    still filling. New files are written beside the old ones, which are deleted when all is written.

    :param feature_set: its targets, entity, time and aggregations; any operation of ``feature_sets.windows``.
    :param frame: one row an event; has the entity, the columns of the aggregations and, where the feature set
        names one, the event time, UTC if it has no zone. Other columns become features as they are. Where its
        keys are numbered already, they are not numbered again.
    :param infer_options: what to find out of the data: ``mlrun.data_types.InferOptions``, as for MLRun's own.
    :param overwrite: True replaces what earlier ingestions left; False adds to their files, and replaces only
        those rows in Redis whose event time is not later. If it fails the files it wrote are deleted, so it
        can be called again; rows that Redis took already stay there.
    :param arrival: column of the frame with the time at which each row arrived, UTC if it has no zone. A
        row's windows then hold what had arrived by then, as live; rows older than the allowed lateness when
        they arrived, or further ahead than the tolerance, are left out. Without it, all rows arrived in
        order.
    :raises InputError: if the feature set asks for anything else, its windows are not alike or not sliding,
        or the frame cannot be taken; nothing is left behind then.
    :raises IngestError: if a row did not arrive, or a file cannot be written.
    :raises OnlineStoreError: if Redis does not take the newest rows.
    """
    vectorized_support.check_feature_set(feature_set, overwrite)
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
    targets = [get_target_driver(target, feature_set) for target in feature_set.spec.targets]
    validate_target_list(targets=targets)
    feature_set.update_targets_for_ingest(targets=targets, overwrite=overwrite)
    online = _fill(feature_set, targets, columns, infer_options, overwrite)
    lost = sum(columns.left_out.values())
    return Ingested(
        rows=columns.count,
        duplicates=len(frame) - lost - columns.count,
        online=online,
        left_out=columns.left_out,
    )


def _fill(
    feature_set: fstore.FeatureSet,
    targets: Sequence[Any],
    columns: FeatureColumns,
    infer_options: int,
    overwrite: bool,
) -> OnlineWrite | None:
    """Write the targets and save the feature set; or delete the new files, if anything fails."""
    parquet = [target for target in targets if target.kind == TargetTypes.parquet]
    with contextlib.ExitStack() as undo:
        if overwrite:
            undo.callback(_remove, parquet)
        # The files are written by other threads, while the statistics are computed in this one.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            table = arrow_table(feature_set, columns) if parquet else None
            writing = []
            for target in parquet:
                writing.append(_start_writing(target, table, columns, pool))
                if not overwrite:  # They lie among those of earlier ingestions, which stay.
                    undo.callback(writing[-1].discard)
            stats = _stats(columns, infer_options)
            for target, files in zip(parquet, writing, strict=True):
                _check_count(target, files.finish(), columns.count)
        online = None
        for target in targets:
            if target.kind == TargetTypes.redisnosql:
                online = write_newest_rows(OnlineTable.of(target, feature_set), columns)
        if overwrite:
            undo.pop_all()  # The new files are all there is from here on.
            feature_set.purge_targets(target_names=[target.name for target in targets], silent=True)
        for target in targets:
            recorded = target.update_resource_status()
            if target in parquet:
                recorded.last_written = _newest(columns)
        if InferOptions.get_common_options(infer_options, InferOptions.Stats):
            feature_set.status.stats = stats
        if InferOptions.get_common_options(infer_options, InferOptions.Preview):
            feature_set.status.preview = _preview(columns)
        feature_set.save()
        undo.pop_all()
    return online


def _newest(columns: FeatureColumns) -> datetime:
    if not columns.count:
        return _NEVER
    newest: datetime = pd.Timestamp(columns.micros.max(), unit="us", tz="UTC")
    return newest


def _start_writing(
    target: Any, table: pa.Table, columns: FeatureColumns, pool: ThreadPoolExecutor
) -> FilesWriting:
    moments = columns.micros.view("datetime64[us]")
    return write_partitions(
        table, target.get_target_path(), target.is_single_file(), moments, granularity_of(target), pool
    )


def _check_count(target: Any, written: int, rows: int) -> None:
    if written != rows:
        raise IngestError(f"every row must be in target '{target.name}', got {written} of {rows}")


def _remove(targets: Sequence[Any]) -> None:
    """Delete files that nothing refers to. What went wrong before is told, not what goes wrong here."""
    for target in targets:
        with contextlib.suppress(OSError, mlrun.errors.MLRunBaseError):
            target.purge()


def _stats(columns: FeatureColumns, infer_options: int) -> dict[str, Any]:
    """MLRun's statistics, a column at a time: it would copy the whole frame several times."""
    if not InferOptions.get_common_options(infer_options, InferOptions.Stats):
        return {}
    described = dict(columns.values)
    if InferOptions.get_common_options(infer_options, InferOptions.Index):
        described = {columns.entity: columns.keys, **described}
    options = InferOptions.get_common_options(infer_options, InferOptions.Stats + InferOptions.Histogram)
    stats: dict[str, Any] = {}
    # An infinite reading has no deviation; MLRun leaves it out then.
    with np.errstate(invalid="ignore", over="ignore"):
        for name, column in described.items():
            stats.update(get_df_stats(pd.DataFrame({name: column}, copy=False), options))
    return stats


def _preview(columns: FeatureColumns) -> list[list[Any]]:
    chosen = np.random.default_rng(0).permutation(columns.count)[:_PREVIEW_ROWS]
    preview: list[list[Any]] = get_df_preview(columns.frame(np.sort(chosen)), _PREVIEW_ROWS)
    return preview
