"""The files of a model package: reading them with their digests checked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from feature_sets.model_package.errors import ModelPackageError
from feature_sets.model_package.schema import ModelSchema

MODEL_FILE = "model.onnx"


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def read_model_schema(schema_path: str | Path, files: Sequence[str | Path]) -> ModelSchema:
    """Read ``model.json`` and check the digest of every file that goes with it.

    :param schema_path: the ``model.json``.
    :param files: the other files of the package; their names are looked up in ``sha256``.
    :raises ModelPackageError: if the schema is unreadable, or a file is unlisted or differs from its digest.
    """
    try:
        schema = ModelSchema.from_dict(json.loads(Path(schema_path).read_text(encoding="utf-8")))
    except (OSError, json.JSONDecodeError) as error:
        raise ModelPackageError(str(schema_path), "must be a readable JSON file", str(error)) from error
    for path in files:
        check_file(schema, path)
    return schema


def check_file(schema: ModelSchema, path: str | Path) -> None:
    """Raise ModelPackageError unless a file of the package is listed and has its digest."""
    name = Path(path).name
    expected = schema.sha256.get(name)
    actual = file_sha256(path)
    if expected != actual:
        raise ModelPackageError(f"{name}: SHA-256", f"must be {expected} to be served", actual)
