"""Warm-up: from a base data set's labels and predictions to detectors that know its error rate."""

import math
import re

import numpy as np
import pandas as pd
import pytest

from drift.furthest import furthest
from drift.warm_up import DetectorSettings, detectors_from, error_stream, warmed_monitor
from tests.drift.error_streams import in_runs

TIME = "2024-05-01T00:00:00Z"


def base(n=2000, rate=0.05, seed=0):
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, n)
    return labels, np.where(random.random(n) < rate, 1 - labels, labels)


@pytest.mark.parametrize(
    ("labels", "predictions"),
    [
        ([0, 1, 1, 0], [0, 1, 0, 1]),
        ([False, True, True, False], [0.0, 1.0, 0.0, 1.0]),
        (pd.Series([0, 1, 1, 0], dtype="Int64"), [False, True, False, True]),
        (["up", "down", "down", "up"], ["up", "down", "up", "down"]),
        (np.array([0, 1, 1, 0]), pd.Series([0, 1, 0, 1], index=[9, 8, 7, 6])),
        (pd.Series([0, 1, 1, 0], index=[3, 2, 1, 0]), (0, 1, 0, 1)),
    ],
)
def test_an_error_is_where_prediction_and_label_differ(labels, predictions):
    assert error_stream(labels, predictions).tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("labels", "predictions", "message"),
    [
        ([0, 1], [0], r"predictions: must be as many as labels, 2, got 1"),
        ([0, None], [0, 1], "labels: must have no missing value, got '1 of 2'"),
        ([0, 1], [math.nan, math.nan], "predictions: must have no missing value, got '2 of 2'"),
        (
            ["0", "1"],
            [0, 1],
            "predictions and labels: must both be numbers or both be text, got 'int64 and object'",
        ),
        ([0, 1], np.array([[0], [1]]), "must both be numbers or both be text, got 'object and int64'"),
        ([0, 1], [0.2, 0.9], "predictions: must be classes, as labels are, got 'fractions: probabilities"),
    ],
)
def test_what_is_no_pair_of_classes_is_refused(labels, predictions, message):
    with pytest.raises(ValueError, match=message):
        error_stream(labels, predictions)


def test_detectors_come_warm_in_the_order_of_the_settings():
    detectors = detectors_from(error_stream(*base()))
    assert [each.name for each in detectors] == ["glr", "ddm", "eddm", "page_hinkley"]
    assert [each.n_seen for each in detectors] == [2000] * 4
    assert [each.min_instances for each in detectors] == [2000] * 4
    assert [each.min_instances_after_drift for each in detectors] == [30] * 4
    assert not any(each.drift_detected or each.warning_detected for each in detectors)


def test_limits_are_the_older_systems_by_default_and_can_be_set():
    _, ddm, eddm, page_hinkley = detectors_from([0, 1] * 50, DetectorSettings(calibrate=False))
    assert (ddm.warning_level, ddm.drift_level) == (2.0, 3.0)
    assert (eddm.warning_level, eddm.drift_level) == (0.95, 0.9)
    assert page_hinkley.threshold == 10.0
    settings = DetectorSettings(
        names=("page_hinkley", "ddm"), min_instances=40, ddm_warning=1.0, ddm_drift=4.0,
        page_hinkley_threshold=20.0, min_instances_after_drift=7, calibrate=False,
    )  # fmt: skip
    page_hinkley, ddm = detectors_from([0, 1] * 50, settings)
    assert (ddm.warning_level, ddm.drift_level, ddm.min_instances) == (1.0, 4.0, 40)
    assert (page_hinkley.threshold, page_hinkley.min_instances_after_drift) == (20.0, 7)


def test_testing_starts_with_the_first_live_value():
    for detector in detectors_from(error_stream(*base())):
        assert detector.statistic is None
        # Half of a window of GLR must have come since, and the shortest has 50 labels.
        for _ in range(25 if detector.name == "glr" else 5):
            detector.update(1)
        assert detector.statistic is not None
        assert not detector.drift_detected


def test_a_warmed_monitor_counts_live_values_only():
    monitor = warmed_monitor(*base(), cool_down=7)
    assert monitor.update(0, TIME) == []
    status = monitor.status()
    assert status["n"] == 1
    assert status["cool_down"] == 7
    assert {each["n_with_warm_up"] for each in status["detectors"].values()} == {2001}


