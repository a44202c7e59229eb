"""The model server: what it loads, how it imputes, what it refuses."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest

from feature_sets.model_package import package as packages
from feature_sets.model_package.errors import ModelPackageError
from feature_sets.model_package.files import MODEL_FILE, file_sha256
from feature_sets.model_package.package import fetch_model_package, read_model_package
from feature_sets.model_package.schema import SCHEMA_FILE
from feature_sets.telemetry.schema import TelemetrySchema
from graphs.onnx_model import OnnxModel
from tests.graphs.conftest import INPUTS, step_context, write_package


def load(package: Path) -> OnnxModel:
    model = OnnxModel(step_context(package), "model")
    model.post_init()
    return model


def test_what_float32_cannot_hold_counts_as_missing(package: Path) -> None:
    model = load(package)
    missing = model.probability(model.inputs([{}]))
    for value in (float("nan"), float("inf"), -float("inf"), 1e300):
        assert model.probability(model.inputs([dict.fromkeys(INPUTS, value)])) == missing
    assert model.probability(model.inputs([])).shape == (0,)


def test_inputs_are_in_the_order_of_the_package(schema: TelemetrySchema, tmp_path: Path) -> None:
    backwards = tuple(reversed(INPUTS))
    model = load(write_package(tmp_path, schema, inputs=backwards))
    inputs = model.inputs([{name: float(place) for place, name in enumerate(backwards)}])
    assert inputs.tolist() == [[float(place) for place in range(len(backwards))]]


def test_mlruns_own_call_answers_the_decisions(package: Path) -> None:
    model = load(package)
    rows = [[10.0] * 6, [90.0] * 6, [None] * 6]
    probability = model.probability(np.array(rows, dtype=float))
    assert model.predict({"inputs": rows}) == [int(value >= 0.5) for value in probability]


def test_a_probability_at_the_threshold_is_a_one(package: Path) -> None:
    model = load(package)
    model.schema = dataclasses.replace(model.schema, threshold=0.25)
    assert model.decide(np.array([0.25, 0.2499])).tolist() == [1, 0]


def test_a_graph_without_probabilities_is_not_served(schema: TelemetrySchema, tmp_path: Path) -> None:
    write_package(tmp_path, schema)
    graph = onnx.load(str(tmp_path / MODEL_FILE))
    for node in graph.graph.node:
        node.output[:] = ["chances" if name == "probabilities" else name for name in node.output]
        node.input[:] = ["chances" if name == "probabilities" else name for name in node.input]
    graph.graph.output[1].name = "chances"
    onnx.save(graph, str(tmp_path / MODEL_FILE))
    content = json.loads((tmp_path / SCHEMA_FILE).read_text())
    content["sha256"] = {MODEL_FILE: file_sha256(tmp_path / MODEL_FILE)}
    (tmp_path / SCHEMA_FILE).write_text(json.dumps(content))
    with pytest.raises(ModelPackageError, match=r"model 'model': must have the output 'probabilities', got"):
        load(tmp_path)


def test_an_address_is_required() -> None:
    with pytest.raises(ModelPackageError, match="model_path: must be the address of a model package, got ''"):
        fetch_model_package("")


class Artifact:
    def __init__(self, kind: str, path: str) -> None:
        self.kind = kind
        self.path = path
        self.spec = SimpleNamespace(algorithm="", parameters={})

    def get_target_path(self) -> str:
        return self.path

    def get_store_url(self, with_tag: bool) -> str:
        return self.path


def test_a_model_artifact_leads_to_its_files(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[str, Any] = {"store://models/p/m": Artifact("model", f"{package}/")}
    monkeypatch.setattr(packages.mlrun.datastore, "get_store_resource", found.__getitem__)
    assert fetch_model_package("store://models/p/m").schema.version == "v3"
    found["store://artifacts/p/d"] = Artifact("dataset", str(package))
    with pytest.raises(ModelPackageError, match="must be a model artifact, got 'Artifact'"):
        fetch_model_package("store://artifacts/p/d")


def test_a_row_scores_the_same_alone_and_among_others(package: Path) -> None:
    session = read_model_package(package).session(threads=1)
    rows = np.random.default_rng(0).normal(40, 20, (200, len(INPUTS))).astype(np.float32)
    together = session.probability(rows)
    for size in (1, 2, 7):
        parts = [session.probability(rows[first : first + size]) for first in range(0, len(rows), size)]
        np.testing.assert_array_equal(np.concatenate(parts), together)
