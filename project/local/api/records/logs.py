"""Logs of runs, kept as pieces, so that appending and reading from an offset are both cheap."""

from __future__ import annotations

from project.local.api.records.store import Store


def append_log(store: Store, project: str, uid: str, body: bytes, append: bool) -> None:
    """Add bytes to a run's log, or replace it."""
    with store.write() as connection:
        if not append:
            connection.execute("DELETE FROM logs WHERE project = ? AND uid = ?", (project, uid))
        connection.execute(
            "INSERT INTO logs (project, uid, start, length, body) VALUES (?, ?, ?, ?, ?)",
            (project, uid, log_size(store, project, uid), len(body), body),
        )


def log_size(store: Store, project: str, uid: str) -> int:
    """Length of a run's log in bytes."""
    row = store.row(
        "SELECT COALESCE(MAX(start + length), 0) AS size FROM logs WHERE project = ? AND uid = ?",
        (project, uid),
    )
    return int(row["size"]) if row else 0


def read_log(store: Store, project: str, uid: str, offset: int, size: int) -> bytes:
    """Part of a run's log.

    :param offset: first byte wanted.
    :param size: most bytes wanted; negative for all.
    """
    end = offset + size if size >= 0 else 1 << 62
    rows = store.rows(
        "SELECT start, body FROM logs WHERE project = ? AND uid = ? AND start < ? AND start + length > ? "
        "ORDER BY start",
        (project, uid, end, offset),
    )
    return b"".join(row["body"][max(0, offset - row["start"]) : end - row["start"]] for row in rows)
