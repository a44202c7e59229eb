"""Gets a model package to serve: from an MLRun model artifact or from a directory, digests checked."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import mlrun

from feature_sets.model_schema import (
    MODEL_FILE,
    SCHEMA_FILE,
    ModelPackageError,
    ModelSchema,
    read_model_schema,
)


@dataclass(frozen=True)
class ModelPackage:
    """A checked model package in memory.

    :param schema: inputs, threshold and version.
    :param graph: the serialised ONNX graph.
    """

    schema: ModelSchema
    graph: bytes


def load_model_package(model_path: str) -> ModelPackage:
    """Fetch ``model.onnx`` and ``model.json`` and check the digest.

    :param model_path: ``store://models/...`` address of a model artifact, or a directory or URL with both.
    :raises ModelPackageError: if it is no model, or a file differs from its digest.
    """
    source = model_path
    if not source:
        raise ModelPackageError("model_path: must be the address of a model package, got none")
    if mlrun.datastore.is_store_uri(model_path):
        artifact = mlrun.datastore.get_store_resource(model_path)
        if getattr(artifact, "kind", None) != "model":
            raise ModelPackageError(f"{model_path}: must be a model artifact, got {type(artifact).__name__}")
        source = str(artifact.get_target_path())
    with tempfile.TemporaryDirectory() as directory:
        model, schema = Path(directory) / MODEL_FILE, Path(directory) / SCHEMA_FILE
        for path in (model, schema):
            try:
                mlrun.get_dataitem(f"{source.rstrip('/')}/{path.name}").download(str(path))
            except OSError as error:
                raise ModelPackageError(f"{model_path}: must hold {path.name}, got {error}") from error
        return ModelPackage(read_model_schema(schema, [model]), model.read_bytes())
