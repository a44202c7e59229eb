"""The control plane's SQLite file: tables, one connection a thread, one writer at a time.

Everything acknowledged is committed to the write-ahead log before the answer leaves. ``synchronous=NORMAL``
hands each commit to the operating system: killing the process (``kill -9``) loses nothing that was
acknowledged. Only a power cut can lose the last commits, and even then the file stays consistent.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import orjson

from project.errors import NetopsError
from project.local.api.documents import Document

_FIRST_SCHEMA = """
CREATE TABLE projects (name TEXT PRIMARY KEY, created REAL NOT NULL, body BLOB NOT NULL);

CREATE TABLE runs (
    project TEXT NOT NULL, uid TEXT NOT NULL, iteration INTEGER NOT NULL, name TEXT NOT NULL,
    state TEXT NOT NULL, start_time REAL NOT NULL, updated REAL NOT NULL, end_time REAL, body BLOB NOT NULL,
    PRIMARY KEY (project, uid, iteration));
CREATE INDEX runs_by_start ON runs (project, start_time);

CREATE TABLE logs (
    id INTEGER PRIMARY KEY, project TEXT NOT NULL, uid TEXT NOT NULL, start INTEGER NOT NULL,
    length INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX logs_by_run ON logs (project, uid, start);

CREATE TABLE artifacts (
    id INTEGER PRIMARY KEY, project TEXT NOT NULL, key TEXT NOT NULL, uid TEXT NOT NULL,
    tree TEXT NOT NULL, iteration INTEGER NOT NULL, best_iteration INTEGER NOT NULL, kind TEXT NOT NULL,
    created REAL NOT NULL, updated REAL NOT NULL, body BLOB NOT NULL,
    UNIQUE (project, key, uid));
CREATE TABLE artifact_tags (
    project TEXT NOT NULL, key TEXT NOT NULL, tag TEXT NOT NULL,
    artifact INTEGER NOT NULL REFERENCES artifacts (id) ON DELETE CASCADE,
    PRIMARY KEY (project, key, tag, artifact));
CREATE INDEX artifact_tags_by_artifact ON artifact_tags (artifact);

CREATE TABLE records (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, project TEXT NOT NULL, name TEXT NOT NULL, uid TEXT NOT NULL,
    created REAL NOT NULL, updated REAL NOT NULL, body BLOB NOT NULL,
    UNIQUE (kind, project, name, uid));
CREATE TABLE record_tags (
    kind TEXT NOT NULL, project TEXT NOT NULL, name TEXT NOT NULL, tag TEXT NOT NULL,
    record INTEGER NOT NULL REFERENCES records (id) ON DELETE CASCADE,
    PRIMARY KEY (kind, project, name, tag));
CREATE INDEX record_tags_by_record ON record_tags (record);

CREATE TABLE entries (
    kind TEXT NOT NULL, project TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (kind, project, name));

CREATE TABLE deployments (
    project TEXT NOT NULL, name TEXT NOT NULL, function BLOB NOT NULL, port INTEGER NOT NULL,
    state TEXT NOT NULL, reason TEXT NOT NULL, pid INTEGER, created REAL, next_pid INTEGER, next_created REAL,
    log_start INTEGER NOT NULL, generation INTEGER NOT NULL,
    PRIMARY KEY (project, name));
"""

_SCHEDULES_AND_JOBS = """
CREATE TABLE schedules (
    project TEXT NOT NULL, name TEXT NOT NULL, created REAL NOT NULL, next_run_time REAL,
    last_run TEXT NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (project, name));
CREATE INDEX schedules_by_time ON schedules (next_run_time);
CREATE TABLE schedule_events (
    id INTEGER PRIMARY KEY, project TEXT NOT NULL, name TEXT NOT NULL, outcome TEXT NOT NULL,
    first_time REAL NOT NULL, last_time REAL NOT NULL, times INTEGER NOT NULL, run TEXT NOT NULL,
    reason TEXT NOT NULL);
CREATE INDEX schedule_events_by_schedule ON schedule_events (project, name, id);

CREATE TABLE job_processes (
    project TEXT NOT NULL, uid TEXT NOT NULL, pid INTEGER NOT NULL, created REAL NOT NULL, log TEXT NOT NULL,
    ended REAL,
    PRIMARY KEY (project, uid));
CREATE TABLE run_owners (
    project TEXT NOT NULL, uid TEXT NOT NULL, owner TEXT NOT NULL,
    PRIMARY KEY (project, uid));
"""

_SUPERVISION = """
ALTER TABLE deployments ADD COLUMN fallen INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deployments ADD COLUMN restarts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deployments ADD COLUMN last_exit TEXT NOT NULL DEFAULT '';
ALTER TABLE deployments ADD COLUMN last_exit_time REAL;
ALTER TABLE deployments ADD COLUMN ready_time REAL;
"""

_FAILED_STARTS = """
ALTER TABLE deployments ADD COLUMN failed_starts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deployments ADD COLUMN failed_start TEXT NOT NULL DEFAULT '';
ALTER TABLE deployments ADD COLUMN failing_since REAL;
"""

# A label that is no text is kept as '': whoever looks for its value reads the run. A run that is replaced is
# deleted without a trigger.
_LABELS_OF = """
INSERT INTO run_labels
SELECT {run}.project, {run}.uid, {run}.iteration, label.key, iif(label.type = 'text', label.value, '')
FROM {source}json_each(CAST({run}.body AS TEXT), '$.metadata.labels') AS label
WHERE label.key IS NOT NULL
"""
_OF_RUN = "project = {run}.project AND uid = {run}.uid AND iteration = {run}.iteration"
_RUN_LABELS = f"""
CREATE TABLE run_labels (
    project TEXT NOT NULL, uid TEXT NOT NULL, iteration INTEGER NOT NULL, name TEXT NOT NULL,
    value TEXT NOT NULL);
CREATE INDEX run_labels_by_run ON run_labels (project, uid, iteration);
{_LABELS_OF.format(run="runs", source="runs, ")};
CREATE INDEX run_labels_by_value ON run_labels (name, value, project, uid, iteration);
CREATE TRIGGER run_labels_of_stored AFTER INSERT ON runs BEGIN
    DELETE FROM run_labels WHERE {_OF_RUN.format(run="NEW")};
    {_LABELS_OF.format(run="NEW", source="")};
END;
CREATE TRIGGER run_labels_of_changed AFTER UPDATE ON runs BEGIN
    DELETE FROM run_labels WHERE {_OF_RUN.format(run="OLD")};
    {_LABELS_OF.format(run="NEW", source="")};
END;
CREATE TRIGGER run_labels_of_deleted AFTER DELETE ON runs BEGIN
    DELETE FROM run_labels WHERE {_OF_RUN.format(run="OLD")};
END;
"""  # noqa: S608 - fixed texts

_SCHEMAS = (_FIRST_SCHEMA, _SCHEDULES_AND_JOBS, _SUPERVISION, _FAILED_STARTS, _RUN_LABELS)
"""What each version adds to the one before; a file of an older version is brought up to date."""

SCHEMA_VERSION = len(_SCHEMAS)

PROJECT_TABLES = (
    *("runs", "logs", "artifacts", "records", "entries"),
    *("schedules", "schedule_events", "job_processes", "run_owners"),
)


def encode(document: Document | list[Any]) -> bytes:
    """JSON bytes of a document."""
    return orjson.dumps(document, default=str, option=orjson.OPT_NON_STR_KEYS)


def decode(body: bytes) -> Document:
    """Document of stored JSON bytes."""
    document: Document = orjson.loads(body)
    return document


class DamagedStoreError(NetopsError):
    """The file of the control plane cannot be read.

    :param path: the file.
    :param error: of SQLite, or what is wrong with it.
    """

    def __init__(self, path: Path, error: sqlite3.Error | str) -> None:
        super().__init__(
            f"{path}: must be the control plane's database, and is damaged ({error}); next: put a backup "
            f"in its place, or move it and {path.name}-wal away, which begins without projects and models"
        )


class NewerStoreError(NetopsError):
    """The file of the control plane was written by a newer release.

    :param path: the file.
    :param version: of its tables.
    """

    def __init__(self, path: Path, version: int) -> None:
        super().__init__(
            f"{path}: its tables must be of version {SCHEMA_VERSION} at most, got {version}: a newer release "
            "of NetOps has written it; next: use that release, or put back the copy of before the upgrade"
        )


class Store:
    """The SQLite file behind the control plane; safe for many threads.

    :param path: the file, made with its folder when absent, readable by its owner only.
    :raises NewerStoreError: if the file was written by a newer release.
    :raises DamagedStoreError: if it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._writer = threading.RLock()
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            if path.exists():
                self._check()
            else:
                _make(path)
            self._open()
        except sqlite3.OperationalError:  # It is locked, or the disk is full.
            raise
        except sqlite3.DatabaseError as error:
            raise DamagedStoreError(path, error) from error

    def _check(self) -> None:
        """Find damage now: a file that lost its end is only noticed else where that is read."""
        if not self._path.stat().st_size:  # SQLite takes it for a new one, and all projects would be gone.
            raise DamagedStoreError(self._path, "it is empty")
        # One of its own, which changes nothing in the file of another program.
        with closing(sqlite3.connect(self._path, isolation_level=None, timeout=30)) as connection:
            if not connection.execute("PRAGMA user_version").fetchone()[0]:
                raise DamagedStoreError(self._path, "it has no tables of ours")
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise DamagedStoreError(self._path, " ".join(str(found).split()))

    def _open(self) -> None:
        with self._writer:
            _bring_up_to_date(self._connection(), self._path)

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self._path, isolation_level=None, timeout=30)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA foreign_keys=ON")
            self._local.connection = connection
        return connection

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Transaction that commits at the end of the block, or leaves no trace if the block raises."""
        with self._writer:
            connection = self._connection()
            if connection.in_transaction:  # a write within a write joins it
                yield connection
                return
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """All rows of a query; inside a write they show what it has written so far."""
        return self._connection().execute(sql, parameters).fetchall()

    def each(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[sqlite3.Row]:
        """Rows of a query one by one, for whoever stops before the last."""
        yield from self._connection().execute(sql, parameters)

    def row(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Row | None:
        """First row of a query, or None."""
        row: sqlite3.Row | None = self._connection().execute(sql, parameters).fetchone()
        return row

    def close(self) -> None:
        """Close this thread's connection."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None


def _make(path: Path) -> None:
    """A new file, there only when it is whole: an empty one is never that of a start that was killed."""
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size:
        raise DamagedStoreError(path, f"it is gone, and {log.name} is there")
    half = path.with_name(f"{path.name}.new")
    for left in (half, half.with_name(f"{half.name}-journal")):
        left.unlink(missing_ok=True)
    half.touch(mode=0o600)
    with closing(sqlite3.connect(half, isolation_level=None)) as connection:
        _bring_up_to_date(connection, half)
    half.replace(path)


def _bring_up_to_date(connection: sqlite3.Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise NewerStoreError(path, version)
    for number, schema in enumerate(_SCHEMAS[version:], start=version + 1):
        connection.executescript(f"BEGIN IMMEDIATE;{schema}PRAGMA user_version={number};COMMIT;")
