"""An ONNX graph that was not trained here: its package is served, and what is no such graph is refused."""

from __future__ import annotations

import numpy as np
import pytest
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression, Ridge

from feature_sets.checks import InputError
from feature_sets.model_package.errors import ModelPackageError
from feature_sets.model_package.package import read_model_package
from tests.graphs.conftest import make_client
from tests.training.network import make_frame, make_schema
from training.packaging.own_model import package_own_model

INPUTS = ("flow", "heat")
SCHEMA = make_schema()
FRAME = make_frame()
KNOWN = FRAME[list(INPUTS)].fillna(2.0).to_numpy(np.float32)
MODEL = LogisticRegression(C=0.1, max_iter=1000).fit(KNOWN, FRAME["is_error"])


def graph_of(model=MODEL, columns=2):
    options = {"zipmap": False} if isinstance(model, LogisticRegression) else None
    rows = np.ones((1, columns), np.float32)
    return to_onnx(model, rows, options=options, target_opset={"": 18, "ai.onnx.ml": 3}).SerializeToString()


def packaged(folder, graph=None, rows=FRAME, inputs=INPUTS, threshold=0.4):
    return package_own_model(folder, graph or graph_of(), rows, inputs, threshold, SCHEMA, "logistic")


def test_the_endpoint_answers_what_the_model_does(tmp_path):
    written = packaged(tmp_path)
    assert read_model_package(tmp_path).schema == written
    assert (written.algorithm, written.input_names, written.threshold) == ("logistic", INPUTS, 0.4)
    median = FRAME["flow"].median()
    event = {"device": "site/1", "timestamp": "2024-03-01T00:00:00Z", "noise": 0, "heat_felt": 300}
    with_flow = make_client(tmp_path, devices=None).post("/telemetry", {**event, "heat": 310, "flow": 1.2})
    without = make_client(tmp_path, devices=None).post("/telemetry", {**event, "heat": 310, "flow": None})
    rows = np.array([[1.2, 310], [median, 310]], np.float32)
    for answer, expected in zip((with_flow, without), MODEL.predict_proba(rows)[:, 1], strict=True):
        assert answer.json["version"] == written.version
        assert answer.json["probability"] == pytest.approx(expected, abs=1e-5)
        assert answer.json["prediction"] == int(expected >= 0.4)


def test_the_version_is_of_the_graph_and_its_rows(tmp_path):
    first = packaged(tmp_path)
    assert packaged(tmp_path).version == first.version
    other = LogisticRegression(C=9.0, max_iter=1000).fit(KNOWN, FRAME["is_error"])
    assert len({first.version, packaged(tmp_path, graph_of(other)).version}) == 2
    assert packaged(tmp_path, rows=FRAME.head(500)).version != first.version


@pytest.mark.parametrize(
    ("given", "error", "rule"),
    [
        ({"rows": FRAME.drop(columns="heat")}, InputError, r"rows: must have .* got \['heat'\]"),
        ({"rows": FRAME.head(0)}, InputError, "rows: must have .* got 'no row'"),
        ({"inputs": ("flow",)}, ModelPackageError, "must be an ONNX graph that takes 1 inputs"),
        ({"graph": b"pickled"}, ModelPackageError, "must be an ONNX graph"),
        (
            {"graph": graph_of(Ridge().fit(KNOWN, FRAME["heat"]))},
            ModelPackageError,
            "must have the output 'probabilities'",
        ),
        ({"rows": FRAME.assign(heat="warm")}, InputError, "rows: must have a number, or none, in each input"),
        ({"rows": FRAME.assign(timestamp=7)}, InputError, "'timestamp': must be a time in each row, got 7"),
        ({"rows": FRAME.assign(timestamp=None)}, InputError, "'timestamp': must be a time in each row, got"),
        ({"rows": FRAME.assign(timestamp="now?")}, InputError, "'timestamp': must be a time in each row"),
        ({"threshold": -1.0}, InputError, "threshold: must be a number of at least 0"),
    ],
)
def test_what_cannot_be_served_is_refused(tmp_path, given, error, rule):
    with pytest.raises(error, match=rule):
        packaged(tmp_path, **given)
    assert not any(tmp_path.iterdir())
