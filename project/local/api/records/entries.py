"""Small named documents of a project: datastore profiles, secrets, model endpoints."""

from __future__ import annotations

from project.local.api.documents import Document
from project.local.api.errors import NotFoundError
from project.local.api.records.store import Store, decode, encode


def write_entry(store: Store, kind: str, project: str, name: str, body: Document) -> None:
    """Store an entry, replacing one of that name."""
    with store.write() as connection:
        connection.execute(
            "INSERT OR REPLACE INTO entries (kind, project, name, body) VALUES (?, ?, ?, ?)",
            (kind, project, name, encode(body)),
        )


def read_entry(store: Store, kind: str, project: str, name: str) -> Document:
    """An entry.

    :raises NotFoundError: if there is none.
    """
    row = store.row(
        "SELECT body FROM entries WHERE kind = ? AND project = ? AND name = ?", (kind, project, name)
    )
    if row is None:
        raise NotFoundError(f"{kind} {project}/{name} not found")
    return decode(row["body"])


def list_entries(store: Store, kind: str, project: str) -> dict[str, Document]:
    """All entries of a kind by name."""
    rows = store.rows(
        "SELECT name, body FROM entries WHERE kind = ? AND project = ? ORDER BY name", (kind, project)
    )
    return {row["name"]: decode(row["body"]) for row in rows}


def delete_entry(store: Store, kind: str, project: str, name: str) -> None:
    """Delete an entry; an absent one is no error."""
    with store.write() as connection:
        connection.execute(
            "DELETE FROM entries WHERE kind = ? AND project = ? AND name = ?", (kind, project, name)
        )
