"""The folder of a Parquet target: each state of a history has one, named by MLRun's run id."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlrun.feature_store as fstore
import pyarrow as pa
import pyarrow.parquet as pq
from mlrun.datastore.storeytargets import get_url_and_storage_options
from mlrun.datastore.targets import TargetTypes, get_target_driver
from storey.utils import url_to_file_system

from feature_sets.ingestion.errors import IngestError
from feature_sets.ingestion.history import manifest
from feature_sets.ingestion.history.manifest import Manifest
from feature_sets.ingestion.history.parquet_partitions import STORAGE_ERRORS, OpenFile, write_table

SAMPLE = "_sample"
"""Rows that statistics are made of, as Parquet; readers of a folder pass over a file with such a name."""

_RUN_ID = re.compile(r"\d+_\d+")


def scratch_folder(feature_set: fstore.FeatureSet) -> Path | None:
    """Where temporary files of an ingestion are made: on the disk that is going to have its rows.

    :returns: a folder of the store, or one above it while there is none; None if the store is not on this
        machine.
    """
    target = next(target for target in feature_set.spec.targets if target.kind == TargetTypes.parquet)
    folder = TargetFolder.of(target, feature_set)
    if "file" not in folder.file_system.protocol:
        return None
    path = Path(folder.root)
    while not path.is_dir():
        path = path.parent
    return path if os.access(path, os.W_OK) else None


class TargetFolder:
    """A folder with the files of a target, at any address that MLRun's data stores know.

    :param path: of the target.
    """

    def __init__(self, path: str) -> None:
        url, options = get_url_and_storage_options(path)
        self.path = path
        self.file_system, root = url_to_file_system(url, options)
        self.root = root.rstrip("/")

    @classmethod
    def of(cls, target: Any, feature_set: Any) -> TargetFolder:
        """The folder that a target of a feature set, as in its status or specification, points to."""
        return cls(get_target_driver(target, feature_set).get_target_path())

    @property
    def run_id(self) -> str:
        """Name of the folder."""
        return str(self.root.rpartition("/")[2])

    def address(self, path: str) -> str:
        """Where a file of the folder is."""
        return f"{self.root}/{path}"

    def manifest(self) -> Manifest | None:
        """What the folder holds; None if another engine, or an earlier version, wrote it.

        :raises InputError: if the manifest is of another version.
        """
        try:
            return Manifest.from_bytes(self.file_system.cat_file(self.address(manifest.NAME)))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write_manifest(self, content: Manifest) -> None:
        """Say what the folder holds; the last thing that is written into it."""
        self.write_bytes(manifest.NAME, content.to_bytes())

    def write_bytes(self, path: str, content: bytes) -> None:
        """Write a file that is no Parquet."""
        self.file_system.makedirs(self.root, exist_ok=True)
        self.file_system.pipe_file(self.address(path), content)

    def has(self, path: str) -> bool:
        """Whether there is such a file."""
        return bool(self.file_system.exists(self.address(path)))

    def read(self, path: str, columns: list[str] | None = None) -> pa.Table:
        """Rows of one Parquet file, in their order.

        :raises IngestError: if it cannot be read.
        """
        try:
            with self.file_system.open(self.address(path), "rb") as stream:
                return pq.ParquetFile(stream).read(columns=columns)
        except STORAGE_ERRORS as error:
            raise self._unreadable(path, error) from error

    def batches(self, path: str, columns: list[str], rows: int) -> Iterator[pa.Table]:
        """Rows of one Parquet file, some at a time; a row group of it is in memory.

        :raises IngestError: if it cannot be read.
        """
        try:
            with self.file_system.open(self.address(path), "rb") as stream:
                for batch in pq.ParquetFile(stream).iter_batches(rows, columns=columns):
                    yield pa.Table.from_batches([batch])
        except STORAGE_ERRORS as error:
            raise self._unreadable(path, error) from error

    def _unreadable(self, path: str, error: Exception) -> IngestError:
        said = f"a file of the history must be readable, got {error!r} of {self.address(path)}"
        return IngestError(f"{said}; put it back from a backup, or begin anew: 'netops ingest --replace'")

    def notes(self, path: str) -> dict[bytes, bytes] | None:
        """What is noted beside the columns of a Parquet file."""
        with self.file_system.open(self.address(path), "rb") as stream:
            found: dict[bytes, bytes] | None = pq.read_schema(stream).metadata
        return found

    def open_file(self, path: str) -> OpenFile:
        """A Parquet file that rows are written into."""
        return OpenFile(self.file_system, self.address(path), path)

    def write(self, path: str, table: pa.Table) -> int:
        """Write one Parquet file; gives the number of rows in it."""
        return write_table(self.file_system, self.address(path), table)

    def take_over(self, path: str, other: TargetFolder) -> bool:
        """Have a file of another folder in this one, too: the same file where the store can, else a copy.

        :returns: whether it is the same file, which costs nothing.
        """
        source, target = other.address(path), self.address(path)
        self.file_system.makedirs(target.rpartition("/")[0], exist_ok=True)
        link = getattr(self.file_system, "link", None)
        if link is not None:
            with contextlib.suppress(OSError):  # Not every file system has links.
                link(source, target)
                return True
        try:
            self.file_system.cp_file(source, target)
        except NotImplementedError:
            with self.file_system.open(source, "rb") as stream, self.file_system.open(target, "wb") as copy:
                shutil.copyfileobj(stream, copy)
        return False

    def others(self) -> list[TargetFolder]:
        """Folders of other states of the same target, of which at most one is worth to be kept."""
        parent, _, name = self.root.rpartition("/")
        if not _RUN_ID.fullmatch(name):
            return []
        self.file_system.invalidate_cache(parent)
        try:
            found = self.file_system.ls(parent, detail=False)
        except FileNotFoundError:
            return []
        names = sorted(str(address).rstrip("/").rpartition("/")[2] for address in found)
        # The run id is in the path once, as the last folder.
        before, _, after = self.path.rpartition(name)
        return [
            TargetFolder(f"{before}{other}{after}")
            for other in names
            if other != name and _RUN_ID.fullmatch(other)
        ]

    def remove(self) -> None:
        """Delete the folder with all that is in it, as far as it can be deleted."""
        with contextlib.suppress(*STORAGE_ERRORS):
            self.file_system.rm(self.root, recursive=True)
