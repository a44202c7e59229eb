"""Artifacts as MLRun 1.12's server keeps them: identity, tags, iterations, best iteration.

Facts the client relies on:

- An artifact is one (project, key, uid); the uid is a hash of what identifies it (``artifact_uids.py``).
  Storing the same again updates it.
- ``tree`` is the id of the producer (the run's uid), ``iteration`` the number of the hyper-parameter run.
- A tag names one artifact for each (key, iteration) of one tree (``artifact_tags.py``). Every newly stored
  artifact becomes ``latest``.
- Iteration 0 counts as the best. In a hyper-parameter run, a "link" artifact says which iteration is the
  best; the link itself is not kept, and a reader of iteration 0 gets the best iteration.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from project.local.api.documents import Document, get_in, now, parse_time
from project.local.api.errors import InvalidError, NotFoundError
from project.local.api.records.artifact_tags import check_tag, tag_artifacts
from project.local.api.records.artifact_uids import artifact_uid
from project.local.api.records.store import Store, decode, encode

_KEY = re.compile(r"[^/\\]+")
_URI = re.compile(
    r"store://(?P<kind>[^/]+)/(?P<project>[^/]+)/(?P<key>[^#:@^]+)(#(?P<iteration>\d+))?"
    r"(:(?P<tag>[^@^]+))?(@(?P<tree>[^\^]+))?(\^(?P<uid>.+))?"
)


def store_artifact(
    store: Store,
    project: str,
    key: str,
    artifact: Document,
    *,
    iteration: int = 0,
    tag: str = "",
    tree: str = "",
    uid: str = "",
) -> str:
    """Store an artifact, new or known, and tag it.

    :param tag: tag to give it besides ``latest``.
    :param uid: where given, the artifact must hash to it.
    :returns: the uid; for a link artifact, that of the artifact it points to.
    """
    if artifact.get("kind") == "link":
        return _mark_best(store, project, key, artifact)
    tag = tag or "latest"
    check_tag(tag)
    computed = _identified(artifact, project, key, iteration, tree, uid)
    metadata = artifact["metadata"]
    producer = str(metadata.get("tree") or tree)
    time = now()
    with store.write() as connection:
        known = store.row(
            "SELECT id, created, best_iteration FROM artifacts WHERE project = ? AND key = ? AND uid = ?",
            (project, key, computed),
        )
        created = parse_time(metadata.get("created")) or time
        if known:
            created = created.fromtimestamp(known["created"], created.tzinfo)
        metadata.update(created=created.isoformat(), updated=time.isoformat())
        best = int(iteration == 0 or bool(known and known["best_iteration"]))
        values = (tree or producer, iteration, best, artifact["kind"], time.timestamp(), encode(artifact))
        if known:
            identity = known["id"]
            connection.execute(
                "UPDATE artifacts SET tree = ?, iteration = ?, best_iteration = ?, kind = ?, updated = ?, "
                "body = ? WHERE id = ?",
                (*values, identity),
            )
        else:
            identity = connection.execute(
                "INSERT INTO artifacts (project, key, uid, created, tree, iteration, best_iteration, kind, "
                "updated, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (project, key, computed, created.timestamp(), *values),
            ).lastrowid
        tag_artifacts(store, project, tag, [identity])
        if not known and tag != "latest":
            tag_artifacts(store, project, "latest", [identity])
    return computed


def _identified(artifact: Document, project: str, key: str, iteration: int, tree: str, uid: str) -> str:
    """Check an artifact and fill in what is not given; gives its uid.

    :param uid: where given, the artifact must hash to it.
    """
    if not _KEY.fullmatch(key):
        raise InvalidError(f"artifact key must not be empty or contain '/' or '\\', got {key!r}")
    for part in ("metadata", "spec"):
        artifact[part] = {
            name: value for name, value in (artifact.get(part) or {}).items() if value is not None
        }
    metadata, spec = artifact["metadata"], artifact["spec"]
    metadata.setdefault("key", key)
    if metadata.setdefault("project", project) != project:
        raise InvalidError(
            f"artifact project must be '{project}' as in the path, got {metadata['project']!r}"
        )
    computed = artifact_uid(artifact, iteration, tree)
    if uid and uid != computed:
        raise InvalidError("Changing uid for an object referenced by its uid")
    spec["db_key"] = spec.get("db_key") or key
    artifact["kind"] = artifact.get("kind") or "artifact"
    metadata.pop("tag", None)
    return computed


def _mark_best(store: Store, project: str, key: str, link: Document) -> str:
    """Make the iteration that a link artifact names the best one of its tree."""
    iteration = get_in(link, "spec.link_iteration")
    tree = get_in(link, "spec.link_tree") or get_in(link, "metadata.tree") or ""
    key = get_in(link, "spec.link_key") or key
    of_tree, values = ("", [project, key]) if not tree else (" AND tree = ?", [project, key, tree])
    with store.write() as connection:
        best = store.row(
            f"SELECT id, uid FROM artifacts WHERE project = ? AND key = ?{of_tree} AND iteration = ? "  # noqa: S608
            "ORDER BY updated DESC",
            (*values, iteration),
        )
        if best is None:
            raise NotFoundError(f"Best iteration artifact not found - {project}/{key}:{iteration}")
        connection.execute(
            f"UPDATE artifacts SET best_iteration = (id = ?) WHERE project = ? AND key = ?{of_tree}",  # noqa: S608
            (best["id"], *values),
        )
    return str(best["uid"])


@dataclass(frozen=True)
class ArtifactName:
    """What a reader knows of the artifact it wants.

    :param tag: ``latest`` together with a uid does not narrow the search.
    :param iteration: None for any; 0 also finds the best iteration.
    """

    project: str
    key: str
    tag: str = ""
    iteration: int | None = None
    tree: str = ""
    uid: str = ""

    def __str__(self) -> str:
        text = f"{self.project}/{self.key}"
        text += f"#{self.iteration}" if self.iteration else ""
        text += f":{self.tag}" if self.tag else ""
        text += f"@{self.tree}" if self.tree else ""
        return text + (f"^{self.uid}" if self.uid else "")


def find_artifact(store: Store, name: ArtifactName) -> sqlite3.Row | None:
    """The artifact of that name, or None; where several fit, the best iteration, then the newest."""
    conditions, values = "a.project = ? AND a.key = ?", list[Any]([name.project, name.key])
    for column, value in (("uid", name.uid), ("tree", name.tree)):
        if value:
            conditions += f" AND a.{column} = ?"
            values.append(value)
    if name.tag and not (name.tag == "latest" and name.uid):
        conditions += " AND EXISTS (SELECT 1 FROM artifact_tags t WHERE t.artifact = a.id AND t.tag = ?)"
        values.append(name.tag)
    sql = f"SELECT a.* FROM artifacts a WHERE {conditions}"  # noqa: S608 - fixed texts
    order = " ORDER BY a.best_iteration DESC, a.updated DESC, a.id DESC LIMIT 1"
    if name.iteration is None:
        return store.row(sql + order, values)
    found = store.row(sql + " AND a.iteration = ?" + order, (*values, name.iteration))
    if found is None and name.iteration == 0:
        found = store.row(sql + " AND a.best_iteration" + order, values)
    return found


def read_artifact(store: Store, name: ArtifactName) -> Document:
    """The artifact's document, with the tag it was asked by.

    :raises NotFoundError: if there is none.
    """
    row = find_artifact(store, name)
    if row is None:
        raise NotFoundError(f"Artifact {name} not found")
    artifact = decode(row["body"])
    tagged = store.row("SELECT 1 FROM artifact_tags WHERE artifact = ? AND tag = ?", (row["id"], name.tag))
    if tagged:
        artifact["metadata"]["tag"] = name.tag
    return artifact


def delete_artifacts(store: Store, identities: Iterable[int]) -> None:
    """Delete artifacts and their tags; the data they point to stays."""
    with store.write() as connection:
        for identity in identities:
            connection.execute("DELETE FROM artifacts WHERE id = ?", (identity,))


def artifacts_of_run(store: Store, project: str, run: Document) -> list[Document]:
    """Documents of the artifacts that a run's ``status.artifact_uris`` name and that still exist."""
    artifacts = []
    for uri in (get_in(run, "status.artifact_uris") or {}).values():
        match = _URI.fullmatch(str(uri))
        if not match or match["project"] != project:
            continue
        name = ArtifactName(
            project,
            match["key"],
            tag=match["tag"] or "",
            iteration=int(match["iteration"] or 0),
            tree=match["tree"] or "",
            uid=match["uid"] or "",
        )
        row = find_artifact(store, name)
        if row is not None:
            artifacts.append(decode(row["body"]))
    return artifacts
