"""A model package as an MLRun model artifact: logging it, and getting it back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mlrun
from mlrun.features import Feature

from feature_sets.model_schema import MODEL_FILE, SCHEMA_FILE, ModelPackageError, ModelSchema
from training.run_artifacts import artifact_path

MODEL_KEY = "model"


@dataclass(frozen=True)
class ModelOrigin:
    """How a logged model came to be.

    :param algorithm: kind of model.
    :param parameters: hyper-parameters and seed.
    """

    algorithm: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)


def log_model_package(
    context: mlrun.MLClientCtx,
    directory: Path,
    schema: ModelSchema,
    *,
    algorithm: str,
    parameters: Mapping[str, Any],
    feature_vector: str,
    tag: str = "",
) -> str:
    """Log a package as the model artifact ``model`` of a run.

    :param context: of the run; the artifact's key in the database is ``{run name}_model``.
    :param directory: holds ``model.onnx`` and ``model.json``.
    :param schema: content of ``model.json``.
    :param algorithm: kind of model.
    :param parameters: hyper-parameters and seed.
    :param feature_vector: address of the vector it was trained on.
    :param tag: tag of this version, for instance ``production``.
    :returns: address of exactly this version; it stays the same when a later run moves the tag.
    """
    artifact = context.log_model(
        MODEL_KEY,
        model_dir=str(directory),
        model_file=MODEL_FILE,
        extra_data={SCHEMA_FILE: SCHEMA_FILE},
        artifact_path=artifact_path(context),
        framework="onnx",
        algorithm=algorithm,
        tag=tag,
        metrics={key: float(value) for key, value in schema.metrics.items()},
        parameters={**parameters, "version": schema.version, "threshold": schema.threshold},
        inputs=[Feature(name=name, value_type="float") for name in schema.input_names],
        outputs=[Feature(name=schema.telemetry.target, value_type="int")],
        labels={"version": schema.version},
        feature_vector=feature_vector,
    )
    return str(artifact.uri)


def fetch_model_package(model_path: str, directory: Path) -> ModelOrigin:
    """Copy the files of a logged package into a directory; the caller checks their digests.

    :param model_path: ``store://models/...`` address, or a folder or URL that holds both files.
    :param directory: existing directory.
    :returns: what the artifact says about the model; empty for a folder.
    :raises ModelPackageError: if the address is not that of a model.
    """
    origin, source = ModelOrigin(), model_path
    if mlrun.datastore.is_store_uri(model_path):
        artifact = mlrun.datastore.get_store_resource(model_path)
        if getattr(artifact, "kind", None) != "model":
            raise ModelPackageError(f"{model_path}: must be a model artifact, got {type(artifact).__name__}")
        origin = ModelOrigin(artifact.spec.algorithm, dict(artifact.spec.parameters))
        source = str(artifact.get_target_path())
    for name in (MODEL_FILE, SCHEMA_FILE):
        mlrun.get_dataitem(f"{source.rstrip('/')}/{name}").download(str(directory / name))
    return origin
