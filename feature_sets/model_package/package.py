"""Fetching a model package: from an MLRun model artifact, a folder or a URL, digests checked."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mlrun

from feature_sets.model_package.errors import ModelPackageError
from feature_sets.model_package.files import MODEL_FILE, read_model_schema
from feature_sets.model_package.onnx_session import OnnxSession
from feature_sets.model_package.schema import SCHEMA_FILE, ModelSchema


@dataclass(frozen=True)
class ModelPackage:
    """A checked model package in memory.

    :param schema: inputs, threshold and version.
    :param graph: content of ``model.onnx``.
    :param algorithm: what the model artifact says it is; empty for a package in a folder.
    :param parameters: what the model artifact holds beside the files; empty for a package in a folder.
    """

    schema: ModelSchema
    graph: bytes
    algorithm: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def session(self, threads: int = 0, name: str = MODEL_FILE) -> OnnxSession:
        """See ``OnnxSession``."""
        return OnnxSession(self.graph, threads, name)


def read_model_package(directory: Path) -> ModelPackage:
    """Read a package from a folder and check its digest.

    :raises ModelPackageError: if a file is absent, unreadable, or differs from its digest.
    """
    model = directory / MODEL_FILE
    if not model.is_file():
        raise ModelPackageError(MODEL_FILE, f"must be in {directory.name}", "no such file")
    return ModelPackage(read_model_schema(directory / SCHEMA_FILE, [model]), model.read_bytes())


def fetch_model_package(model_path: str) -> ModelPackage:
    """Fetch ``model.onnx`` and ``model.json`` and check the digest.

    :param model_path: ``store://models/...`` address of a model artifact, or a folder or URL with both files.
    :raises ModelPackageError: if it is no model, or a file is absent, unreadable or differs from its digest.
    """
    if not model_path:
        raise ModelPackageError("model_path", "must be the address of a model package", model_path)
    source, algorithm, parameters = model_path, "", {}
    if mlrun.datastore.is_store_uri(model_path):
        artifact = mlrun.datastore.get_store_resource(model_path)
        if getattr(artifact, "kind", None) != "model":
            raise ModelPackageError(model_path, "must be a model artifact", type(artifact).__name__)
        source = str(artifact.get_target_path())
        algorithm, parameters = artifact.spec.algorithm, dict(artifact.spec.parameters)
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        for name in (MODEL_FILE, SCHEMA_FILE):
            try:
                mlrun.get_dataitem(f"{source.rstrip('/')}/{name}").download(str(directory / name))
            except OSError as error:
                raise ModelPackageError(model_path, f"must hold {name}", str(error)) from error
        package = read_model_package(directory)
    return ModelPackage(package.schema, package.graph, algorithm or "", parameters)
