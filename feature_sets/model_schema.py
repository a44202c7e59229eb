"""What a model takes in and how it was judged: the one thing training hands to serving.

A model package is a directory with ``model.onnx`` and ``model.json``. Training writes it, the serving
graph reads it, and the column order, imputation and threshold come from here and from nowhere else.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.telemetry.schema import TelemetrySchema

FORMAT = 1
MODEL_FILE = "model.onnx"
SCHEMA_FILE = "model.json"

LARGEST = float(np.finfo(np.float32).max)
"""Largest value that a model input can hold."""


class ModelPackageError(ValueError):
    """A model package that must not be served; the message says which file and why."""


@dataclass(frozen=True)
class ModelInput:
    """One input column of the model.

    :param name: feature name.
    :param unit: unit of the feature, for people.
    :param imputation: value that replaces a missing reading (NaN, None or absent), here and in training.
    :param edges: histogram bin edges over the training rows, ascending, length k + 1.
    :param counts: training rows in each bin, length k.
    """

    name: str
    unit: str
    imputation: float
    edges: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not math.isfinite(self.imputation):
            raise ModelPackageError(
                f"input '{self.name}': imputation must be a number, got {self.imputation!r}"
            )


@dataclass(frozen=True)
class ModelSchema:
    """Ordered inputs of a model, its decision threshold and where it comes from.

    :param telemetry: schema of the telemetry that the model was trained on.
    :param inputs: input columns in the order the ONNX graph takes them.
    :param threshold: predicted 1 when the probability of an error is at least this.
    :param version: text that differs between any two trained models.
    :param metrics: scores on the held-out later rows.
    :param training_start: event time of the first training row, ISO 8601 UTC.
    :param training_end: event time of the last training row, ISO 8601 UTC.
    :param sha256: file name -> digest of each other file of the package.
    """

    telemetry: TelemetrySchema
    inputs: tuple[ModelInput, ...]
    threshold: float
    version: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    training_start: str = ""
    training_end: str = ""
    sha256: Mapping[str, str] = field(default_factory=dict)

    @property
    def input_names(self) -> tuple[str, ...]:
        """Input columns in model order."""
        return tuple(column.name for column in self.inputs)

    def matrix(self, frame: pd.DataFrame) -> npt.NDArray[np.float32]:
        """Model input of many rows: columns in model order, missing values imputed.

        :param frame: features by name, shape (n, any); further columns are ignored.
        :returns: float32, shape (n, len(inputs)).
        :raises KeyError: naming an input column that the frame lacks.
        """
        for name in self.input_names:
            if name not in frame.columns:
                raise KeyError(f"feature '{name}' is not among the columns {sorted(map(str, frame.columns))}")
        if not self.inputs:
            return np.empty((len(frame), 0), np.float32)
        return self.impute(
            np.column_stack(
                [frame[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in self.input_names]
            )
        )

    def impute(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        """Model input of rows in model order; the one rule for training and serving.

        :param values: shape (n, len(inputs)); what float32 cannot hold (NaN, infinity, too large) is missing.
        :returns: float32, same shape, missing values replaced.
        """
        replacements = np.array([column.imputation for column in self.inputs])
        return np.where(np.abs(values) <= LARGEST, values, replacements).astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        """Plain content of ``model.json``."""
        return {
            "format": FORMAT,
            "version": self.version,
            "threshold": self.threshold,
            "inputs": [
                {
                    "name": column.name,
                    "unit": column.unit,
                    "imputation": column.imputation,
                    "edges": list(column.edges),
                    "counts": list(column.counts),
                }
                for column in self.inputs
            ],
            "metrics": dict(self.metrics),
            "training_start": self.training_start,
            "training_end": self.training_end,
            "sha256": dict(self.sha256),
            "telemetry": self.telemetry.to_dict(),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> ModelSchema:
        """Inverse of ``to_dict``.

        :raises ModelPackageError: if the format is another one or a field is missing.
        """
        if content.get("format") != FORMAT:
            raise ModelPackageError(f"{SCHEMA_FILE}: format must be {FORMAT}, got {content.get('format')!r}")
        try:
            return cls(
                telemetry=TelemetrySchema.from_dict(content["telemetry"]),
                inputs=tuple(
                    ModelInput(
                        name=column["name"],
                        unit=column["unit"],
                        imputation=float(column["imputation"]),
                        edges=tuple(column["edges"]),
                        counts=tuple(column["counts"]),
                    )
                    for column in content["inputs"]
                ),
                threshold=float(content["threshold"]),
                version=str(content["version"]),
                metrics=dict(content["metrics"]),
                training_start=content["training_start"],
                training_end=content["training_end"],
                sha256=dict(content["sha256"]),
            )
        except KeyError as error:
            raise ModelPackageError(f"{SCHEMA_FILE}: field {error} is required") from error


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
        raise ModelPackageError(f"{schema_path}: must be a readable JSON file ({error})") from error
    for path in files:
        name = Path(path).name
        expected = schema.sha256.get(name)
        actual = file_sha256(path)
        if expected != actual:
            raise ModelPackageError(
                f"{name}: SHA-256 must be {expected}, got {actual}; the file is not served"
            )
    return schema
