"""Tags of artifacts.

A tag names one artifact for each (key, iteration) of one tree. Tagging an artifact of another tree takes the
tag away from the older tree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from project.local.api.errors import InvalidError, NotFoundError
from project.local.api.records.store import Store

_TAG = re.compile(r"[a-zA-Z0-9]([-._a-zA-Z0-9]{0,54}[a-zA-Z0-9])?")


def check_tag(tag: str) -> None:
    """Raise InvalidError unless the text can be a tag."""
    if not _TAG.fullmatch(tag):
        raise InvalidError(
            f"tag must be 1 to 56 letters, digits, '-', '_' or '.', starting and ending with one, got {tag!r}"
        )


def tag_artifacts(store: Store, project: str, tag: str, identities: Iterable[int]) -> None:
    """Give a tag to artifacts, taking it from those of the same key that it named before.

    Other iterations of the same tree keep the tag.
    """
    with store.write() as connection:
        for identity in identities:
            chosen = store.row("SELECT key, tree, iteration FROM artifacts WHERE id = ?", (identity,))
            if chosen is None:
                raise NotFoundError(f"artifact number {identity} not found")
            connection.execute(
                "DELETE FROM artifact_tags WHERE project = ? AND key = ? AND tag = ? AND artifact IN "
                "(SELECT id FROM artifacts WHERE project = ? AND key = ? AND (tree != ? OR iteration = ?))",
                (project, chosen["key"], tag, project, chosen["key"], chosen["tree"], chosen["iteration"]),
            )
            connection.execute(
                "INSERT OR IGNORE INTO artifact_tags (project, key, tag, artifact) VALUES (?, ?, ?, ?)",
                (project, chosen["key"], tag, identity),
            )


def untag_artifacts(store: Store, identities: Iterable[int], tag: str = "") -> None:
    """Take one tag, or all tags, from artifacts."""
    with store.write() as connection:
        for identity in identities:
            connection.execute(
                "DELETE FROM artifact_tags WHERE artifact = ? AND (? = '' OR tag = ?)", (identity, tag, tag)
            )
