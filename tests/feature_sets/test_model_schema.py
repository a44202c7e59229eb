"""The model package's schema: one way from features to model input, and no unchecked file."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from feature_sets.model_schema import (
    MODEL_FILE,
    SCHEMA_FILE,
    ModelInput,
    ModelPackageError,
    ModelSchema,
    file_sha256,
    read_model_schema,
)
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
    with pytest.raises(ModelPackageError, match="input 'x': imputation must be a number, got nan"):
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
    with pytest.raises(ModelPackageError, match=r"model\.onnx: SHA-256 must be .* the file is not served"):
        read_model_schema(path, [model])
    with pytest.raises(ModelPackageError, match="SHA-256 must be None"):
        read_model_schema(written(tmp_path, model_schema()), [model])


def test_an_unreadable_or_foreign_schema_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelPackageError, match="must be a readable JSON file"):
        read_model_schema(tmp_path / SCHEMA_FILE, [])
    with pytest.raises(ModelPackageError, match="format must be 1, got 2"):
        ModelSchema.from_dict({**model_schema().to_dict(), "format": 2})
    content = model_schema().to_dict()
    del content["threshold"]
    with pytest.raises(ModelPackageError, match="field 'threshold' is required"):
        ModelSchema.from_dict(content)