def test_a_warmed_monitor_finds_that_the_model_went_stale():
    monitor = warmed_monitor(*base(rate=0.05), cool_down=1000)
    calm = error_stream(*base(n=500, rate=0.05, seed=1))
    stale = error_stream(*base(n=500, rate=0.5, seed=2))
    assert [event for x in calm for event in monitor.update(int(x), TIME) if event.level == "drift"] == []
    found = {(event.source, event.level) for x in stale for event in monitor.update(int(x), TIME)}
    # GLR decides; drift for the others is told as their warning
    assert {source for source, level in found if level == "drift"} == {"glr"}
    drifts = {name: each["drifts"] for name, each in monitor.status()["detectors"].items()}
    assert all(drifts.values()), drifts


def test_a_model_that_was_perfect_on_the_base_may_make_its_first_mistake():
    monitor = warmed_monitor([0] * 500, [0] * 500)
    assert monitor.update(1, TIME) == []
    assert monitor.status()["state"] == "in_control"


def test_after_a_drift_detectors_are_not_blind_for_as_long_as_the_warm_up():
    _, ddm, *_ = detectors_from(error_stream(*base(n=5000)))
    random = np.random.default_rng(3)
    stream = np.concatenate([random.random(500) < 0.3, random.random(500) < 0.9]).astype(int)
    drifts = []
    for i, x in enumerate(stream):
        ddm.update(x)
        drifts += [i] * ddm.drift_detected
    assert drifts[0] < 500 <= drifts[-1]


@pytest.mark.parametrize(
    ("errors", "message"),
    [
        ([0] * 29, "base_errors: must be at least 30 values, got 29"),
        ([], "base_errors: must be at least 30 values, got 0"),
        ([0] * 29 + [2], r"base_errors\[29\]: must be 1 .* or 0 .*, got 2"),
        ([math.nan] + [0] * 29, r"base_errors\[0\]: must be 1 .* or 0 .*, got nan"),
    ],
)
def test_a_base_stream_that_teaches_nothing_is_refused(errors, message):
    with pytest.raises(ValueError, match=message):
        detectors_from(errors)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"names": ()}, r"names: must be at least one, each once, got \(\)"),
        ({"names": ("ddm", "ddm")}, "names: must be at least one, each once"),
        ({"names": ("adwin",)}, "names: must be among glr, ddm, eddm, page_hinkley, .*got 'adwin'"),
        ({"min_instances": -1}, "min_instances: must be a whole number of at least 0, got -1"),
        ({"min_instances_after_drift": None}, "min_instances_after_drift: must be a whole number"),
        ({"ddm_drift": 1.0}, "ddm: drift_level: must be a number of at least 2, got 1.0"),
        ({"eddm_drift": 0.99}, "eddm: drift_level: must be"),
        ({"page_hinkley_threshold": -1}, "page_hinkley: threshold: must be a number above 0, got -1"),
    ],
)
def test_bad_settings_are_refused_when_they_are_made(settings, message):
    with pytest.raises(ValueError, match=message):
        DetectorSettings(**settings)


def test_a_detector_of_an_unknown_name_is_not_made():
    with pytest.raises(ValueError, match=r"names: must be among glr, ddm, eddm, page_hinkley, .*got 'adwin'"):
        DetectorSettings().detector("adwin", 0)


def test_a_detector_of_a_package_is_made_with_its_options():
    settings = DetectorSettings(
        names=("river.adwin", "skmultiflow.ddm"), options={"river.adwin": {"delta": 0.01}}
    )
    adwin, ddm = detectors_from([0, 1] * 50, settings)
    assert (adwin.delta, adwin.min_instances, ddm.name) == (0.01, 100, "skmultiflow.ddm")
    with pytest.raises(ValueError, match=r"options of river.adwin: must be among .*delta.*, got \['alpha'\]"):
        DetectorSettings(names=("river.adwin",), options={"river.adwin": {"alpha": 0.01}})
    with pytest.raises(ValueError, match="options: must be among"):
        DetectorSettings(options={"adwin": {}})


