"""The content of ``model.json``: what a model takes in, how it decides, and its scores.

Column order, imputation and threshold come from here and from nowhere else, in training and in serving.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.checks import InputError, check_number
from feature_sets.model_package.calibration import Calibration
from feature_sets.model_package.errors import ModelPackageError
from feature_sets.model_package.families import OWN_LEVEL_DISTANCE
from feature_sets.model_package.imputation import replace_missing
from feature_sets.model_package.model_input import Histogram, ModelInput
from feature_sets.model_package.schema_content import schema_arguments
from feature_sets.telemetry.schema import TelemetrySchema

FORMAT = 2
SCHEMA_FILE = "model.json"


@dataclass(frozen=True)
class ModelSchema:
    """Ordered inputs of a model, its decision threshold and where it comes from.

    :param telemetry: schema of the telemetry that the model was trained on.
    :param inputs: input columns in the order the ONNX graph takes them; no name twice.
    :param threshold: predicted 1 when the calibrated probability of an error is at least this.
    :param version: text that differs between any two trained models.
    :param metrics: scores on the latest rows it was evaluated on: out-of-fold rows, then the test rows.
    :param training_start: event time of the first training row, ISO 8601 UTC.
    :param training_end: event time of the last training row, ISO 8601 UTC.
    :param sha256: file name -> digest of each other file of the package.
    :param calibration: the last step of the graph.
    :param threshold_rule: rule that chose the threshold, such as ``max_f1``.
    :param predictions: histogram of the calibrated probabilities of the out-of-fold rows.
    :param algorithm: family of the model.
    :param parameters: its hyper-parameters and seed.
    :param validation: scores on the out-of-fold rows.
    :param code_version: code that trained it.
    :param trained_devices: event time of the last training row of each device, ISO 8601 UTC, where time was
        not cut for all; empty if all devices were trained on up to ``training_end``.
    """

    telemetry: TelemetrySchema
    inputs: tuple[ModelInput, ...]
    threshold: float
    version: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    training_start: str = ""
    training_end: str = ""
    sha256: Mapping[str, str] = field(default_factory=dict)
    calibration: Calibration = field(default_factory=Calibration)
    threshold_rule: str = ""
    predictions: Histogram = field(default_factory=Histogram)
    algorithm: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    validation: Mapping[str, float] = field(default_factory=dict)
    code_version: str = ""
    trained_devices: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_number("threshold", self.threshold, at_least=0)
        names = self.input_names
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError("inputs", "must have different names", twice)
        for scores in (self.metrics, self.validation):
            for name, value in scores.items():
                check_number(f"score '{name}'", value)

    @property
    def input_names(self) -> tuple[str, ...]:
        """Input columns in model order."""
        return tuple(column.name for column in self.inputs)

    @property
    def unlabeled(self) -> bool:
        """Whether the model was made without labels."""
        return self.algorithm == OWN_LEVEL_DISTANCE

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
        return replace_missing(values, self._imputation)

    @cached_property
    def _imputation(self) -> npt.NDArray[np.float64]:
        return np.array([column.imputation for column in self.inputs])

    def to_dict(self) -> dict[str, Any]:
        """Plain content of ``model.json``."""
        return {
            "format": FORMAT,
            "version": self.version,
            "algorithm": self.algorithm,
            "parameters": dict(self.parameters),
            "threshold": self.threshold,
            "threshold_rule": self.threshold_rule,
            "calibration": {
                "method": self.calibration.method,
                "a": self.calibration.a,
                "b": self.calibration.b,
            },
            "inputs": [
                {
                    "name": column.name,
                    "unit": column.unit,
                    "imputation": column.imputation,
                    "edges": list(column.edges),
                    "counts": list(column.counts),
                    **({"category": column.category} if column.category else {}),
                }
                for column in self.inputs
            ],
            "predictions": {
                "edges": list(self.predictions.edges),
                "counts": list(self.predictions.counts),
            },
            "validation": dict(self.validation),
            "metrics": dict(self.metrics),
            "training_start": self.training_start,
            "training_end": self.training_end,
            "code_version": self.code_version,
            "sha256": dict(self.sha256),
            "telemetry": self.telemetry.to_dict(),
            **({"trained_devices": dict(self.trained_devices)} if self.trained_devices else {}),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> ModelSchema:
        """Inverse of ``to_dict``.

        :raises ModelPackageError: if the format is another one, or a field is missing or breaks a rule.
        """
        if not isinstance(content, Mapping):
            raise ModelPackageError(SCHEMA_FILE, "must hold an object", type(content).__name__)
        found = content.get("format")
        if found != FORMAT:
            older = isinstance(found, int) and found < FORMAT
            remedy = " (train the model anew with this version of the code)" if older else ""
            raise ModelPackageError(f"{SCHEMA_FILE}: format", f"must be {FORMAT}{remedy}", found)
        try:
            return cls(**schema_arguments(dict(content)))
        except KeyError as error:
            raise ModelPackageError(f"{SCHEMA_FILE}: field {error}", "is required", None) from error
        except InputError as error:
            raise ModelPackageError(f"{SCHEMA_FILE}: {error.where}", error.rule, error.got) from error
