"""Ingestion of a frame into an MLRun feature set without storey's event loop: whole columns at a time.

What is left behind is what MLRun's own ingestion leaves: the same files and keys, the same schema, statistics
and status of the feature set. MLRun's readers need not know who wrote.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import mlrun.feature_store as fstore
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from mlrun.data_types import InferOptions
from mlrun.data_types.infer import get_df_preview, get_df_stats, infer_schema_from_df
from mlrun.datastore.targets import TargetTypes, get_target_driver, validate_target_list

from feature_sets import vectorized_support
from feature_sets.event_order import in_event_order
from feature_sets.ingest_errors import IngestError
from feature_sets.online_table import OnlineTable, to_text
from feature_sets.online_write import OnlineWrite, write_newest
from feature_sets.parquet_partitions import granularity_of, write_partitions
from feature_sets.storey_buckets import bucket_fields, table_schema
from feature_sets.windows import event_status
from feature_sets.windows.backfill import backfill
from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.event_micros import column_micros

Array = npt.NDArray[Any]

_SCHEMA_ROWS = 1000
"""MLRun takes the types from as many rows."""

_PREVIEW_ROWS = 20

_NEVER = datetime.min  # noqa: DTZ901 - MLRun's sign that nothing was written has no zone

_ARROW_TYPES = {
    "str": pa.string(),
    "int": pa.int64(),
    "int32": pa.int32(),
    "float": pa.float64(),
    "float32": pa.float32(),
    "bool": pa.bool_(),
    "datetime": pa.timestamp("us"),
}
"""Types in the files by the types that MLRun infers, as in storey's writer."""


@dataclass(frozen=True)
class Ingested:
    """What became of the rows of a frame.

    :param rows: rows in the feature set's offline targets.
    :param duplicates: rows left out because an earlier row has the same key and time; only where there are
        windows. ``rows + duplicates`` is the number of rows given.
    :param online: what became of the newest row of each key; None without an online target.
    """

    rows: int
    duplicates: int
    online: OnlineWrite | None


def ingest_vectorized(
    feature_set: fstore.FeatureSet,
    frame: pd.DataFrame,
    infer_options: int = InferOptions.default(),
    overwrite: bool = True,
) -> Ingested:
    """Fill the targets of a feature set from a frame, and save the feature set.

    For a feature set with one entity, no graph step but the aggregations of ``add_aggregation`` (sliding
    windows, alike for all columns), and Parquet or Redis targets. A row's windows are as of its event time,
    whatever the order of the rows, and cover the rows of this frame alone: the first ones after a break are
    still filling. New files are written beside the old ones, which are deleted when all is written.

    :param feature_set: its targets, entity, time and aggregations; any operation of ``feature_sets.windows``.
    :param frame: one row an event; has the entity, the columns of the aggregations and, where the feature set
        names one, the event time with a zone. Other columns become features as they are. It is not changed.
    :param infer_options: what to find out of the data: ``mlrun.data_types.InferOptions``, as for MLRun's own.
    :param overwrite: True replaces what earlier ingestions left; False adds to their files, and replaces only
        those rows in Redis whose event time is not later.
    :raises UnsupportedFeatureSetError: if the feature set asks for anything else; nothing is written then.
    :raises WindowDefinitionError: if its windows are not alike, or not sliding; nothing is written then.
    :raises IngestError: if the frame cannot be taken, a row did not arrive, or a target cannot be written.
    """
    vectorized_support.check_feature_set(feature_set, overwrite)
    if frame.index.names != [None]:
        frame = frame.reset_index()
    vectorized_support.check_frame(feature_set, frame)
    columns = _Columns.of(feature_set, frame)
    if InferOptions.get_common_options(infer_options, InferOptions.schema()):
        head = columns.frame(slice(0, _SCHEMA_ROWS))
        infer_schema_from_df(
            head, feature_set.spec.features, feature_set.spec.entities, columns.time, options=infer_options
        )

    targets = [get_target_driver(target, feature_set) for target in feature_set.spec.targets]
    validate_target_list(targets=targets)
    feature_set.update_targets_for_ingest(targets=targets, overwrite=overwrite)
    parquet = [target for target in targets if target.kind == TargetTypes.parquet]
    moments = columns.moments()
    # The files are written by other threads, while the statistics are computed in this one.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        table = _arrow_table(feature_set, columns) if parquet else None
        writing = [_start_writing(target, table, moments, pool) for target in parquet]
        stats = _stats(columns, infer_options)
        for target, finish in zip(parquet, writing, strict=True):
            count = finish()
            if count != columns.count:
                raise IngestError(
                    f"every row must be in target '{target.name}', got {count} of {columns.count}"
                )
    online = None
    for target in targets:
        if target.kind == TargetTypes.redisnosql:
            online = _write_online(OnlineTable.of(target, feature_set), columns)

    if overwrite:
        feature_set.purge_targets(target_names=[target.name for target in targets], silent=True)
    for target in targets:
        recorded = target.update_resource_status()
        if target in parquet:
            recorded.last_written = pd.Timestamp(moments.max(), tz="UTC") if len(moments) else _NEVER
    if InferOptions.get_common_options(infer_options, InferOptions.Stats):
        feature_set.status.stats = stats
    if InferOptions.get_common_options(infer_options, InferOptions.Preview):
        feature_set.status.preview = _preview(columns)
    feature_set.save()
    return Ingested(rows=columns.count, duplicates=len(frame) - columns.count, online=online)


