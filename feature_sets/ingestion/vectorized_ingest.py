"""Ingestion of a frame into an MLRun feature set without storey's event loop: whole columns at a time.

What is left behind is what MLRun's own ingestion leaves: the same files and keys, the same schema, statistics
and status of the feature set. MLRun's readers need not know who wrote. Beside the files lies a manifest, so
that rows can be added later, see ``feature_sets.ingestion.append``.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import mlrun.feature_store as fstore
import pyarrow as pa
from mlrun.data_types import InferOptions
from mlrun.data_types.infer import infer_schema_from_df
from mlrun.datastore.targets import (
    TargetTypes,
    generate_target_run_id,
    get_target_driver,
    validate_target_list,
)

from feature_sets.groups import Groups
from feature_sets.ingestion import vectorized_support
from feature_sets.ingestion.errors import IngestError
from feature_sets.ingestion.feature_chunks import Given, feature_chunks, is_one_chunk
from feature_sets.ingestion.history.manifest import HistoryFile, Manifest
from feature_sets.ingestion.history.merged_rows import Accepted
from feature_sets.ingestion.history.parquet_partitions import PartitionFiles, granularity_of
from feature_sets.ingestion.history.row_sample import GrowingSample
from feature_sets.ingestion.history.stored_history import StoredHistory, stored_record
from feature_sets.ingestion.history.switch import clear_leftovers, point_to, purge
from feature_sets.ingestion.history.target_folder import SAMPLE, TargetFolder
from feature_sets.ingestion.history.typed_table import (
    column_types,
    described_frame,
    note_whole_columns,
    noted,
    typed_table,
)
from feature_sets.ingestion.newest_rows import NewestRows
from feature_sets.ingestion.statistics import describe_sample, preview, preview_rows, statistics
from feature_sets.ingestion.window_columns import FeatureColumns
from feature_sets.online_store.redis_table import OnlineTable
from feature_sets.online_store.redis_write import OnlineWrite
from feature_sets.rows.event_micros import column_micros

_SCHEMA_ROWS = 1000
"""MLRun takes the types from as many rows."""


@dataclass(frozen=True)
class Contents:
    """What a history is made of, for those who add to it.

    :param schema: content of what the rows were made by; rows of another one are not added.
    :param sources: what was read, by source.
    :param attachments: further files of the folder: Parquet by name, which begins with an underscore.
    :param later: fields of the schema that a history may have been without so far.
    :param groups: which devices the features of neighbors and peers are about; None is no others.
    :param accepted: rows of the history that keep their arrival, see there; None is none.
    """

    schema: Mapping[str, Any] = field(default_factory=dict)
    sources: Mapping[str, Any] = field(default_factory=dict)
    attachments: Mapping[str, pa.Table] = field(default_factory=dict)
    later: frozenset[str] = frozenset()
    groups: Groups | None = None
    accepted: Accepted | None = None


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
    :param without_others: neighbors or peers -> how many rows have none of their values.
    """

    rows: int
    duplicates: int
    online: OnlineWrite | None
    left_out: Mapping[str, int] = field(default_factory=dict)
    without_rate: Mapping[str, int] = field(default_factory=dict)
    without_others: Mapping[str, int] = field(default_factory=dict)


