"""The Open Inference Protocol routes through the whole graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlrun
import numpy as np
import pandas as pd
import pytest
from mlrun.common.schemas import ModelEndpointCreationStrategy

from feature_sets.model_package.files import MODEL_FILE, read_model_schema
from feature_sets.model_package.schema import SCHEMA_FILE
from feature_sets.telemetry.schema import TelemetrySchema
from graphs.serving_graph import build_serving_graph
from tests.graphs.conftest import (
    DEVICES,
    INPUTS,
    Client,
    event,
    make_client,
    offline_probability,
    write_package,
)

INFER = "/v2/models/model/infer"


def tensor(name: str, shape: list[int], data: list[Any], datatype: str = "FP32") -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


def one_tensor(rows: np.ndarray, **more: Any) -> dict[str, Any]:
    return {"inputs": [tensor("input", list(rows.shape), rows.ravel().tolist())], **more}


def outputs(answer: Any) -> dict[str, list[float]]:
    return {output["name"]: output["data"] for output in answer["outputs"]}


@pytest.fixture
def rows() -> np.ndarray:
    return np.random.default_rng(4).normal(30, 15, (50, len(INPUTS))).astype(np.float32)


def test_answers_equal_the_offline_ones_exactly(client: Client, package: Path, rows: np.ndarray) -> None:
    answered = client.post(INFER, one_tensor(rows, id="seven"))
    assert answered.status == 200
    assert {key: answered.json[key] for key in ("model_name", "model_version", "id")} == {
        "model_name": "model",
        "model_version": "v3",
        "id": "seven",
    }
    expected = offline_probability(package, rows).astype(np.float64)
    assert outputs(answered.json)["probability"] == expected.tolist()
    assert outputs(answered.json)["prediction"] == (expected >= 0.5).astype(int).tolist()
    assert [output["shape"] for output in answered.json["outputs"]] == [[50], [50]]


def test_a_row_alone_is_answered_as_in_a_batch(client: Client, rows: np.ndarray) -> None:
    together = outputs(client.post(INFER, one_tensor(rows)).json)["probability"]
    alone = [
        outputs(client.post(INFER, one_tensor(row.reshape(1, -1))).json)["probability"][0] for row in rows
    ]
    assert alone == pytest.approx(together, abs=1e-6)


def test_the_outputs_that_are_asked_for_are_answered_in_their_order(client: Client, rows: np.ndarray) -> None:
    every = client.post(INFER, one_tensor(rows, parameters={})).json["outputs"]
    for names in (["probability"], ["probability", "prediction"], ["prediction", "probability"], []):
        asked = [{"name": name, "parameters": {}} for name in names]
        answered = client.post(INFER, one_tensor(rows, outputs=asked)).json["outputs"]
        expected = names or ["prediction", "probability"]
        assert answered == [next(one for one in every if one["name"] == name) for name in expected]


def test_columns_by_name_in_any_order_and_nested_rows_are_the_same(client: Client, rows: np.ndarray) -> None:
    expected = outputs(client.post(INFER, one_tensor(rows)).json)
    by_name = [
        tensor(name, [50, 1] if i % 2 else [50], rows[:, i].tolist(), "FP64") for i, name in enumerate(INPUTS)
    ]
    assert outputs(client.post(INFER, {"inputs": by_name[::-1]}).json) == expected
    nested = {"inputs": [tensor("input", [50, len(INPUTS)], rows.tolist())]}
    assert outputs(client.post("/v2/models/model/versions/v3/infer", nested).json) == expected


def test_a_second_model_is_served_from_its_own_address(
    schema: TelemetrySchema, package: Path, tmp_path: Path, rows: np.ndarray
) -> None:
    function = mlrun.new_function("serving", kind="serving", image="mlrun/mlrun", project="tests")
    graph = build_serving_graph(function, model_path=str(package), devices=DEVICES)
    graph["model_router"].add_route(
        "challenger",
        class_name="graphs.onnx_model.OnnxModel",
        model_path=str(write_package(tmp_path, schema, seed=5)),
        creation_strategy=ModelEndpointCreationStrategy.SKIP,
    )
    client = Client(function.to_mock_server())
    assert client.get("/v2/models").json == {"models": ["model", "challenger"]}
    for name, address, version in (("model", package, "v3"), ("challenger", tmp_path, "v5")):
        answered = client.post(f"/v2/models/{name}/infer", one_tensor(rows)).json
        assert answered["model_version"] == version
        expected = offline_probability(address, rows).astype(np.float64)
        assert outputs(answered)["probability"] == expected.tolist()
    assert client.post("/telemetry", event()).json["version"] == "v3"


def test_a_null_is_imputed_as_in_training(client: Client, package: Path, rows: np.ndarray) -> None:
    schema = read_model_schema(package / SCHEMA_FILE, [package / MODEL_FILE])
    frame = pd.DataFrame(rows, columns=list(INPUTS)).mask(rows > 40)
    data = frame.astype(object).where(frame.notna(), None).to_numpy().ravel().tolist()
    answered = client.post(INFER, {"inputs": [tensor("input", list(rows.shape), data)]})
    expected = offline_probability(package, schema.matrix(frame))
    assert outputs(answered.json)["probability"] == expected.tolist()


def test_live_telemetry_is_predicted_as_its_features_are_offline(package: Path, tmp_path: Path) -> None:
    # The features in the batches go through ModelSchema.matrix, as in training.
    client = make_client(package, labeled_directory=str(tmp_path), label_deadline_seconds=7000)
    generator = np.random.default_rng(9)
    answered: list[dict[str, Any]] = []
    for tick in range(600):
        readings = [
            event(
                device,
                10.0 * tick,
                generator.uniform(0, 100),
                None if tick % 7 == 3 else generator.uniform(0, 50),
            )
            for device in ("a/1", "a/2")
        ]
        answered += client.post("/telemetry", readings).json
    client.post("/labels", [{**row, "is_error": 0} for row in answered])
    client.shut_down()
    frame = pd.concat([pd.read_parquet(file) for file in sorted(tmp_path.glob("*.parquet"))])
    schema = read_model_schema(package / SCHEMA_FILE, [package / MODEL_FILE])
    expected = offline_probability(package, schema.matrix(frame))
    assert len(frame) == len(answered) == 1200 > 1000
    assert np.abs(expected - [row["probability"] for row in answered]).max() < 1e-6
    assert ((expected >= 0.5) == [row["prediction"] for row in answered]).all()
    assert 100 < sum(row["prediction"] for row in answered) < 1100


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"{", 400, "body"),
        ([1], 422, "body"),
        (b"null", 400, "body"),
        ({}, 422, "inputs"),
        ({"inputs": []}, 422, "inputs"),
        ({"inputs": [3]}, 422, "inputs[0]"),
        ({"inputs": [tensor("input", [1, 6], [1] * 6, "BYTES")]}, 422, "inputs[0].datatype"),
        ({"inputs": [tensor("input", [1, 5], [1] * 5)]}, 422, "inputs[0].shape"),
        ({"inputs": [tensor("input", [6], [1] * 6)]}, 422, "inputs[0].shape"),
        ({"inputs": [tensor("input", [-1, 6], [1] * 6)]}, 422, "inputs[0].shape"),
        ({"inputs": [tensor("input", [True, 6], [1] * 6)]}, 422, "inputs[0].shape"),
        ({"inputs": [tensor("input", [10**9, 6], [1] * 6)]}, 413, "inputs[0].shape"),
        ({"inputs": [tensor("input", [1, 6], [1] * 7)]}, 422, "inputs[0].data"),
        ({"inputs": [tensor("input", [1, 6], [[1] * 5])]}, 422, "inputs[0].data"),
        ({"inputs": [tensor("input", [2, 6], [[1] * 6, 1])]}, 422, "inputs[0].data"),
        ({"inputs": [{**tensor("input", [1, 6], []), "data": "x"}]}, 422, "inputs[0].data"),
        ({"inputs": [tensor("input", [1, 6], [1, 2, "3", 4, 5, 6])]}, 422, "inputs[0].data[2]"),
        ({"inputs": [tensor("input", [1, 6], [1, 2, 3, True, 5, 6])]}, 422, "inputs[0].data[3]"),
        ({"inputs": [tensor("input", [1, 6], [1, float("nan"), 3, 4, 5, 6])]}, 422, "inputs[0].data[1]"),
        ({"inputs": [tensor("input", [1, 6], [1, 2, 3, 4, 5, 1e39])]}, 422, "inputs[0].data[5]"),
        ({"inputs": [tensor("input", [1, 6], [1, 2, 3, 4, 5, 10**400])]}, 422, "inputs[0].data"),
        ({"inputs": [tensor("cpu", [1], [1])]}, 422, "inputs"),
        ({"inputs": [tensor("cpu", [1], [1]), tensor("cpu", [1], [1])]}, 422, "inputs[1].name"),
        ({"inputs": [tensor("humidity", [1], [1])]}, 422, "inputs[0].name"),
        ({"inputs": [tensor(n, [1], [1]) for n in INPUTS[:5]] + [tensor(INPUTS[5], [2], [1, 2])]}
         , 422, "inputs[5].shape"),
        ({"id": "\ud800", "inputs": [tensor("input", [1, 6], [1] * 6)]}, 422, "id"),
        ({"id": 7, "inputs": [tensor("input", [1, 6], [1] * 6)]}, 422, "id"),
        ({"outputs": {}, "inputs": [tensor("input", [1, 6], [1] * 6)]}, 422, "outputs"),
        ({"outputs": ["prediction"], "inputs": [tensor("input", [1, 6], [1] * 6)]}, 422, "outputs[0]"),
        ({"outputs": [{"name": "logit"}], "inputs": [tensor("input", [1, 6], [1] * 6)]}
         , 422, "outputs[0].name"),
        ({"outputs": [{"name": "prediction"}] * 2, "inputs": [tensor("input", [1, 6], [1] * 6)]}
         , 422, "outputs[1].name"),
        ({"outputs": [{"name": "prediction", "parameters": {"binary_data": True}}],
          "inputs": [tensor("input", [1, 6], [1] * 6)]}, 422, "outputs[0].parameters"),
        ({"parameters": {"priority": 1}, "inputs": [tensor("input", [1, 6], [1] * 6)]}, 422, "parameters"),
        ({"timeout": 1, "inputs": [tensor("input", [1, 6], [1] * 6)]}, 422, "timeout"),
        ({"inputs": [{**tensor("input", [1, 6], [1] * 6), "unit": "%"}]}, 422, "inputs[0].unit"),
    ],
)  # fmt: skip
def test_a_bad_inference_request_is_a_4xx_that_names_the_field(
    client: Client, body: object, status: int, field: str
) -> None:
    answered = client.post(INFER, body)
    assert (answered.status, answered.json["error"]["field"]) == (status, field)


def test_numbers_on_which_the_model_overflows_are_refused(client: Client) -> None:
    answered = client.post(INFER, {"inputs": [tensor("input", [2, 6], [1] * 6 + [3e38, -3e38] * 3)]})
    assert answered.status in (200, 422)
    assert "NaN" not in str(answered.json)


def test_metadata_names_the_inputs_in_order(client: Client) -> None:
    for path in (
        "/v2/models/model",
        "/v2/models/model/",
        "/v2/models/model/versions/v3",
        "/v2/models/model?x=1",
    ):
        metadata = client.get(path).json
        assert metadata["name"] == "model" and metadata["versions"] == ["v3"]
        assert [column["name"] for column in metadata["parameters"]["features"]] == list(INPUTS)
        assert metadata["inputs"] == [{"name": "input", "datatype": "FP32", "shape": [-1, 6]}]


def test_health_and_server_routes(client: Client) -> None:
    assert client.get("/v2/health/live").json == {"live": True}
    assert client.get("/v2/health/ready").json == {"ready": True}
    assert client.get("/v2/models/model/ready").json == {"name": "model", "ready": True}
    assert client.get("/v2/models").json == {"models": ["model"]}
    assert set(client.get("/v2").json) == {"name", "version", "extensions"}


@pytest.mark.parametrize(
    ("method", "path", "status", "field"),
    [
        ("GET", "/v1", 404, "path"),
        ("POST", "/", 405, "method"),
        ("GET", "/v2/models/other", 404, "model"),
        ("POST", "/v2/models/other/infer", 404, "model"),
        ("GET", "/v2/models/model/versions/v9", 404, "version"),
        ("GET", "/v2/models/model/versions", 404, "path"),
        ("GET", "/v2/models/model/explain", 404, "path"),
        ("GET", "/v2/models/model/infer", 405, "method"),
        ("POST", "/v2/models/model", 405, "method"),
        ("DELETE", "/telemetry", 405, "method"),
        ("POST", "/metrics", 405, "method"),
    ],
)
def test_unknown_routes_and_methods(client: Client, method: str, path: str, status: int, field: str) -> None:
    answered = client.send(method, path, {"inputs": []} if method == "POST" else None)
    assert (answered.status, answered.json["error"]["field"]) == (status, field)
    assert ("Allow" in answered.headers) == (status == 405)
