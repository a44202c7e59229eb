"""The history that a feature set has in its Parquet target: its files, and rows of them by key and time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import mlrun
import mlrun.errors
import mlrun.feature_store as fstore
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from mlrun.datastore.targets import TargetTypes

from feature_sets.checks import InputError
from feature_sets.ingestion.errors import IngestError
from feature_sets.ingestion.history.manifest import HistoryFile, Manifest
from feature_sets.ingestion.history.target_folder import TargetFolder
from feature_sets.rows.keyed_rows import Bools, Integers


@dataclass(frozen=True)
class StoredHistory:
    """What the newest ingestion left of a feature set.

    :param record: the feature set as MLRun has it.
    :param target: its Parquet target in ``record.status``.
    :param folder: with the files.
    :param manifest: of the folder.
    """

    record: fstore.FeatureSet
    target: Any
    folder: TargetFolder
    manifest: Manifest

    @classmethod
    def of(cls, feature_set: fstore.FeatureSet) -> StoredHistory | None:
        """The history of a feature set of this name, if it was ever ingested.

        :raises InputError: if it was ingested in a way that rows cannot be added to.
        """
        record = stored_record(feature_set)
        if record is None or not list(record.status.targets):
            return None
        where = f"feature set '{record.metadata.name}', history"
        parquet = [target for target in record.status.targets if target.kind == TargetTypes.parquet]
        if len(parquet) != 1:
            names = [target.name for target in parquet]
            raise InputError(where, "must be in one Parquet target to be added to", names)
        folder = TargetFolder.of(parquet[0], record)
        manifest = folder.manifest()
        if manifest is None:
            rule = (
                "must be of the vectorized engine of this version to be added to; "
                "replace it (netops ingest --replace, or replace=True)"
            )
            raise InputError(where, rule, f"files without a manifest at {folder.path}")
        return cls(record, parquet[0], folder, manifest)

    def check_current(self) -> None:
        """Raise IngestError if the feature set points to another state than this one."""
        record = stored_record(self.record)
        now = record.status.targets[self.target.name].run_id if record else None
        if now != self.target.run_id:
            name = self.record.metadata.name
            raise IngestError(
                f"history of '{name}' must stay as it is while rows are added, got state {now} in the place "
                f"of {self.target.run_id}: another ingestion was faster; run this again"
            )

    def near(
        self,
        files: Sequence[HistoryFile],
        columns: Sequence[str],
        keys: Sequence[str | int],
        chosen: Callable[[StoredRows], Bools],
    ) -> StoredRows:
        """Rows of some files that have one of these keys and are chosen.

        :param columns: which to read beside the key and the time.
        :param chosen: says which of the rows of a file with these keys.
        """
        entity = self.record.spec.entities[0].name
        time = self.record.spec.timestamp_key
        wanted = [time, *(name for name in columns if name not in (time, entity)), entity]
        numbers = {key: number for number, key in enumerate(keys)}
        found = []
        for number, file in enumerate(files):
            table = self.folder.read(file.path, wanted).select(wanted)
            codes = key_codes_of(table[entity], numbers)
            positions = np.flatnonzero(codes >= 0)
            rows = StoredRows.of(table, entity, time, codes, np.full(len(codes), number)).take(positions)
            found.append(rows.take(np.flatnonzero(chosen(rows))))
        return _joined(found, wanted)


def stored_record(feature_set: fstore.FeatureSet) -> fstore.FeatureSet | None:
    """The feature set of this name and project as MLRun has it; None if it has none."""
    known = feature_set.metadata
    try:
        # Not with ``fstore.get_feature_set``, which asks first whether it may: the API decides that anyway.
        return mlrun.get_run_db().get_feature_set(known.name, known.project, known.tag)
    except mlrun.errors.MLRunNotFoundError:
        return None


@dataclass(frozen=True)
class StoredRows:
    """Rows out of the files of a history.

    :param table: their columns.
    :param codes: number of each row's key, shape (n,).
    :param micros: event times, microseconds since the epoch.
    :param files: number of the file that each is in.
    :param places: its place in that file.
    """

    table: pa.Table
    codes: Integers
    micros: Integers
    files: Integers
    places: Integers

    @classmethod
    def of(cls, table: pa.Table, entity: str, time: str, codes: Integers, files: Integers) -> StoredRows:
        """All rows of a file."""
        return cls(table, codes, column_of_micros(table[time]), files, np.arange(len(codes)))

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, positions: npt.NDArray[Any]) -> StoredRows:
        """The rows at these positions."""
        if len(positions) == len(self) and np.array_equal(positions, np.arange(len(self))):
            return self
        return StoredRows(
            self.table.take(pa.array(positions)),
            self.codes[positions],
            self.micros[positions],
            self.files[positions],
            self.places[positions],
        )


def _joined(parts: Sequence[StoredRows], columns: Sequence[str]) -> StoredRows:
    """The rows of all parts; none, of these columns, without a part."""
    if not parts:
        empty, nothing = pa.table({name: pa.nulls(0) for name in columns}), np.empty(0, dtype=np.int64)
        return StoredRows(empty, nothing, nothing, nothing, nothing)
    return StoredRows(
        pa.concat_tables([part.table.replace_schema_metadata(None) for part in parts]),
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("codes", "micros", "files", "places")
        ),
    )


def column_of_micros(column: pa.ChunkedArray) -> Integers:
    """Times of a file in microseconds since the epoch; a missing one is 0."""
    micros: Integers = column.cast(pa.timestamp("us")).cast(pa.int64()).fill_null(0).to_numpy()
    return micros


def key_codes_of(column: pa.ChunkedArray, numbers: dict[str | int, int]) -> Integers:
    """The number of each key, -1 for a key without one."""
    encoded = column.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    known = np.array([numbers.get(key, -1) for key in encoded.dictionary.to_pylist()] + [-1], dtype=np.int64)
    codes: Integers = known[encoded.indices.fill_null(len(known) - 1).to_numpy(zero_copy_only=False)]
    return codes
