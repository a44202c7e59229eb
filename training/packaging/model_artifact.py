"""Logging a model package as an MLRun model artifact, signed with the key of the user, if there is one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlrun
from mlrun.features import Feature

from feature_sets.model_package.files import MODEL_FILE
from feature_sets.model_package.golden import GOLDEN_FILE
from feature_sets.model_package.schema import SCHEMA_FILE, ModelSchema
from feature_sets.model_package.signature import PrivateKey, private_key, sign_package
from feature_sets.model_package.tags import MODEL_KEY
from feature_sets.secret_files import secret_of_file
from training.job.run_artifacts import artifact_path

SIGNING_KEY = "NETOPS_SIGNING_KEY"
"""Name of the secret, or with ``_FILE`` of the variable with the path, of a private key in PEM."""


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
    """Log a package as the model artifact ``model`` of a run; signed, if the run has a key.

    :param context: of the run; the artifact's key in the database is ``{run name}_model``.
    :param directory: holds the files of the package.
    :param schema: content of ``model.json``.
    :param algorithm: kind of model.
    :param parameters: hyper-parameters and seed.
    :param feature_vector: address of the vector it was trained on.
    :param tag: tag of this version, for instance ``production``.
    :returns: address of exactly this version; it stays the same when a later run moves the tag.
    """
    names = [name for name in (SCHEMA_FILE, GOLDEN_FILE) if (directory / name).is_file()]
    key = find_signing_key(context)
    if key is not None:
        names.append(sign_package(directory, [MODEL_FILE, *names], key).name)
    artifact = context.log_model(
        MODEL_KEY,
        model_dir=str(directory),
        model_file=MODEL_FILE,
        extra_data={name: name for name in names},
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


def find_signing_key(context: mlrun.MLClientCtx) -> PrivateKey | None:
    """The key, from a secret of the project or a file that only its owner can read; None without one.

    :raises InputError: if there is one that cannot be used.
    """
    text = context.get_secret(SIGNING_KEY) or secret_of_file(os.environ, SIGNING_KEY)
    return private_key(str(text)) if text else None