def ingest_vectorized(
    feature_set: fstore.FeatureSet,
    frame: Given,
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
        keys are numbered already, they are not numbered again. Readings are worked on in chunks; of several
        chunks statistics and preview are those of a sample, see ``append_rows``.
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
    chunks = feature_chunks(feature_set, frame, arrival, contents.groups if contents else None)
    first = next(chunks)
    if InferOptions.get_common_options(infer_options, InferOptions.schema()):
        head = first.frame(slice(0, _SCHEMA_ROWS))
        infer_schema_from_df(
            head, feature_set.spec.features, feature_set.spec.entities, first.time, options=infer_options
        )
        note_whole_columns(feature_set, first.definition)
    chunks = itertools.chain([first], chunks)
    del first  # A chunk is let go when it is written.
    targets = [get_target_driver(target, feature_set) for target in feature_set.spec.targets]
    validate_target_list(targets=targets)
    record = stored_record(feature_set)
    before = {target.name: target for target in record.status.targets} if record else {}
    run_id = generate_target_run_id()
    for target in targets:
        stays = history is not None and target.kind == TargetTypes.redisnosql and target.name in before
        target.run_id = before[target.name].run_id if stays else run_id
    is_one = is_one_chunk(feature_set, frame)
    filling = _Filling(feature_set, targets, infer_options, arrival, is_one)
    online = filling.fill(chunks, contents or Contents(), history)
    now = {target.name: target.run_id for target in targets}
    purge(
        get_target_driver(target, feature_set)
        for name, target in before.items()
        if target.run_id != now.get(name)
    )
    clear_leftovers(feature_set)
    return Ingested(
        rows=filling.rows,
        duplicates=len(frame) - sum(filling.left_out.values()) - filling.rows,
        online=online,
        left_out=filling.left_out,
        without_rate=filling.without_rate,
        without_others=filling.without_others,
    )


class _Filling:
    """Writes chunks of rows into the targets of a feature set, and counts what is written.

    :param targets: drivers with the run id of the state that is written.
    :param is_one: whether there is one chunk.
    """

    def __init__(
        self,
        feature_set: fstore.FeatureSet,
        targets: Sequence[Any],
        infer_options: int,
        arrival: str | None,
        is_one: bool,
    ) -> None:
        self._is_one = is_one
        self._feature_set, self._infer_options, self._arrival = feature_set, infer_options, arrival
        self._targets = targets
        self._parquet = [target for target in targets if target.kind == TargetTypes.parquet]
        self._tables = [target for target in targets if target.kind == TargetTypes.redisnosql]
        entity = feature_set.spec.entities[0].name
        self._sample = GrowingSample(entity, feature_set.spec.timestamp_key or None)
        self._newest = NewestRows()
        self.rows = 0
        self.left_out: dict[str, int] = {}
        self.without_rate: dict[str, int] = {}
        self.without_others: dict[str, int] = {}
        self._last: int | None = None

    def fill(
        self, chunks: Iterator[FeatureColumns], contents: Contents, history: StoredHistory | None
    ) -> OnlineWrite | None:
        """Write the targets and save the feature set; or delete the new files, if anything fails."""
        feature_set = self._feature_set
        with contextlib.ExitStack() as undo:
            undo.callback(purge, self._parquet)
            # The files are written by other threads, while the next chunk and the statistics are computed.
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                writing = [
                    PartitionFiles(
                        target.get_target_path(), target.is_single_file(), granularity_of(target), pool
                    )
                    for target in self._parquet
                ]
                for files in writing:
                    undo.callback(files.abandon)
                describe = self._write_all(chunks, writing)
                written = [files.written() for files in writing]
            for target, complete in zip(self._parquet, written, strict=True):
                _check_count(target, sum(file.rows for file in complete), self.rows)
                if not target.is_single_file():
                    self._complete(target, complete, contents)
            online = None
            if history is not None:
                history.check_current()  # Before the online table too, which stays as it is then.
            for target in self._tables:
                online = self._newest.write(OnlineTable.of(target, feature_set))
            describe()
            if history is not None:
                history.check_current()
            point_to(feature_set, self._targets, self._last)
            undo.pop_all()
        return online

    def _write_all(
        self, chunks: Iterator[FeatureColumns], writing: Sequence[PartitionFiles]
    ) -> Callable[[], None]:
        """Start writing all chunks; gives what describes them in the status of the feature set."""
        schema = None
        for columns in chunks:
            table = arrow_table(self._feature_set, columns, schema) if writing else None
            moments = columns.micros.view("datetime64[us]")
            arrivals = column_micros(columns.values[self._arrival]) if self._arrival else None
            for files in writing:
                files.add(table, moments, arrivals)
            if table is not None:
                schema = table.schema
                self._sample.add(table)
            if self._tables:
                self._newest.add(columns)
            self._count(columns)
            if self._is_one:
                return partial(self._describe, columns, _stats(columns, self._infer_options))
            del columns, table  # While the next ones are made.
        return self._describe_sample

    def _count(self, columns: FeatureColumns) -> None:
        self.rows += columns.count
        if columns.count:
            self._last = max(int(columns.micros.max()), self._last or 0)
        for totals, found in (
            (self.left_out, columns.left_out),
            (self.without_rate, columns.without_rate),
            (self.without_others, columns.without_others),
        ):
            for name, rows in found.items():
                totals[name] = totals.get(name, 0) + rows

    def _describe(self, columns: FeatureColumns, stats: dict[str, Any]) -> None:
        """Statistics and preview of rows that are in memory."""
        status = self._feature_set.status
        if InferOptions.get_common_options(self._infer_options, InferOptions.Stats):
            status.stats = stats
        if InferOptions.get_common_options(self._infer_options, InferOptions.Preview):
            status.preview = preview(columns.frame(preview_rows(columns.count)))

    def _describe_sample(self) -> None:
        """Those of the sample, as after rows were added."""
        types = column_types(self._feature_set)
        entity = self._feature_set.spec.entities[0].name
        frame = described_frame(self._sample.rows, types, entity)
        describe_sample(self._feature_set, frame, self._infer_options)

    def _complete(self, target: Any, files: tuple[HistoryFile, ...], contents: Contents) -> None:
        """Write what lies beside the files, the manifest last."""
        folder = TargetFolder(target.get_target_path())
        folder.write(SAMPLE, self._sample.rows)
        for name, attachment in contents.attachments.items():
            folder.write(name, attachment)
        manifest = Manifest(
            online=self._tables[0].run_id if self._tables else None,
            halvings=self._sample.halvings,
            schema=contents.schema,
            sources=contents.sources,
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


def arrow_table(
    feature_set: fstore.FeatureSet, columns: FeatureColumns, like: pa.Schema | None = None
) -> pa.Table:
    """Time, features in the order of the feature set, key: the columns of MLRun's files.

    Numbers are shared with ``columns``, not copied.

    :param like: schema of rows before these, with the notes for pandas; None if these are the first.
    :raises InputError: if a column does not hold what its type says, which is that of the first rows.
    """
    given = {**columns.values, columns.entity: columns.keys}
    table = typed_table(column_types(feature_set), given, columns.count)
    if like is not None:
        return table.replace_schema_metadata(like.metadata)
    return noted(table, columns.frame(slice(0, 1)))
