from types import SimpleNamespace

import httpx
import numpy as np
import pandas as pd
import pytest

from project.errors import NetopsError
from project.jobs import model_server_tester
from project.jobs.model_server_tester import check_endpoint, test_model_server
from tests.project.fake_endpoint import fake_endpoint

NAMES = ["b", "a"]


@pytest.fixture
def frame():
    rng = np.random.default_rng(3)
    rows = pd.DataFrame(rng.random((1500, 2)), columns=["a", "b"])
    rows["probability"] = rows["b"].astype("float32").astype(float)
    rows["prediction"] = (rows["probability"] >= 0.5).astype(int)
    return rows


def model(wrong=0, status=200):
    """A model whose probability is its first input, wrong on purpose in the first rows of each request."""

    def answer(method, path, body):
        if method == "GET":
            return 200, {"name": "model", "parameters": {"features": [{"name": name} for name in NAMES]}}
        tensor = body["inputs"][0]
        matrix = np.array(tensor["data"], dtype=np.float32).reshape(tensor["shape"])
        probability = matrix[:, 0].astype(float)
        probability[:wrong] += 0.01
        return status, {
            "outputs": [
                {"name": "probability", "data": probability.tolist()},
                {"name": "prediction", "data": (matrix[:, 0] >= 0.5).astype(int).tolist()},
            ]
        }

    return answer


def check(frame, answer, rows=2000):
    with fake_endpoint(answer) as address, httpx.Client(base_url=address) as client:
        return check_endpoint(client, frame, rows)


def test_an_endpoint_that_answers_as_offline_has_no_mismatch(frame):
    result = check(frame, model())
    assert (result.rows, result.mismatches, result.errors) == (1500, 0, 0)
    assert 0 < result.p50_ms <= result.p99_ms


def test_every_wrong_row_is_counted(frame):
    result = check(frame, model(wrong=1))
    # A hundred requests of one row and seven of two hundred, each with one wrong row.
    assert result.mismatches == 100 + 7


def test_a_row_with_another_decision_is_wrong_even_with_the_same_probability(frame):
    frame.loc[:4, "prediction"] = 1 - frame.loc[:4, "prediction"]
    assert check(frame, model()).mismatches == 5


def test_requests_that_fail_are_counted_as_errors(frame):
    result = check(frame, model(status=503), rows=120)
    assert (result.errors, result.mismatches) == (101, 0)


def test_rows_are_spread_over_the_test_set(frame):
    assert check(frame, model(), rows=10).rows == 10


def test_each_horizon_that_has_a_model_is_held_against_its_own_test_rows(frame, monkeypatch):
    asked = []

    def several(method, path, body):
        asked.append(path)
        if path == "/":
            return 200, {"horizons": {"0s": "v1", "10m": "v2", "1h": None}}
        return model(wrong=int("10m" in path and method == "POST"))(method, path, body)

    logged = {}
    context = SimpleNamespace(project="p", log_result=logged.__setitem__)
    test_sets = {("p", "10m", "v2"): frame.head(150)}
    monkeypatch.setattr(model_server_tester, "further_test_set", lambda *key: test_sets[key])
    with fake_endpoint(several) as address:
        monkeypatch.setattr(model_server_tester, "endpoint_address", lambda *_: address)
        test_set = SimpleNamespace(as_df=lambda: frame)
        with pytest.raises(NetopsError, match="as the model of horizon 10m does offline, got 101 mismatches"):
            test_model_server(context, test_set, "staging")
        assert (logged["mismatches"], logged["horizons"]) == (0, {"10m": 150})
        test_sets["p", "10m", "v2"] = None  # The files of an old model may be gone.
        logged.clear()
        test_model_server(context, test_set, "staging")
    assert "horizons" not in logged and "/v2/models/model-1h" not in asked
