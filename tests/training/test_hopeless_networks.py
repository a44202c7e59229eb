"""Telemetry of which nothing can be learned: each is told so before a model is searched for."""

from __future__ import annotations

import numpy as np
import pytest
from mlrun.runtimes.utils import RunError

from feature_sets.telemetry.schema import DEVICE
from tests.training.conftest import connect
from tests.training.feature_store import store_vector
from tests.training.handler_runs import REGRESSION, Network
from tests.training.network import make_frame, make_schema

FEATURES = ("heat", "flow", "noise", "heat_felt")
STATIC = "model_a"


def network_of(frame, folder):
    return Network(store_vector(frame, folder), make_schema(), folder)


@pytest.fixture
def unread(monkeypatch):
    """What is told by labels alone is told before a feature is read."""

    def read(*_):
        raise AssertionError("features were read")

    monkeypatch.setattr("training.dataset.training_set.read_vector", read)


def with_errors(frame, ticks):
    """Errors of all devices in these ticks only."""
    tick = np.arange(len(frame)) // frame[DEVICE].nunique()
    return frame.assign(is_error=np.isin(tick, ticks).astype(np.int8))


NOTHING = (
    r"training part \(cut at .*\): must hold both classes of 'is_error' in its \d+ rows "
    r"\(or, without labels, the schema must have derived.relative\), got \[0\]"
)
LATE = r"must hold both classes .*all errors are in the other part, 2024-03-01T02:10:00\+00:00 to .*another"
EARLY = (
    r"test part .*must hold both classes .*all errors are in the other part, .*: choose another test_fraction"
)
LONE = r"cross-validation of .*: must have two error episodes an embargo apart.*got \['1 error episode'"


@pytest.mark.parametrize(
    ("made", "split", "said"),
    [
        (lambda frame: with_errors(frame, []), "time", NOTHING),
        (
            lambda frame: with_errors(frame, []).assign(is_error=np.int8(1)),
            "time",
            r"both classes .*got \[1\]",
        ),
        (lambda frame: with_errors(frame, [*range(260, 264)]), "time", LATE),
        (lambda frame: with_errors(frame, [*range(60, 64), *range(120, 124)]), "time", EARLY),
        (
            lambda frame: with_errors(frame[frame[DEVICE] == "site/0"], [50, 51, 280]),
            "time",
            LONE,
        ),
        (lambda frame: frame[frame[DEVICE] == "site/0"], "devices", "at least two of 1 values of device"),
        (lambda frame: frame, "group:site", "at least two of 1 values of site"),
        (
            lambda frame: frame,
            "devices:site/0,site/1,site/2,site/3",
            r"training part .*at least 50 rows, got 0",
        ),
        (lambda frame: frame, "first_rows:5000", r"test part .*must have at least 50 rows, got 0"),
        (lambda frame: frame[:90], "time", "labeled rows: must be at least 100 for a split, got 90"),
    ],
    ids=[
        "healthy",
        "errors",
        "late",
        "early",
        "one episode",
        "one device",
        "one group",
        "all",
        "none left",
        "few",
    ],
)
def test_labels_of_which_nothing_can_be_learned(run_db, tmp_path, unread, made, split, said):
    network = network_of(made(make_frame()), tmp_path)
    for step in ("select-features", "train"):
        with pytest.raises(RunError, match=said):
            network.run(step, split=split)


@pytest.mark.parametrize("value", [np.nan, 7.0])
def test_features_without_a_reading_or_with_one_value_are_no_features(run_db, tmp_path, value):
    frame = make_frame().assign(**dict.fromkeys(FEATURES, value), **{STATIC: 1.0})
    with pytest.raises(RunError, match="must have at least one feature that varies"):
        network_of(frame, tmp_path).run("select-features")


def test_noise_is_a_model_that_is_not_promoted(tmp_path_factory, monkeypatch):
    connect(monkeypatch)
    frame = make_frame(devices=12)
    random = np.random.default_rng(5)
    noise = frame.assign(**{name: random.normal(size=len(frame)) for name in FEATURES})
    network = network_of(noise, tmp_path_factory.mktemp("noise"))
    found = network.run("evaluate", model_path=network.train(REGRESSION).outputs["model"]).outputs
    assert not found["promoted"] and not found["predictable"]
    assert "'is_error' is not predictable" in found["verdict"] or "Undecided" in found["verdict"]


def test_one_device_is_enough_where_time_is_cut(run_db, tmp_path):
    frame = make_frame(ticks=600)
    network = network_of(frame[frame[DEVICE] == "site/0"], tmp_path)
    trained = network.train(REGRESSION)
    found = network.run("evaluate", model_path=trained.outputs["model"]).outputs
    assert found["predictable"]
