"""Model packages whose answers can be told without any of our code: sums of whole numbers."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any

import numpy as np

from feature_sets.model_package.errors import ModelPackageError
from feature_sets.model_package.model_input import ModelInput
from feature_sets.model_package.package import ModelPackage
from feature_sets.model_package.schema import ModelSchema
from feature_sets.telemetry.each_horizon import by_horizon, further
from feature_sets.telemetry.schema import TelemetrySchema

FOLDER = "models/"
ABSENT = 7.0
"""What a missing input counts as."""
ALL = ("cpu", "cpu_count_1m", "cpu_sum_1m", "cpu_max_5m", "cpu_count_5m", "model_x")
INPUTS = {"v1": ALL, "v2": ALL, "v3": ALL[1:4]}
THRESHOLDS = {"v1": 0.5, "v2": 0.4, "v3": 0.6}
_WEIGHTS = {"v1": (3, 5, 7, 11, 13, 1), "v2": (2, 9, 1, 17, 5, 8), "v3": (19, 3, 1)}


FURTHER = {"v1": ("1m", "2m"), "v2": ("1m", "2m"), "v3": ("2m",)}
"""Horizons that have a model beside that of a version."""
HORIZONS = {"1m": 60, "2m": 120}
"""Further horizons of a schema that has several, in seconds."""


@cache
def schema_of(form: str, is_ahead: bool = False) -> TelemetrySchema:
    """Schema of a form of labels: ``rows`` or ``incidents``.

    :param is_ahead: whether it has several horizons.
    """
    labels: dict[str, Any] = {"form": form}
    if form == "incidents":
        labels["healthy_after"] = "2m"
    return TelemetrySchema.from_dict(
        {
            "name": "simulated",
            "entity": ["device"],
            "time": "timestamp",
            "metrics": {"cpu": {}},
            "label": "is_error",
            "labels": labels,
            "static": ["model"],
            "maintenance": {},
            "horizon": ["0s", *HORIZONS] if is_ahead else "0s",
            "windows": {"lengths": ["1m", "5m"], "period": "10s", "operations": ["count", "sum", "max"]},
        }
    )


@cache
def _by_horizon(form: str, is_ahead: bool) -> dict[str, TelemetrySchema]:
    return by_horizon(schema_of(form, is_ahead))


def horizons_of(schema: TelemetrySchema) -> dict[str, TelemetrySchema]:
    """``by_horizon``; of one of these schemas it is made once."""
    form, is_ahead = schema.labels.form, bool(schema.further_horizons)
    return _by_horizon(form, is_ahead) if schema is schema_of(form, is_ahead) else by_horizon(schema)


def score(version: str, inputs: list[float]) -> float:
    """Probability of an error; the version of a further horizon is that beside it and the horizon."""
    total, weights = _terms(version)
    for weight, value in zip(weights, inputs, strict=True):
        total += weight * value
    return (total % 97) / 97


@cache
def _terms(version: str) -> tuple[float, tuple[int, ...]]:
    """What a version adds to each sum, and its weights."""
    base, _, horizon = version.partition("-")
    return float(HORIZONS.get(horizon, 0)), _WEIGHTS[base]


def digest(version: str) -> str:
    """SHA-256 of a version's package, or what stands for it."""
    return hashlib.sha256(version.encode()).hexdigest()


class _Session:
    """In the place of an ONNX session."""

    def __init__(self, version: str) -> None:
        self._version = version

    def probability(self, rows: Any) -> Any:
        return np.array([score(self._version, row) for row in rows.tolist()], dtype=np.float64)


class _Package(ModelPackage):
    """In the place of a package with an ONNX graph."""

    def session(self, threads: int = 0, name: str = "") -> Any:
        return _Session(self.schema.version)


def _package(version: str, schema: TelemetrySchema) -> _Package:
    base = version.partition("-")[0]
    inputs = tuple(ModelInput(name, "", imputation=ABSENT) for name in INPUTS[base])
    described = ModelSchema(schema, inputs, THRESHOLDS[base], version)
    return _Package(described, b"", digest=digest(version), address=FOLDER + version)


class Models:
    """What is at which address.

    :param schema: on which all were trained.
    """

    def __init__(self, schema: TelemetrySchema) -> None:
        self._packages = {version: _package(version, schema) for version in INPUTS}
        for version, horizons in FURTHER.items() if schema.further_horizons else ():
            for horizon in horizons:
                name = f"{version}-{horizon}"
                self._packages[name] = _package(name, further(schema)[horizon])

    def beside(self, address: str, horizon: str) -> ModelPackage | None:
        """The package of a further horizon beside one; None without one."""
        return self._packages.get(f"{address.removeprefix(FOLDER)}-{horizon}")

    def fetch(self, address: str) -> ModelPackage:
        """See ``feature_sets.model_package.package.fetch_model_package``."""
        version = address.removeprefix(FOLDER)
        if version not in self._packages:
            raise ModelPackageError(address, "must be there", None)
        return self._packages[version]
