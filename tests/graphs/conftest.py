"""A tiny model package and a serving graph on MLRun's mock server."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import mlrun
import numpy as np
import onnxruntime
import pytest
from mlrun.runtimes.nuclio import serving as nuclio_serving
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression

from feature_sets.model_package.files import MODEL_FILE
from feature_sets.model_package.golden import GOLDEN_FILE, GoldenRows
from feature_sets.model_package.model_input import ModelInput
from feature_sets.model_package.package import read_model_package
from feature_sets.model_package.schema import SCHEMA_FILE, ModelSchema
from feature_sets.telemetry.schema import TelemetrySchema
from graphs.initializer import shut_down
from graphs.serving_graph import build_serving_graph
from graphs.state.serving_state import ServingState, attach_state
from graphs.state.settings import ServingSettings
from graphs.together import ATTRIBUTE
from project.local import valkey

START = 1_700_000_000.0
DEVICES = {"a/1": {"model_x": 1.0, "model_y": 0.0}, "a/2": {"model_x": 0.0, "model_y": 1.0}}
INPUTS = ("cpu", "cpu_avg_1m", "latency", "latency_avg_5m", "latency_stddev_1m", "model_x")


@pytest.fixture(scope="session")
def schema() -> TelemetrySchema:
    return TelemetrySchema.from_dict(
        {
            "name": "tiny",
            "entity": ["site", "box"],
            "time": "timestamp",
            "metrics": {
                "cpu": {"unit": "%", "range": [0, 100]},
                "latency": {"unit": "ms", "range": [0, 10000]},
            },
            "label": "is_error",
            "static": ["model"],
            "windows": {"lengths": ["1m", "5m"], "period": "10s", "operations": ["avg", "stddev"]},
        }
    )


@pytest.fixture(scope="session")
def package(schema: TelemetrySchema, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory with ``model.onnx`` and ``model.json``."""
    return write_package(tmp_path_factory.mktemp("model"), schema)


@cache
def _fitted(seed: int, count: int) -> tuple[bytes, tuple[float, ...]]:
    """A model of so many inputs as ONNX, and the mean of each; every call of a process gives the same."""
    generator = np.random.default_rng(seed)
    rows = generator.normal([40, 40, 20, 20, 2, 0.5, 40][:count], 10, (300, count)).astype(np.float32)
    labels = (rows[:, 0] + rows[:, 2 % count] + generator.normal(0, 5, 300) > 60).astype(int)
    fitted = LogisticRegression(max_iter=1000).fit(rows, labels)
    graph = to_onnx(fitted, rows[:1], options={"zipmap": False}, target_opset={"": 18, "ai.onnx.ml": 3})
    graph.graph.input[0].name, old = "input", graph.graph.input[0].name
    for node in graph.graph.node:
        for index, name in enumerate(node.input):
            if name == old:
                node.input[index] = "input"
    return graph.SerializeToString(), tuple(float(rows[:, i].mean()) for i in range(count))


def write_package(
    directory: Path, schema: TelemetrySchema, seed: int = 3, inputs: tuple[str, ...] = INPUTS
) -> Path:
    content, means = _fitted(seed, len(inputs))
    (directory / MODEL_FILE).write_bytes(content)
    model = ModelSchema(
        telemetry=schema,
        inputs=tuple(ModelInput(name, "", imputation=mean) for name, mean in zip(inputs, means, strict=True)),
        threshold=0.5,
        version=f"v{seed}",
        metrics={"f1": 0.9},
        sha256={MODEL_FILE: hashlib.sha256(content).hexdigest()},
    )
    (directory / SCHEMA_FILE).write_text(json.dumps(model.to_dict()))
    return directory


def write_golden(folder: Path, golden: GoldenRows) -> None:
    """Have a package hold golden rows."""
    schema = read_model_package(folder).schema
    digests = {**schema.sha256, GOLDEN_FILE: hashlib.sha256(golden.to_bytes()).hexdigest()}
    (folder / GOLDEN_FILE).write_bytes(golden.to_bytes())
    content = dataclasses.replace(schema, sha256=digests).to_dict()
    (folder / SCHEMA_FILE).write_text(json.dumps(content))


