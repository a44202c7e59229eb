"""A table of feature rows into the files of MLRun's Parquet target, in the layout that storey writes."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import Any, Self

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
    """Write one Parquet file as storey does; gives the number of rows in it."""
    with OpenFile(file_system, address, "") as file:
        file.write(table, np.empty(0, dtype=np.int64), None)
    return file.rows


def history_file(path: str, rows: int, micros: Array, arrivals: Array | None) -> HistoryFile:
    """What is known of a file.

    :param micros: event times of its rows, microseconds since the epoch.
    :param arrivals: their arrival times, where they are known.
    """
    if not len(micros):
        return HistoryFile(path, rows, 0, 0, 0)
    first, last = int(micros.min()), int(micros.max())
    return HistoryFile(path, rows, first, last, last if arrivals is None else int(arrivals.max()))


class OpenFile:
    """A Parquet file that is being written as storey does.

    Strings have a dictionary, numbers are plain: telemetry repeats no float often enough for a dictionary,
    and trying one takes most of the time to write.

    :param file_system: of fsspec.
    :param path: of the file, from the folder of the target.
    """

    def __init__(self, file_system: Any, address: str, path: str) -> None:
        self._file_system, self._address, self._path = file_system, address, path
        self._opened = contextlib.ExitStack()
        self._writer: pq.ParquetWriter | None = None
        self._written: list[Any] = []
        self._known: list[HistoryFile] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, table: pa.Table, micros: Array, arrivals: Array | None) -> None:
        """Add rows; see ``history_file``."""
        if self._writer is None:
            texts = [field.name for field in table.schema if pa.types.is_string(field.type)]
            self._file_system.makedirs(self._address.rpartition("/")[0], exist_ok=True)
            stream = self._opened.enter_context(self._file_system.open(self._address, "wb"))
            # Version 2.4 is what storey writes, for Spark; it stores microseconds.
            self._writer = self._opened.enter_context(
                pq.ParquetWriter(
                    stream,
                    table.schema,
                    version="2.4",
                    use_dictionary=texts,
                    metadata_collector=self._written,
                )
            )
        self._writer.write_table(table)
        self._known.append(history_file(self._path, table.num_rows, micros, arrivals))

    def close(self) -> None:
        """Complete the file."""
        self._opened.close()

    @property
    def rows(self) -> int:
        """Rows in the file, once it is closed."""
        return sum(int(one.num_rows) for one in self._written)

    @property
    def known(self) -> HistoryFile:
        """What is known of the file, once it is closed."""
        return HistoryFile(
            self._path,
            self.rows,
            min(one.first for one in self._known),
            max(one.last for one in self._known),
            max(one.arrived for one in self._known),
        )


class PartitionFiles:
    """Writes rows into one file a folder, several at a time, by other threads.

    :param path: folder of the target, or its file, at any address that MLRun's data stores know.
    :param granularity: see ``partitions``.
    """

    def __init__(
        self, path: str, single_file: bool, granularity: str | None, pool: ThreadPoolExecutor
    ) -> None:
        self._path, self._single_file, self._granularity, self._pool = path, single_file, granularity, pool
        url, options = get_url_and_storage_options(path)
        self._file_system, root = url_to_file_system(url, options)
        self._root = root.rstrip("/") if not single_file else root
        self._files: list[OpenFile] = []
        self._last: tuple[str, OpenFile] | None = None
        self._writing: list[Future[None]] = []

    def add(self, table: pa.Table, times: Array, arrivals: Array | None = None) -> None:
        """Start writing rows, when those added before are written.

        Of several tables each begins no earlier than the one before it ends.

        :param table: features, time and key; may be used by other threads until the next call.
        :param times: see ``partitions``; of microseconds.
        :param arrivals: arrival times in microseconds since the epoch, where they are known.
        :raises IngestError: if a file cannot be written.
        """
        self._wait()
        micros = times.astype("datetime64[us]").astype(np.int64)
        found = list(partitions(times, self._granularity))
        before, self._last = self._last, None
        if before is not None and found and before[0] != found[0][0]:
            self._close([before[1]])
        for place, (folder, rows) in enumerate(found):
            file = before[1] if before is not None and before[0] == folder else self._begin(folder)
            is_last = place == len(found) - 1
            if is_last:
                self._last = folder, file
            part = micros[rows], None if arrivals is None else arrivals[rows]
            self._writing.append(self._pool.submit(_write, file, table, rows, part, not is_last))

    def written(self) -> tuple[HistoryFile, ...]:
        """Complete the files and give them.

        :raises IngestError: if a file cannot be written.
        """
        self._wait()
        self._close(self._files)
        return tuple(file.known for file in self._files)

    def abandon(self) -> None:
        """Let go of files that are not complete."""
        for file in self._files:
            with contextlib.suppress(*STORAGE_ERRORS):
                file.close()

    def _begin(self, folder: str) -> OpenFile:
        relative = "" if self._single_file else new_file(folder)
        address = self._root if self._single_file else f"{self._root}/{relative}"
        self._files.append(OpenFile(self._file_system, address, relative))
        return self._files[-1]

    def _close(self, files: Sequence[OpenFile]) -> None:
        try:
            for file in files:
                file.close()
        except STORAGE_ERRORS as error:
            raise self._unwritable(error) from error

    def _wait(self) -> None:
        writing, self._writing = self._writing, []
        try:
            for one in writing:
                one.result()
        except STORAGE_ERRORS as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: BaseException) -> IngestError:
        return IngestError(f"Parquet files must be writable at {self._path}, got {error!r}")


def _write(
    file: OpenFile, table: pa.Table, rows: Array | slice, part: tuple[Array, Array | None], is_all: bool
) -> None:
    if isinstance(rows, slice):
        first = rows.start or 0
        chosen = table.slice(first, None if rows.stop is None else rows.stop - first)
    else:
        chosen = table.take(pa.array(rows))
    file.write(chosen, *part)
    if is_all:
        file.close()
