"""Tables that do not fit into memory, in a file without a name: it is gone with the process that made it."""

from __future__ import annotations

import errno
import os
import tempfile
import weakref
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa

from feature_sets.checks import InputError

RESERVE_BYTES = 256 << 20
"""Free space that is left to others."""

_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")


class SpillFile:
    """A file of tables on disk.

    :param folder: where it is made; the folder for temporary files by default. It gets no name there where
        the system allows that, so a process that is killed leaves nothing.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = Path(tempfile.gettempdir()) if folder is None else folder
        try:
            self._file = tempfile.TemporaryFile(dir=self._folder, prefix="netops-")  # noqa: SIM115 - kept open
        except OSError as error:
            raise self._full(0, error) from error
        self._end = 0
        self._finalizer = weakref.finalize(self, self._file.close)

    def append(self, table: pa.Table) -> Callable[[], pa.Table]:
        """Write a table; gives what reads it again.

        :raises InputError: if the disk has too little space.
        """
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema, options=_OPTIONS) as writer:
            writer.write_table(table)
        content = sink.getvalue()
        check_free_space(self._folder, content.size)
        try:
            self._file.seek(self._end)
            self._file.write(content)
            self._file.flush()
        except OSError as error:
            raise self._full(content.size, error) from error
        start, self._end = self._end, self._end + content.size
        return partial(self._read, start, content.size)

    def _read(self, start: int, size: int) -> pa.Table:
        content = os.pread(self._file.fileno(), size, start)
        return pa.ipc.open_stream(pa.py_buffer(content)).read_all()

    def close(self) -> None:
        """Let the file go; so does forgetting it."""
        self._finalizer()

    def _full(self, size: int, error: OSError) -> InputError:
        rule = "must take temporary files of rows that do not fit into memory"
        if error.errno == errno.ENOSPC:
            rule = f"must have {_megabytes(size + RESERVE_BYTES)} free for rows that do not fit into memory"
        return InputError(f"folder {self._folder}", rule, error.strerror or str(error))


def check_free_space(folder: Path | None, size: int) -> None:
    """Raise InputError unless a folder's disk can hold so many bytes more, and leaves some to others.

    :param folder: that for temporary files by default.
    """
    folder = Path(tempfile.gettempdir()) if folder is None else folder
    found = os.statvfs(folder)
    free = found.f_bavail * found.f_frsize
    if free < size + RESERVE_BYTES:
        rule = f"must have {_megabytes(size + RESERVE_BYTES)} free for rows that do not fit into memory"
        raise InputError(f"disk of folder {folder}", rule, f"{_megabytes(free)} free")


def _megabytes(size: int) -> str:
    return f"{-(-size // 1_000_000):,} MB"


class RowSpool:
    """Tables one after the other, to be read as often as wanted: the first in memory, the others on disk.

    :param folder: of the file, see ``SpillFile``.
    :param memory: bytes that stay in memory.
    """

    def __init__(self, folder: Path | None, memory: int) -> None:
        self._folder, self._free = folder, memory
        self._parts: list[Callable[[], pa.Table]] = []
        self._file: SpillFile | None = None
        self.rows = 0

    def append(self, table: pa.Table) -> None:
        """Add a table.

        :raises InputError: if the disk has too little space.
        """
        self.rows += table.num_rows
        if self._file is None and table.nbytes <= self._free:
            self._free -= table.nbytes
            self._parts.append(lambda: table)
            return
        if self._file is None:
            self._file = SpillFile(self._folder)
        self._parts.append(self._file.append(table))

    def __iter__(self) -> Iterator[pa.Table]:
        for read in self._parts:
            yield read()


def rechunked(tables: Iterator[pa.Table], rows: int) -> Iterator[pa.Table]:
    """The same rows in tables of so many; the last one has what is left."""
    waiting: list[pa.Table] = []
    count = 0
    for table in tables:
        waiting.append(table)
        count += table.num_rows
        while count >= rows:
            joined = pa.concat_tables(waiting)
            yield joined.slice(0, rows)
            waiting, count = [joined.slice(rows)], count - rows
    if count:
        yield pa.concat_tables(waiting)
