"""Versioned, tagged documents: functions, feature sets, feature vectors.

A record is one (kind, project, name, uid). A versioned record's uid is the hash of its content; an
unversioned one is overwritten in place, under the uid ``unversioned-{tag}``. A tag names one record.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from project.local.api.documents import Document, name_rule, now, object_hash, parse_time
from project.local.api.errors import InvalidError, NotFoundError
from project.local.api.records.store import Store, decode, encode

UNVERSIONED = "unversioned-"


@dataclass(frozen=True)
class Kind:
    """A family of records.

    :param name: how the store and messages call it.
    :param uid_field: field of ``metadata`` that holds the fingerprint.
    """

    name: str
    uid_field: str


FUNCTION = Kind("function", "hash")
FEATURE_SET = Kind("feature-set", "uid")
FEATURE_VECTOR = Kind("feature-vector", "uid")


def write_record(
    store: Store,
    kind: Kind,
    project: str,
    name: str,
    document: Document,
    *,
    tag: str = "",
    uid: str = "",
    versioned: bool = True,
) -> str:
    """Store a record and give it the tag.

    :param tag: ``latest`` when neither tag nor uid is given.
    :param uid: where given, the record must hash to it.
    :returns: the content's fingerprint.
    """
    metadata = document.setdefault("metadata", {})
    if metadata.get("name") not in {None, "", name}:
        raise InvalidError(
            f"{kind.name} name in the body must be '{name}' as in the path, got {metadata['name']!r}"
        )
    metadata["name"], metadata["project"] = name, project
    tag = tag or (metadata.get("tag") or "latest" if not uid else "")
    fingerprint = object_hash(document, kind.uid_field)
    if uid and versioned and uid != fingerprint:
        raise InvalidError("Changing uid for an object referenced by its uid")
    key = fingerprint if versioned else f"{UNVERSIONED}{tag}"
    if not versioned and kind.uid_field == "uid":
        metadata.pop("uid")  # it can not be read by this uid, so it must not show one
    time = now()
    metadata["tag"] = ""
    with store.write() as connection:
        known = store.row(
            "SELECT id, created FROM records WHERE kind = ? AND project = ? AND name = ? AND uid = ?",
            (kind.name, project, name, key),
        )
        created = parse_time(metadata.get("created")) or time
        if known:
            created = created.fromtimestamp(known["created"], created.tzinfo)
        metadata.update(created=created.isoformat(), updated=time.isoformat())
        if known:
            identity = known["id"]
            connection.execute(
                "UPDATE records SET updated = ?, body = ? WHERE id = ?",
                (time.timestamp(), encode(document), identity),
            )
        else:
            identity = connection.execute(
                "INSERT INTO records (kind, project, name, uid, created, updated, body) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (kind.name, project, name, key, created.timestamp(), time.timestamp(), encode(document)),
            ).lastrowid
        if tag:
            connection.execute(
                "INSERT OR REPLACE INTO record_tags (kind, project, name, tag, record) "
                "VALUES (?, ?, ?, ?, ?)",
                (kind.name, project, name, tag, identity),
            )
    return fingerprint


def find_record(
    store: Store, kind: Kind, project: str, name: str, *, tag: str = "", uid: str = ""
) -> sqlite3.Row | None:
    """Row of a record by uid, else by tag (``latest`` by default), or None."""
    if uid and not tag:
        return store.row(
            "SELECT r.*, '' AS tag FROM records r WHERE kind = ? AND project = ? AND name = ? AND uid = ?",
            (kind.name, project, name, uid),
        )
    return store.row(
        "SELECT r.*, t.tag FROM record_tags t JOIN records r ON r.id = t.record "
        "WHERE t.kind = ? AND t.project = ? AND t.name = ? AND t.tag = ?",
        (kind.name, project, name, tag or "latest"),
    )


def read_record(
    store: Store, kind: Kind, project: str, name: str, *, tag: str = "", uid: str = ""
) -> Document:
    """Document of a record, with the tag it was found by.

    :raises NotFoundError: if there is none.
    """
    row = find_record(store, kind, project, name, tag=tag, uid=uid)
    if row is None:
        suffix = f"@{uid}" if uid and not tag else f":{tag or 'latest'}"
        raise NotFoundError(f"{kind.name.capitalize()} not found {project}/{name}{suffix}")
    return shaped(row)


def shaped(row: sqlite3.Row) -> Document:
    """Document of a row, with its tag and without a placeholder uid."""
    document = decode(row["body"])
    document["metadata"]["tag"] = row["tag"] or ""
    return document


def list_records(store: Store, kind: Kind, project: str, name: str = "", tag: str = "") -> Iterator[Document]:
    """Documents, newest first, once for each tag; unversioned ones only while they have a tag.

    :param name: exact, or ``~part``.
    :param tag: only those with this tag; ``*`` or empty for all.
    """
    named = name_rule(name)
    sql = (
        "SELECT r.*, t.tag FROM records r LEFT JOIN record_tags t ON t.record = r.id "
        "WHERE r.kind = ? AND r.project = ? AND (? = '' OR t.tag = ?) "
        "ORDER BY r.updated DESC, r.id DESC, t.tag"
    )
    wanted = "" if tag == "*" else tag
    for row in store.rows(sql, (kind.name, project, wanted, wanted)):
        if named(row["name"]) and (row["tag"] or not row["uid"].startswith(UNVERSIONED)):
            yield shaped(row)


def delete_record(store: Store, kind: Kind, project: str, name: str, *, tag: str = "", uid: str = "") -> None:
    """Delete the record with the tag or uid, or without either all versions of the name."""
    with store.write() as connection:
        if tag or uid:
            row = find_record(store, kind, project, name, tag=tag, uid=uid)
            if row is not None:
                connection.execute("DELETE FROM records WHERE id = ?", (row["id"],))
        else:
            connection.execute(
                "DELETE FROM records WHERE kind = ? AND project = ? AND name = ?", (kind.name, project, name)
            )
