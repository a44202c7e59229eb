"""What identifies an artifact: a hash by MLRun's own rule, equal to that of MLRun's server.

Labels, times, tags and the fields that only describe do not count.
"""

from __future__ import annotations

from project.local.api.documents import Document, object_hash
from project.local.api.errors import InvalidError

_DESCRIPTION = {"db_key", "extra_data"}
_NOT_IDENTITY = {
    "table": _DESCRIPTION | {"schema", "header"},
    "dataset": _DESCRIPTION
    | {"schema", "header", "length", "column_metadata", "features"}
    | {"partition_keys", "timestamp_key", "label_column"},
    "model": _DESCRIPTION
    | {"metrics", "parameters", "inputs", "outputs"}
    | {"feature_vector", "feature_weights", "feature_stats"},
}


def artifact_uid(artifact: Document, iteration: int | None, tree: str | None) -> str:
    """Fingerprint of an artifact; also fills ``metadata.iter``, ``metadata.tree`` and ``metadata.uid``.

    :raises InvalidError: if the artifact has no key.
    """
    metadata, spec = artifact.setdefault("metadata", {}), artifact.setdefault("spec", {})
    if not metadata.get("key"):
        raise InvalidError("artifact 'metadata.key' must not be empty")
    metadata["iter"] = iteration or metadata.get("iter")
    metadata["tree"] = metadata.get("tree") or tree
    excluded = _NOT_IDENTITY.get(artifact.get("kind") or "artifact", _DESCRIPTION)
    counted = {
        **artifact,
        "metadata": {key: value for key, value in metadata.items() if key not in {"labels", "updated"}},
        "spec": {key: value for key, value in spec.items() if key not in excluded},
    }
    metadata["uid"] = object_hash(counted, "uid")
    return str(metadata["uid"])
