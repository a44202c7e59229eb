"""The static value of each one-hot input is kept with the model."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import mlrun.feature_store as fstore
import pandas as pd
import pytest

from feature_sets.devices import devices
from feature_sets.model_package.model_input import ModelInput
from feature_sets.model_package.schema import ModelSchema
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from training.packaging.input_categories import with_categories

SCHEMA = TelemetrySchema.from_dict(
    {
        "name": "lab",
        "entity": ["box"],
        "time": "at",
        "metrics": {"load": {}},
        "label": "bad",
        "static": ["os"],
    }
)


def test_a_model_says_which_value_an_input_is_of(monkeypatch: pytest.MonkeyPatch) -> None:
    static = devices(SCHEMA, pd.DataFrame({DEVICE: ["a", "b"], "os": ["v1.10", "v1-1"]}))
    vector = SimpleNamespace(
        metadata=SimpleNamespace(project="p"),
        spec=SimpleNamespace(features=["device_metrics.load", "devices.os_v1_1"]),
    )
    asked: list[Any] = []
    monkeypatch.setattr(fstore, "get_feature_vector", lambda uri: vector)
    monkeypatch.setattr(fstore, "get_feature_set", lambda uri: asked.append(uri) or static)
    inputs = tuple(ModelInput(name, "", 0.0) for name in ("load", "os_v1_1", "os_v1_10_18a7"))
    schema = ModelSchema(SCHEMA, inputs, 0.5, "1")
    found = with_categories(schema, "store://feature-vectors/p/v")
    assert [column.category for column in found.inputs] == ["", "os = v1-1", "os = v1.10"]
    assert asked == ["store://feature-sets/p/devices"]
    assert ModelSchema.from_dict(found.to_dict()) == found
    assert "category" not in found.to_dict()["inputs"][0]
    vector.spec.features = ["device_metrics.load"]
    assert with_categories(schema, "store://feature-vectors/p/v") is schema
