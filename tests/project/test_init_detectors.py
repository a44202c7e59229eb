"""Detectors are attached to an endpoint that has none, and stay on one that has."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from feature_sets.checks import InputError
from feature_sets.model_package.columns import PREDICTION, PROBABILITY
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from project import drift_base
from project.attached_detectors import missed_incidents_after
from project.jobs import init_detectors as job
from tests.graphs.conftest import make_client, write_package
from tests.project.fake_endpoint import fake_endpoint

SCHEMA = TelemetrySchema.load()


@pytest.fixture
def context(monkeypatch, tmp_path):
    results = {}
    monkeypatch.setenv("NETOPS_HOME", str(tmp_path))
    return SimpleNamespace(
        project="p",
        results=results,
        log_result=results.__setitem__,
        log_artifact=lambda key, **_: results.update({key: "logged"}),
    )


def test_a_run_that_serves_the_same_model_keeps_what_its_detectors_have_seen(context, monkeypatch, tmp_path):
    graph = make_client(write_package(tmp_path, SCHEMA, inputs=("latency",)), devices=None)
    monkeypatch.setenv("MLRUN_DBPATH", "")  # MLRun has put something there that is no address.
    random = np.random.default_rng(1)
    base = pd.DataFrame(
        {
            DEVICE: "a",
            SCHEMA.time: pd.date_range("2026-01-01", periods=500, freq="10s", tz="UTC"),
            **{name: (random.random(500) < 0.1).astype(int) for name in (SCHEMA.target, PREDICTION)},
            PROBABILITY: random.random(500),
        }
    )
    # What a run has evaluated may be rows of a model that was kept out; those of the served one count.
    test_set = SimpleNamespace(as_df=lambda: base.iloc[:50])
    monkeypatch.setattr(drift_base, "evaluated_model", lambda *_: ("model", base))

    def answer(method, path, body):
        answered = graph.send(method, path, body)
        return answered.status, answered.json

    with fake_endpoint(answer) as address:
        monkeypatch.setattr(job, "endpoint_address", lambda *_: address)
        job.init_detectors(context, test_set, "serving")
        assert context.results["kept"] is False
        assert "; the test rows span 1.4 hours, which is less than a day" in context.results["promise"]
        assert graph.get("/drift").json["promise"] == context.results["promise"]
        assert context.results["callback"] == graph.get("/drift").json["callback"] == f"{address}/drift"
        reading = {"device": "a", "timestamp": 1e9, **dict.fromkeys(SCHEMA.metric_names, 1.0)}
        graph.post("/telemetry", reading)
        graph.post("/labels", {"device": "a", "timestamp": 1e9, SCHEMA.target: 0})
        before = graph.get("/drift").json
        assert before["performance"]["reference"]["rows"] == 500
        job.init_detectors(context, test_set, "serving")
    assert context.results["kept"] is True
    assert graph.get("/drift").json == before
    assert {state["n"] for state in before["detectors"].values()} == {1}
    with fake_endpoint(answer) as address:
        monkeypatch.setattr(job, "endpoint_address", lambda *_: address)
        monkeypatch.setenv("NETOPS_RETRAIN", "off")
        job.init_detectors(context, test_set, "serving", detectors="river.hddm_a, glr: any; cool_down=7")
    chosen = graph.get("/drift").json
    # The runner tells MLRun's alerts, also where it starts no training.
    assert (context.results["kept"], chosen["callback"]) == (False, f"{address}/drift")
    assert (list(chosen["detectors"]), chosen["verdict"]) == (["river.hddm_a", "glr"], "any")
    assert chosen["cool_down"] == 7
    with fake_endpoint(answer) as address:
        monkeypatch.setattr(job, "endpoint_address", lambda *_: address)
        base[DEVICE] = ["acme/dc1/a", "beta/dc1/b"] * 250
        for kept in (False, True):
            job.init_detectors(context, test_set, "serving", detectors="; groups=company, clear_batches=3")
            assert context.results["kept"] is kept
        with pytest.raises(InputError, match="detectors: groups: must be among device, company"):
            job.init_detectors(context, test_set, "serving", detectors="; groups=colour")
    for device in ("beta/dc1/b", "gamma/dc9/x"):
        graph.post("/telemetry", {**reading, "device": device})
        graph.post("/labels", {"device": device, "timestamp": 1e9, SCHEMA.target: 0})
    chosen = graph.get("/drift").json
    assert (chosen["hysteresis"]["batches"], chosen["group_column"]) == (3, "company")
    assert {name: each["n"] for name, each in chosen["groups"].items()} == {
        "(others)": 1,
        "acme": 0,
        "beta": 1,
    }


def test_what_the_model_caught_of_its_test_data_is_the_base_of_missed_incidents(
    context, monkeypatch, tmp_path
):
    graph = make_client(write_package(tmp_path, SCHEMA, inputs=("latency",)), devices=None)
    monkeypatch.setenv("MLRUN_DBPATH", "")
    seconds = np.arange(24 * 360) * 10
    # An incident an hour of three readings in a row, of two devices at once; the model catches three of four.
    is_error, said = seconds % 3600 < 30, (seconds // 3600) % 4 != 0
    labels = {SCHEMA.target: is_error.astype(int), PREDICTION: (is_error & said).astype(int)}
    times = pd.to_datetime(seconds, unit="s", utc=True)
    of_one = pd.DataFrame({SCHEMA.time: times, **labels, PROBABILITY: 0.5})
    base = pd.concat([of_one.assign(**{DEVICE: name}) for name in ("a", "b")]).sample(frac=1, random_state=1)
    monkeypatch.setattr(drift_base, "evaluated_model", lambda *_: ("model", base))

    def answer(method, path, body):
        answered = graph.send(method, path, body)
        return answered.status, answered.json

    with fake_endpoint(answer) as address:
        monkeypatch.setattr(job, "endpoint_address", lambda *_: address)
        job.init_detectors(context, None, "serving")
        first = graph.get("/drift").json["missed_incidents"]
        job.init_detectors(context, None, "serving", detectors="; missed_incidents=off")
        assert context.results["kept"] is False
        off = graph.get("/drift").json["missed_incidents"]
        assert context.results["missed_incidents"] == "switched off by the setting of the detectors"
        job.init_detectors(context, None, "serving", detectors="; missed_incidents=off")
        assert context.results["kept"] is True
        of_before = graph.step("detect_drift")._monitor.whole.to_dict()
        graph.send("PUT", "/drift/detectors", of_before)
        job.init_detectors(context, None, "serving")
        assert context.results["kept"] is True
        assert graph.get("/drift").json["missed_incidents"]["state"] == "not_watched"
    assert first["base"] == {"incidents": 24, "caught": 18, "live": 0}
    assert (first["state"], off["state"]) == ("in_control", "off")


@pytest.mark.parametrize(("step", "gap"), [(10, SCHEMA.embargo_seconds), (900, 1800)])
def test_incidents_are_apart_as_the_gate_has_them_or_as_sparse_readings_are(step, gap):
    times = pd.date_range("2026-01-01", periods=200, freq=f"{step}s", tz="UTC")
    rows = pd.DataFrame({DEVICE: "a", SCHEMA.time: times, SCHEMA.target: 0, PREDICTION: 0})
    missed = missed_incidents_after(rows, SCHEMA, deadline=3600)
    outcomes = missed.to_dict()["outcomes"]
    assert outcomes["gap"] == gap
    assert outcomes["together"] == (60 if step == 10 else 900)
    assert outcomes["wait"] == 3600