def test_the_verdict_is_glr_where_it_watches_and_any_otherwise():
    assert DetectorSettings().verdict_rule == "glr"
    assert DetectorSettings(names=("ddm", "eddm")).verdict_rule == "any"
    assert DetectorSettings(names=("ddm", "glr"), verdict="all within 500").verdict_rule == "all within 500"
    with pytest.raises(
        ValueError, match="verdict: must be among any, all within N, K within N, ddm, got 'eddm'"
    ):
        DetectorSettings(names=("ddm",), verdict="eddm")
    assert warmed_monitor(*base()).status()["verdict"] == "glr"


def test_what_the_base_can_promise_is_told():
    assert warmed_monitor(*base()).status()["promise"].startswith("at most 0.5 false alarms in 10,000")
    assert warmed_monitor(*base(n=100)).status()["promise"].startswith("none: the base has")
    settings = DetectorSettings(calibrate=False)
    assert warmed_monitor(*base(), settings=settings).status()["promise"] == ""


def test_a_base_that_is_shorter_than_its_errors_depend_on_each_other_promises_nothing():
    wrong = in_runs(2000, 0.1, 0.99, np.random.default_rng(1))
    promise = warmed_monitor(np.zeros(2000, dtype=int), wrong).status()["promise"]
    assert re.fullmatch(
        r"none: errors of the base depend on each other over about \d+ labels; it takes [\d,]+ labels",
        promise,
    )
    wrong = in_runs(20_000, 0.1, 0.9, np.random.default_rng(1))
    promise = warmed_monitor(np.zeros(20_000, dtype=int), wrong).status()["promise"]
    assert promise.startswith("at most 0.5 false alarms")


@pytest.mark.parametrize(
    ("names", "verdict", "promised"),
    [
        (("glr", "ddm", "eddm"), "ddm", "at most 0.5 false alarms in 10,000 labels"),
        (("glr", "ddm", "eddm"), "any", "at most 1.5 false alarms in 10,000 labels"),
        (("glr", "river.adwin"), "glr", "at most 0.5 false alarms in 10,000 labels"),
        (("glr", "river.adwin"), "river.adwin", "none: limits that no base has moved (river.adwin)"),
        (("glr", "river.adwin"), "any", "none: limits that no base has moved (river.adwin)"),
        (("glr", "river.adwin"), "all within 500", "at most 0.5 false alarms in 10,000 labels"),
        (
            ("river.adwin", "river.hddm_a"),
            "all within 500",
            "none: limits that no base has moved (river.adwin, river.hddm_a)",
        ),
    ],
)
def test_the_promise_is_that_of_the_detectors_that_decide(names, verdict, promised):
    monitor = warmed_monitor(*base(), settings=DetectorSettings(names=names, verdict=verdict))
    assert monitor.promise.startswith(promised)


@pytest.mark.parametrize(("rate", "correlation"), [(0.02, 0.5), (0.1, 0.95), (0.3, 0.95)])
def test_limits_allow_for_how_little_a_short_base_knows(rate, correlation):
    """20 bases of 500 labels, each with 5,000 more like it: fewer alarms than the five of the promise."""
    settings = DetectorSettings(names=("ddm", "eddm", "page_hinkley"))
    alarms = dict.fromkeys(settings.names, 0)
    for seed in range(20):
        random = np.random.default_rng([seed, 500, round(1000 * rate), round(100 * correlation)])
        warm = in_runs(500, rate, correlation, random).tolist()
        live = in_runs(5000, rate, correlation, random)[None].astype(np.int8)
        for detector in detectors_from(warm, settings):
            reached = furthest(detector, live)[0]
            limit = 1 / detector.drift_limit if detector.name == "eddm" else detector.drift_limit
            alarms[detector.name] += bool(reached > limit)
    assert max(alarms.values()) <= 4, alarms


def test_a_rise_is_found_after_a_short_base_and_a_long_one():
    settings = DetectorSettings(names=("ddm", "eddm", "page_hinkley"))
    found = {n: dict.fromkeys(settings.names, 0) for n in (500, 2000)}
    for n, counts in found.items():
        for seed in range(10):
            random = np.random.default_rng([seed, n])
            stale = in_runs(5000, 0.3, 0.5, random).tolist()
            for detector in detectors_from(in_runs(n, 0.1, 0.5, random).tolist(), settings):
                for x in stale:
                    detector.update(x)
                    if detector.drift_detected:
                        counts[detector.name] += 1
                        break
    assert min(found[2000].values()) == 10 and min(found[500].values()) >= 9, found