def offline_probability(package: Path, matrix: np.ndarray) -> np.ndarray:
    """Probabilities that onnxruntime gives without any of our serving code."""
    session = onnxruntime.InferenceSession(str(package / MODEL_FILE), providers=["CPUExecutionProvider"])
    return session.run(["probabilities"], {"input": matrix})[0][:, 1]


@dataclass
class Answered:
    status: int
    json: Any
    content_type: str
    headers: dict[str, str]


class Client:
    """Sends requests to a graph on MLRun's mock server, as bytes, like a trigger does."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.headers: dict[str, str] = {}

    def send(self, method: str, path: str, body: Any = None, **kwargs: Any) -> Answered:
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        kwargs.setdefault("content_type", "application/json")
        kwargs.setdefault("headers", dict(self.headers))
        response = self.server.test(path, body=body, method=method, silent=True, get_body=False, **kwargs)
        text = response.body.decode() if isinstance(response.body, bytes) else response.body
        content = json.loads(text) if response.content_type == "application/json" else text
        return Answered(response.status_code, content, response.content_type, response.headers)

    def post(self, path: str, body: Any, **kwargs: Any) -> Answered:
        return self.send("POST", path, body, **kwargs)

    def get(self, path: str, **kwargs: Any) -> Answered:
        return self.send("GET", path, **kwargs)

    def step(self, name: str) -> Any:
        """Object of a step."""
        return self.server.graph[name].async_object

    def shut_down(self) -> None:
        """What happens before a process ends."""
        shut_down(self.server.context)


def make_client(package: Path, **kwargs: Any) -> Client:
    """Client of a graph of its own."""
    function = mlrun.new_function("serving", kind="serving", image="mlrun/mlrun", project="tests")
    kwargs.setdefault("devices", DEVICES)
    build_serving_graph(function, model_path=str(package), **kwargs)
    return Client(mock_server(function))


def mock_server(function: Any) -> Any:
    """MLRun's mock server of a function.

    MLRun reads the source around every frame of the stack to find the names of who calls it, which takes a
    quarter of a second in a test: these are they.
    """
    with patch.object(nuclio_serving, "get_caller_globals", lambda: globals()):
        return function.to_mock_server()


def step_context(package: Path, clock: Callable[[], float] = time.time, **settings: Any) -> Any:
    """Context for a step that is made outside a graph."""
    context = SimpleNamespace(is_mock=True)
    settings.setdefault("devices", DEVICES)
    attach_state(context, ServingState.build(ServingSettings(str(package), **settings), clock=clock))
    return context


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a Valkey server of our own."""
    home = tmp_path_factory.mktemp("valkey")
    yield valkey.start(home).url
    valkey.stop(home)


@pytest.fixture
def client(package: Path) -> Iterator[Client]:
    yield make_client(package)


def answers_of(server: Any, events: Sequence[Any], graph: Callable[[Any], Any]) -> list[Any]:
    """What events that arrived together are answered, each once.

    :param graph: answers one of them.
    """
    found: list[tuple[int, Any]] = []
    getattr(server, ATTRIBUTE)(events, graph, lambda place, answer: found.append((place, answer)))
    assert sorted(place for place, _ in found) == list(range(len(events)))
    return [answer for _, answer in sorted(found, key=lambda each: each[0])]


def event(device: str = "a/1", seconds: float = 0.0, cpu: Any = 40.0, latency: Any = 20.0) -> dict[str, Any]:
    return {"device": device, "timestamp": START + seconds, "cpu": cpu, "latency": latency}


def label(device: str = "a/1", seconds: float = 0.0, is_error: Any = 0) -> dict[str, Any]:
    return {"device": device, "timestamp": START + seconds, "is_error": is_error}


def before(history, device, time, arrived):
    """What a history gives of a device, as (epoch seconds, metric -> value)."""
    found = history.before(device, time, arrived)
    return [
        (micros / 1_000_000, dict(zip(("cpu", "latency"), values, strict=True)))
        for micros, values in zip(found.micros.tolist(), found.values.tolist(), strict=True)
    ]
