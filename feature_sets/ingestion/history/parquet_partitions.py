"""A table of feature rows into the files of MLRun's Parquet target, in the layout that storey writes."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import mlrun.errors
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from mlrun.datastore.storeytargets import get_url_and_storage_options
from mlrun.utils.helpers import DEFAULT_TIME_PARTITIONING_GRANULARITY, LEGAL_TIME_UNITS
from storey.utils import url_to_file_system

from feature_sets.ingestion.errors import IngestError
from feature_sets.ingestion.history.manifest import HistoryFile

Array = npt.NDArray[Any]

STORAGE_ERRORS = (OSError, pa.ArrowException, mlrun.errors.MLRunBaseError)
"""What a data store raises when it does not do as it is told."""

_NUMPY_UNITS = {"year": "Y", "month": "M", "day": "D", "hour": "h", "minute": "m", "second": "s"}


def granularity_of(target: Any) -> str | None:
    """The time unit that a Parquet target is partitioned by; None if it is not partitioned."""
    if target.time_partitioning_granularity:
        return str(target.time_partitioning_granularity)
    return DEFAULT_TIME_PARTITIONING_GRANULARITY if target.partitioned else None


def partitions(times: Array, granularity: str | None) -> Iterator[tuple[str, Array | slice]]:
    """The folders of a partitioned target and the rows that go into each, in the order of the rows.

    :param times: event times in UTC, ``datetime64``, shape (n,).
    :param granularity: smallest unit of time in the folder names; None is one folder, without a name.
    :returns: pairs of folder, such as ``year=2024/month=01/day=09/``, and rows.
    """
    if granularity is None:
        if len(times):
            yield "", slice(None)
        return
    units = times.astype(f"datetime64[{_NUMPY_UNITS[granularity]}]")
    rows: Array | None = None
    if np.any(units[1:] < units[:-1]):
        rows = np.argsort(units, kind="stable")
        units = units[rows]
    # Where a unit begins, and the end of the rows.
    edges = np.flatnonzero(np.concatenate([[len(units) > 0], units[1:] != units[:-1], [True]]))
    for start, end in pairwise(edges.tolist()):
        moment = pd.Timestamp(units[start])
        shown = LEGAL_TIME_UNITS[: LEGAL_TIME_UNITS.index(granularity) + 1]
        folder = "".join(f"{unit}={getattr(moment, unit):02}/" for unit in shown)
        yield folder, slice(start, end) if rows is None else rows[start:end]


def new_file(folder: str) -> str:
    """A path in a partition that no file has yet."""
    return f"{folder}{uuid.uuid4()}.parquet"


def write_table(file_system: Any, address: str, table: pa.Table) -> int:
    """Write one Parquet file as storey does; gives the number of rows in it.

    :param file_system: of fsspec.
    :param table: strings are written with a dictionary, numbers plainly: telemetry repeats no float often
        enough for a dictionary, and trying one takes most of the time to write.
    """
    texts = [field.name for field in table.schema if pa.types.is_string(field.type)]
    file_system.makedirs(address.rpartition("/")[0], exist_ok=True)
    written: list[Any] = []
    with file_system.open(address, "wb") as stream:
        # Version 2.4 is what storey writes, for Spark; it stores microseconds.
        pq.write_table(table, stream, version="2.4", use_dictionary=texts, metadata_collector=written)
    return sum(int(one.num_rows) for one in written)


def history_file(path: str, rows: int, micros: Array, arrivals: Array | None) -> HistoryFile:
    """What is known of a file.

    :param micros: event times of its rows, microseconds since the epoch.
    :param arrivals: their arrival times, where they are known.
    """
    if not len(micros):
        return HistoryFile(path, rows, 0, 0, 0)
    first, last = int(micros.min()), int(micros.max())
    return HistoryFile(path, rows, first, last, last if arrivals is None else int(arrivals.max()))


@dataclass(frozen=True)
class FilesWriting:
    """Files that are being written by other threads.

    :param path: of the target.
    :param files: what is known of each once it is written.
    """

    path: str
    files: list[Future[HistoryFile]]

    def finish(self) -> int:
        """Wait for the files and give the number of rows in them.

        :raises IngestError: if a file cannot be written.
        """
        return sum(file.rows for file in self.written())

    def written(self) -> tuple[HistoryFile, ...]:
        """Wait for the files and give them.

        :raises IngestError: if a file cannot be written.
        """
        try:
            return tuple(written.result() for written in self.files)
        except STORAGE_ERRORS as error:
            raise IngestError(f"Parquet files must be writable at {self.path}, got {error!r}") from error


def write_partitions(
    table: pa.Table,
    path: str,
    single_file: bool,
    times: Array,
    granularity: str | None,
    pool: ThreadPoolExecutor,
    arrivals: Array | None = None,
) -> FilesWriting:
    """Start writing the rows of a table, one file a folder; several files are written at a time.

    :param table: features, time and key.
    :param path: folder of the target, or its file, at any address that MLRun's data stores know.
    :param times: see ``partitions``; of microseconds.
    :param arrivals: arrival times in microseconds since the epoch, where they are known.
    """
    url, options = get_url_and_storage_options(path)
    file_system, root = url_to_file_system(url, options)
    micros = times.astype("datetime64[us]").astype(np.int64)

    def write(folder: str, file: str, rows: Array | slice) -> HistoryFile:
        if isinstance(rows, slice):
            first = rows.start or 0
            chosen = table.slice(first, None if rows.stop is None else rows.stop - first)
        else:
            chosen = table.take(pa.array(rows))
        written = write_table(file_system, file, chosen)
        return history_file(folder, written, micros[rows], None if arrivals is None else arrivals[rows])

    files: list[Future[HistoryFile]] = []
    for folder, rows in partitions(times, granularity):
        relative = "" if single_file else new_file(folder)
        file = root if single_file else f"{root.rstrip('/')}/{relative}"
        files.append(pool.submit(write, relative, file, rows))
    return FilesWriting(path, files)
