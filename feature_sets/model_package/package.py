"""Fetching a model package: from an MLRun model artifact, a folder or a URL, digests checked."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import mlrun

from feature_sets.model_package.errors import ModelPackageError
from feature_sets.model_package.files import MODEL_FILE, check_file, file_sha256, read_model_schema
from feature_sets.model_package.golden import GOLDEN_FILE, GoldenRows
from feature_sets.model_package.onnx_session import OnnxSession
from feature_sets.model_package.schema import SCHEMA_FILE, ModelSchema
from feature_sets.model_package.signature import SIGNATURE_FILE, check_signature, public_keys


@dataclass(frozen=True)
class ModelPackage:
    """A checked model package in memory.

    :param schema: inputs, threshold and version.
    :param graph: content of ``model.onnx``.
    :param algorithm: what the model artifact says it is; empty for a package in a folder.
    :param parameters: what the model artifact holds beside the files; empty for a package in a folder.
    :param digest: SHA-256 of ``model.json``, which has those of the other files.
    :param golden: rows with their answers; None in a package of an earlier version.
    :param address: of exactly this package, whatever becomes of a tag.
    """

    schema: ModelSchema
    graph: bytes
    algorithm: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""
    golden: GoldenRows | None = None
    address: str = ""

    def session(self, threads: int = 0, name: str = MODEL_FILE) -> OnnxSession:
        """See ``OnnxSession``."""
        return OnnxSession(self.graph, threads, name)


def read_model_package(directory: Path) -> ModelPackage:
    """Read a package from a folder and check its digests.

    :raises ModelPackageError: if a file is absent, unreadable, or differs from its digest.
    """
    schema = read_model_schema(directory / SCHEMA_FILE, [_present(directory, MODEL_FILE)])
    golden = None
    if GOLDEN_FILE in schema.sha256:
        path = _present(directory, GOLDEN_FILE)
        check_file(schema, path)
        golden = GoldenRows.from_bytes(path.read_bytes(), len(schema.inputs))
    return ModelPackage(
        schema,
        (directory / MODEL_FILE).read_bytes(),
        digest=file_sha256(directory / SCHEMA_FILE),
        golden=golden,
        address=str(directory),
    )


def _present(directory: Path, name: str) -> Path:
    if not (directory / name).is_file():
        raise ModelPackageError(name, f"must be in {directory.name}", "no such file")
    return directory / name


def fetch_model_package(model_path: str, verify_key: str | None = None) -> ModelPackage:
    """Fetch the files of a package and check their digests.

    :param model_path: ``store://models/...`` address of a model artifact, or a folder or URL with the files.
    :param verify_key: public keys in PEM, one of which must have signed the files; None trusts any.
    :raises ModelPackageError: if it is no model, or a file is absent, unreadable or differs from its digest
        or its signature.
    """
    if not model_path:
        raise ModelPackageError("model_path", "must be the address of a model package", model_path)
    source, algorithm, parameters, address = model_path, "", {}, model_path
    if mlrun.datastore.is_store_uri(model_path):
        artifact = mlrun.datastore.get_store_resource(model_path)
        if getattr(artifact, "kind", None) != "model":
            raise ModelPackageError(model_path, "must be a model artifact", type(artifact).__name__)
        source = str(artifact.get_target_path())
        algorithm, parameters = artifact.spec.algorithm, dict(artifact.spec.parameters)
        address = str(artifact.get_store_url(with_tag=False))
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)

        def download(name: str) -> None:
            try:
                mlrun.get_dataitem(f"{source.rstrip('/')}/{name}").download(str(directory / name))
            except OSError as error:
                raise ModelPackageError(model_path, f"must hold {name}", str(error)) from error

        for name in (MODEL_FILE, SCHEMA_FILE):
            download(name)
        names = [MODEL_FILE, SCHEMA_FILE]
        if GOLDEN_FILE in read_model_schema(directory / SCHEMA_FILE, []).sha256:
            download(GOLDEN_FILE)
            names.append(GOLDEN_FILE)
        if verify_key is not None:
            download(SIGNATURE_FILE)
            check_signature(directory, names, public_keys(verify_key))
        package = read_model_package(directory)
    return replace(package, algorithm=algorithm or "", parameters=parameters, address=address)
