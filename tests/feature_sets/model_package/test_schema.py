"""The model package's schema: one way from features to model input, and no unchecked file."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from feature_sets.checks import InputError
from feature_sets.model_package.calibration import Calibration
from feature_sets.model_package.errors import ModelPackageError
from feature_sets.model_package.files import MODEL_FILE, file_sha256, read_model_schema
from feature_sets.model_package.model_input import Histogram, ModelInput
from feature_sets.model_package.schema import SCHEMA_FILE, ModelSchema
from feature_sets.telemetry.schema import TelemetrySchema


def model_schema(**changes: Any) -> ModelSchema:
    fields: dict[str, Any] = {
        "telemetry": TelemetrySchema.load(""),
        "inputs": (
            ModelInput("latency_avg_1m", "ms", 9.5, (0.0, 5.0, 10.0), (3, 4)),
            ModelInput("cpu_utilization", "%", 50.0),
        ),
        "threshold": 0.4,
        "version": "v1",
        "metrics": {"f1": 0.9},
        "training_start": "2024-01-01T00:00:00+00:00",
        "training_end": "2024-01-02T00:00:00+00:00",
        "calibration": Calibration("platt", 0.8, -1.5),
        "threshold_rule": "max_f1",
        "predictions": Histogram((0.0, 0.5, 1.0), (6, 1)),
        "algorithm": "lightgbm",
        "parameters": {"num_leaves": 7, "seed": 1},
        "validation": {"f1": 0.8},
        "code_version": "0.1.0+0123456789ab",
    }
    return ModelSchema(**{**fields, **changes})


def test_columns_come_in_model_order_and_missing_readings_are_imputed() -> None:
    frame = pd.DataFrame(
        {"cpu_utilization": [1.0, np.nan], "other": ["x", "y"], "latency_avg_1m": [np.nan, 2.0]}
    )
    assert model_schema().matrix(frame).tolist() == [[9.5, 1.0], [2.0, 50.0]]
    assert model_schema().matrix(frame).dtype == np.float32


@pytest.mark.filterwarnings("error")
def test_what_float32_cannot_hold_is_missing() -> None:
    values = np.array([[np.inf, 1e300], [-np.inf, np.nan], [1.25, 3e38]])
    assert model_schema().impute(values).tolist() == [
        [9.5, 50.0],
        [9.5, 50.0],
        [1.25, np.float32(3e38)],
    ]


def test_a_frame_without_an_input_column_is_refused() -> None:
    with pytest.raises(KeyError, match="feature 'cpu_utilization' is not among the columns"):
        model_schema().matrix(pd.DataFrame({"latency_avg_1m": [1.0]}))


def test_imputation_must_be_a_number() -> None:
    with pytest.raises(InputError, match="input 'x': imputation: must be a number, got nan"):
        ModelInput("x", "", math.nan)


def written(folder: Path, schema: ModelSchema) -> Path:
    path = folder / SCHEMA_FILE
    path.write_text(json.dumps(schema.to_dict()), encoding="utf-8")
    return path


def test_a_package_is_read_back_when_every_digest_fits(tmp_path: Path) -> None:
    model = tmp_path / MODEL_FILE
    model.write_bytes(b"model")
    schema = model_schema(sha256={MODEL_FILE: file_sha256(model)})
    assert read_model_schema(written(tmp_path, schema), [model]) == schema


def test_a_changed_or_unlisted_file_is_not_served(tmp_path: Path) -> None:
    model = tmp_path / MODEL_FILE
    model.write_bytes(b"model")
    path = written(tmp_path, model_schema(sha256={MODEL_FILE: file_sha256(model)}))
    model.write_bytes(b"other")
    with pytest.raises(ModelPackageError, match=r"model\.onnx: SHA-256: must be .* to be served, got"):
        read_model_schema(path, [model])
    with pytest.raises(ModelPackageError, match="SHA-256: must be None"):
        read_model_schema(written(tmp_path, model_schema()), [model])


def test_an_unreadable_or_foreign_schema_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelPackageError, match="must be a readable JSON file"):
        read_model_schema(tmp_path / SCHEMA_FILE, [])
    with pytest.raises(ModelPackageError, match=r"format: must be 2 \(train the model anew.*\), got 1"):
        ModelSchema.from_dict({**model_schema().to_dict(), "format": 1})
    with pytest.raises(ModelPackageError, match=r"format: must be 2, got 3$"):
        ModelSchema.from_dict({**model_schema().to_dict(), "format": 3})
    with pytest.raises(ModelPackageError, match="must hold an object, got 'list'"):
        ModelSchema.from_dict([])
    content = model_schema().to_dict()
    del content["threshold"]
    with pytest.raises(ModelPackageError, match="field 'threshold': is required"):
        ModelSchema.from_dict(content)


def test_everything_is_read_back() -> None:
    assert ModelSchema.from_dict(json.loads(json.dumps(model_schema().to_dict()))) == model_schema()


@pytest.mark.parametrize("field", sorted(set(model_schema().to_dict()) - {"format"}))
def test_every_field_is_required(field: str) -> None:
    content = model_schema().to_dict()
    del content[field]
    with pytest.raises(ModelPackageError, match=f"field '{field}': is required"):
        ModelSchema.from_dict(content)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"threshold": math.nan}, "threshold: must be a number of at least 0, got nan"),
        ({"threshold": "high"}, "threshold: must be a number of at least 0, got 'high'"),
        ({"calibration": {"method": "isotonic", "a": 1, "b": 0}}, "method: must be among platt, limit, none"),
        ({"calibration": {"method": "platt", "a": -1, "b": 0}}, "a: must be a number of at least 0, got -1"),
        ({"calibration": {"method": "platt", "a": 1, "b": math.inf}}, "b: must be a number, got inf"),
        (
            {"calibration": {"method": "none", "a": 2, "b": 0}},
            "a and b: must be 1 and 0 without a method, got \\(2",
        ),
        ({"calibration": {"method": "platt", "a": 1}}, "field 'b': is required"),
        (
            {"predictions": {"edges": [0, 1], "counts": [1, 2]}},
            "histogram: must have one edge more than its 2 bins, got 2",
        ),
        ({"predictions": {"edges": [1, 0], "counts": [1]}}, "edges must be numbers in ascending order"),
        ({"predictions": {"edges": [0, 1], "counts": [-1]}}, "counts must be whole numbers of at least 0"),
        ({"predictions": {"edges": [0, 1], "counts": [0.5]}}, "counts must be whole numbers of at least 0"),
        ({"validation": {"f1": math.nan}}, "score 'f1': must be a number, got nan"),
        ({"metrics": {"f1": "good"}}, "score 'f1': must be a number, got 'good'"),
        ({"training_end": "yesterday"}, "training_end: must be an ISO 8601 time with its zone"),
        ({"training_end": "2024-01-02T00:00:00"}, "training_end: must be an ISO 8601 time with its zone"),
        ({"version": 3}, "version: must be text, got 3"),
        ({"parameters": 3}, "parameters: must be a mapping, got 3"),
        ({"telemetry": {}}, "model.json: "),
        ({"inputs": ["cpu"]}, "model.json: "),
    ],
)
def test_a_field_that_breaks_a_rule_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelPackageError, match=words):
        ModelSchema.from_dict({**model_schema().to_dict(), **changes})


def test_two_inputs_of_one_name_are_refused() -> None:
    with pytest.raises(InputError, match=r"inputs: must have different names, got \['x'\]"):
        model_schema(inputs=(ModelInput("x", "", 0.0), ModelInput("x", "", 1.0)))