@dataclass(frozen=True)
class _Columns:
    """The columns of the result, each of the same length and in the same order of rows.

    :param keys: the entity of each row.
    :param values: the windows, then the columns of the frame without the entity, by name.
    """

    entity: str
    time: str | None
    definition: WindowDefinition | None
    keys: pd.Series
    values: dict[str, pd.Series]

    @classmethod
    def of(cls, feature_set: fstore.FeatureSet, frame: pd.DataFrame) -> _Columns:
        entity, time = feature_set.spec.entities[0].name, feature_set.spec.timestamp_key
        if not feature_set.spec.graph.steps:
            rows = frame.copy(deep=False)
            rows.index = pd.RangeIndex(len(frame))
            return cls(entity, time, None, rows[entity], _without(rows, entity))
        definition = WindowDefinition.from_feature_set(feature_set)
        rows = in_event_order(frame, entity, time)
        # What is ingested happened: no event is held back because it is ahead of this machine's clock.
        windows = backfill(rows, definition, arrival=time)
        statuses = windows[event_status.COLUMN]
        lost = statuses[statuses != event_status.ACCEPTED]
        if len(lost):
            raise IngestError(f"every row must be in its windows, got {lost.value_counts().to_dict()}")
        return cls(
            entity,
            time,
            definition,
            rows[entity],
            {**_without(windows, event_status.COLUMN), **_without(rows, entity)},
        )

    @property
    def count(self) -> int:
        """Number of rows."""
        return len(self.keys)

    def frame(self, rows: slice | Array) -> pd.DataFrame:
        """Some rows as MLRun sees them: indexed by the entity."""
        chosen = {name: column.iloc[rows].array for name, column in self.values.items()}
        return pd.DataFrame(chosen, index=pd.Index(self.keys.iloc[rows], name=self.entity))

    def moments(self) -> Array:
        """Event times in UTC, cut to microseconds; the time of ingestion where there are none."""
        if self.time is None:
            return np.full(self.count, np.datetime64(datetime.now(UTC).replace(tzinfo=None), "us"))
        return column_micros(self.values[self.time]).view("datetime64[us]")


def _without(frame: pd.DataFrame, left_out: str) -> dict[str, pd.Series]:
    return {str(name): frame[name] for name in frame.columns if name != left_out}


def _start_writing(
    target: Any, table: pa.Table, moments: Array, pool: ThreadPoolExecutor
) -> Callable[[], int]:
    single_file = target.is_single_file()
    return write_partitions(
        table, target.get_target_path(), single_file, moments, granularity_of(target), pool
    )


def _arrow_table(feature_set: fstore.FeatureSet, columns: _Columns) -> pa.Table:
    """Time, features in the order of the feature set, key: the columns of MLRun's files."""
    types = {feature.name: feature.value_type for feature in feature_set.spec.features}
    if columns.time:
        types = {columns.time: "datetime", **types}
    types[columns.entity] = feature_set.spec.entities[0].value_type or "str"
    arrays = {}
    for name, value_type in types.items():
        column = columns.keys if name == columns.entity else columns.values.get(name)
        try:
            arrays[name] = _arrow_array(column, _ARROW_TYPES[value_type], columns.count)
        except KeyError:
            raise IngestError(
                f"column '{name}': must have a type among {', '.join(_ARROW_TYPES)}, got {value_type!r}"
            ) from None
        except pa.ArrowException as error:
            raise IngestError(
                f"column '{name}': must be of type {value_type} in every row, got {error}"
            ) from error
    table = pa.table(arrays)
    # What pandas notes beside the columns, so that a reader makes the entity the index again. storey cuts the
    # zone off, and so does the type here.
    head = columns.frame(slice(0, 1)).reindex(columns=table.column_names[:-1])
    noted = pa.Table.from_pandas(head, schema=table.schema, preserve_index=True, safe=False)
    return table.replace_schema_metadata(noted.schema.metadata)


def _arrow_array(column: pd.Series | None, arrow_type: pa.DataType, count: int) -> pa.Array:
    if column is None:
        return pa.nulls(count, arrow_type)
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    return pa.Array.from_pandas(column, type=arrow_type, safe=not pa.types.is_timestamp(arrow_type))


def _stats(columns: _Columns, infer_options: int) -> dict[str, Any]:
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


def _preview(columns: _Columns) -> list[list[Any]]:
    chosen = np.random.default_rng().permutation(columns.count)[:_PREVIEW_ROWS]
    preview: list[list[Any]] = get_df_preview(columns.frame(np.sort(chosen)), _PREVIEW_ROWS)
    return preview


def _write_online(table: OnlineTable, columns: _Columns) -> OnlineWrite:
    """The newest row of each key; of several with the same time, or without one, the last."""
    micros = columns.moments().astype(np.int64)
    order = np.argsort(micros, kind="stable")
    newest = order[~columns.keys.iloc[order].duplicated(keep="last").to_numpy()]
    keys = columns.keys.iloc[newest].tolist()
    shown = {columns.entity: keys}
    for name, column in columns.values.items():
        if name != columns.time:
            shown[name] = column.iloc[newest].tolist()
    buckets: dict[object, dict[str, str]] = {}
    schema = None
    definition = columns.definition
    if definition:
        read = {name: columns.values[name] for name in (definition.timestamp, *definition.metrics)}
        buckets = bucket_fields(pd.DataFrame({columns.entity: columns.keys, **read}, copy=False), definition)
        schema = table_schema(definition)

    def rows() -> Iterator[tuple[object, int, dict[str, str]]]:
        for position, (key, event_time) in enumerate(zip(keys, micros[newest].tolist(), strict=True)):
            texts = {name: to_text(values[position]) for name, values in shown.items()}
            given = {name: text for name, text in texts.items() if text is not None}
            yield key, event_time, {**given, **buckets.get(key, {})}

    return write_newest(table, rows(), schema)
