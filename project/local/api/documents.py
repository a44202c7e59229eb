"""Operations on plain JSON documents.

MLRun's resources are nested dictionaries (``metadata``, ``spec``, ``status``). Every resource needs these few
operations: nested access, hashes, labels, filters, times.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from project.local.api.errors import InvalidError

Document = dict[str, Any]


def get_in(document: Mapping[str, Any], path: str, default: Any = None) -> Any:
    """Value at a dotted path.

    :param path: keys joined by dots, for example ``status.state``.
    :param default: answer when a key on the way is absent.
    """
    value: Any = document
    for key in path.split("."):
        if not isinstance(value, Mapping) or key not in value:
            return default
        value = value[key]
    return value


def split_path(path: str) -> list[str]:
    r"""Keys of a dotted update path.

    MLRun's client escapes a key that contains dots with backslashes: ``status.results.\a.b\`` names the
    key ``a.b`` in ``status.results``.
    """
    keys, current, quoted = [], "", False
    for character in path:
        if character == "\\":
            quoted = not quoted
        elif character == "." and not quoted:
            keys.append(current)
            current = ""
        else:
            current += character
    return [*keys, current]


def update_in(document: Document, path: str, value: Any) -> None:
    """Set the value at a dotted path, making the dictionaries on the way.

    :raises InvalidError: if something other than a dictionary is in the way.
    """
    *parents, last = split_path(path)
    target = document
    for key in parents:
        child = target.get(key)
        if child is None:
            child = target[key] = {}
        if not isinstance(child, dict):
            raise InvalidError(f"update '{path}': '{key}' must be an object, got {type(child).__name__}")
        target = child
    target[last] = value


def merge(document: Document, patch: Mapping[str, Any], additive: bool = False) -> None:
    """Merge a patch into a document in place, dictionary by dictionary.

    :param additive: lists are appended to; otherwise a list in the patch replaces the one there.
    """
    for key, value in patch.items():
        present = document.get(key)
        if isinstance(value, Mapping) and isinstance(present, dict):
            merge(present, value, additive)
        elif additive and isinstance(value, list) and isinstance(present, list):
            present.extend(value)
        else:
            document[key] = value


def now() -> datetime:
    """Wall clock in UTC."""
    return datetime.now(UTC)


def parse_time(value: str | None) -> datetime | None:
    """Time of an ISO 8601 text; a text without zone is UTC.

    :raises InvalidError: if the text is no time.
    """
    if not value:
        return None
    try:
        time = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise InvalidError(f"time must be ISO 8601, got {value!r}") from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def epoch(value: str | datetime | None) -> float | None:
    """Seconds since 1970 of a time or ISO 8601 text; None for none."""
    time = parse_time(value) if isinstance(value, str) else value
    return time.timestamp() if time else None


def object_hash(document: Document, field: str) -> str:
    """Fingerprint of a resource's content, also written to ``metadata.<field>``.

    Tag, status, times and the fingerprint itself do not count: storing the same thing again gives the same
    fingerprint. It is MLRun's own rule; the values equal those of MLRun's server.
    """
    metadata = document.setdefault("metadata", {})
    counted = {**document, "status": None}
    counted["metadata"] = {
        key: value for key, value in metadata.items() if key not in {"created", "tag", "updated", field}
    } | {"tag": "", field: "", "updated": None}
    text = json.dumps(counted, sort_keys=True, default=str)
    uid = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    metadata[field] = uid
    return uid


def matches_labels(labels: Mapping[str, Any] | None, wanted: Iterable[str]) -> bool:
    """Whether every wanted label is present.

    :param wanted: ``name`` for presence or ``name=value`` for equality, as in MLRun's queries.
    """
    labels = labels or {}
    for label in wanted:
        name, separator, value = label.partition("=")
        if name.strip() not in labels:
            return False
        if separator and str(labels[name.strip()]) != value.strip():
            return False
    return True


def name_rule(name: str | None) -> Callable[[str], bool]:
    """Filter for a name query: equal, or containing (any case) when it starts with ``~``."""
    if not name:
        return lambda _: True
    if name.startswith("~"):
        part = name[1:].lower()
        return lambda candidate: part in candidate.lower()
    return lambda candidate: candidate == name


def keep(document: Mapping[str, Any], paths: Sequence[str]) -> Document:
    """Copy of a document with only the values at the given dotted paths."""
    kept: Document = {}
    for path in paths:
        value = get_in(document, path, _ABSENT)
        if value is not _ABSENT:
            update_in(kept, path, value)
    return kept


_ABSENT = object()
