"""What a journal accepted, in Parquet files: nothing is dropped from the journal before it is in one."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from feature_sets.damaged_file import reading
from graphs.protocol.errors import ApiError
from graphs.state.entry_id import BEFORE_ALL, EntryId
from graphs.state.journal_entries import RawEntry

_NAME = re.compile(r"^(\d{13,})-(\d{6,})\.parquet$")
_UNFINISHED = ".unfinished"
_ADVICE = "put it back from a backup; without it, what the endpoint accepted then is lost to the history"
_STALE_SECONDS = 600.0
_RETRY_SECONDS = 5.0
_FILE_BYTES = 16_000_000
_AT_ONCE = 500
"""Entries that are made columns without a break: requests wait for the interpreter meanwhile."""
_SCHEMA = pa.schema(
    [
        ("milliseconds", pa.int64()),
        ("sequence", pa.int64()),
        ("kind", pa.string()),
        ("schema", pa.string()),
        ("label", pa.string()),
        ("arrival", pa.float64()),
        ("events", pa.binary()),
        ("names", pa.string()),
    ]
)
_ID = ("milliseconds", "sequence")
_WITHOUT_EVENTS = [*_ID, "kind", "schema"]
_EMPTY = {"kind": "", "schema": "", "label": "", "arrival": 0.0, "events": b"", "names": ""}
"""Fields of an entry after its id, where they were not read."""


class JournalArchive:
    """Writes the entries of a journal to files, off the request path.

    A file is written under another name and then renamed. Its name is the id of its last entry, and every
    entry up to the newest file's is in a file: ``last`` says how far the journal may be cut. Two processes of
    one function may write the same entries for a moment; ``archived`` gives each once.

    :param directory: where the files go; made if it does not exist.
    :param read: entries of the journal after an id, oldest first.
    :param rows: files are written when so many events are in none (at least 1).
    :param on_failure: called with the error when a file cannot be written; it is tried again later.
    """

    def __init__(
        self,
        directory: Path,
        read: Callable[[EntryId], Iterator[RawEntry]],
        rows: int,
        on_failure: Callable[[Exception], None],
    ) -> None:
        self.directory = directory
        self._read = read
        self._rows = rows
        self._on_failure = on_failure
        directory.mkdir(parents=True, exist_ok=True)
        for entry in os.scandir(directory):
            # A younger one may be of a process that is about to hand over to this one.
            if entry.name.endswith(_UNFINISHED) and time.time() - entry.stat().st_mtime > _STALE_SECONDS:
                Path(entry).unlink(missing_ok=True)
        self.last = last_archived(directory)
        self._waiting = 0
        self._enough = threading.Event()
        self._writing = threading.Lock()
        self._closed = False
        self._thread: threading.Thread | None = None

    def note(self, entry: EntryId, events: int) -> None:
        """Take note of an entry of the journal; costs next to nothing."""
        if entry <= self.last:
            return
        self._waiting += events
        if self._waiting < self._rows:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="journal-archive", daemon=True)
            self._thread.start()
        if not self._enough.is_set():
            self._enough.set()

    def hurry(self) -> None:
        """Have what is in no file written soon, however little it is."""
        self._waiting = self._rows

    def catch_up(self) -> None:
        """Write what is in no file, now.

        :raises OSError: if a file cannot be written.
        :raises ApiError: if the journal cannot be read.
        """
        with self._writing:
            self._waiting = 0
            # Another process of the same function may have written meanwhile.
            self.last = max(self.last, last_archived(self.directory))
            batch: list[RawEntry] = []
            size = 0
            for entry in self._read(self.last):
                batch.append(entry)
                size += len(entry.events)
                if size >= _FILE_BYTES:
                    self._write(batch)
                    batch, size = [], 0
            if batch:
                self._write(batch)

    def close(self) -> None:
        """End the thread."""
        self._closed = True
        self._enough.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while True:
            self._enough.wait()
            if self._closed:
                return
            self._enough.clear()
            try:
                self.catch_up()
            except (OSError, pa.ArrowException, ApiError) as error:
                self._on_failure(error)
                time.sleep(_RETRY_SECONDS)
                self._enough.set()

    def _write(self, batch: list[RawEntry]) -> None:
        milliseconds, sequence = batch[-1].id
        path = self.directory / f"{milliseconds:013d}-{sequence:06d}.parquet"
        unfinished = self.directory / f"{path.stem}.{os.getpid()}{_UNFINISHED}"
        parts = [_part(batch[at : at + _AT_ONCE]) for at in range(0, len(batch), _AT_ONCE)]
        table = pa.Table.from_batches(parts).combine_chunks()
        with unfinished.open("wb") as stream:
            pq.write_table(table, stream, compression="zstd")
            stream.flush()
            # The journal is cut behind this file.
            os.fsync(stream.fileno())
        unfinished.rename(path)
        self.last = batch[-1].id


def _part(entries: Sequence[RawEntry]) -> pa.RecordBatch:
    """Some entries as columns."""
    columns = [
        [entry.id[0] for entry in entries],
        [entry.id[1] for entry in entries],
        *([entry[at] for entry in entries] for at in range(1, len(RawEntry._fields))),
    ]
    arrays = [pa.array(column, kind) for column, kind in zip(columns, _SCHEMA.types, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=_SCHEMA)


def archived_to(directory: Path) -> list[EntryId]:
    """Id of the last entry in each file of a directory."""
    return [entry for entry, _ in _files(directory)]


def last_archived(directory: Path) -> EntryId:
    """Id of the last entry in a file of a directory."""
    return max(archived_to(directory), default=BEFORE_ALL)


def archived(directory: Path, after: EntryId, with_events: bool = True) -> Iterator[RawEntry]:
    """Entries in the files of a directory after an id, in order, each once.

    :param with_events: whether all is read; else id, kind and schema, and the rest is empty.
    :raises OSError: if a file cannot be read.
    """
    last = after
    for newest, name in sorted(_files(directory)):
        if newest <= last:
            continue
        path = directory / name
        with reading(path, _ADVICE):
            table = pq.read_table(path, columns=None if with_events else _WITHOUT_EVENTS)
        # As arrays they come out several times as fast as cell by cell; earlier files have no names.
        milliseconds, sequence = (table.column(name).to_numpy().tolist() for name in _ID)
        rest = (
            table.column(name).to_numpy().tolist() if name in table.column_names else [empty] * len(table)
            for name, empty in _EMPTY.items()
        )
        for entry_id, *fields in zip(zip(milliseconds, sequence, strict=True), *rest, strict=True):
            if entry_id > last:
                last = entry_id
                yield RawEntry(entry_id, *fields)


def _files(directory: Path) -> list[tuple[EntryId, str]]:
    """Names of the files, each with the id of its last entry."""
    try:
        found = [_NAME.match(entry.name) for entry in os.scandir(directory)]
    except FileNotFoundError:
        return []
    return [((int(match[1]), int(match[2])), match[0]) for match in found if match]
