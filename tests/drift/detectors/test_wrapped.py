"""Detectors of other packages behind our contract say what the package says, value for value."""

import numpy as np
import pytest
from river import drift as river

from drift.detectors.registry import DETECTORS
from drift.detectors.scikit_multiflow import drift_detection


def stream(seed):
    random = np.random.default_rng(seed)
    rates = np.repeat([0.1, 0.5, 0.05, 0.4], [700, 300, 600, 300])
    return (random.random(len(rates)) < rates).astype(int).tolist()


def package_flags(detector, values):
    """(index, drift, warning) of a detector of either package, by its own interface."""
    found = []
    for i, x in enumerate(values):
        if hasattr(detector, "add_element"):
            detector.add_element(x)
            drift, warning = detector.detected_change(), detector.detected_warning_zone()
        else:
            detector.update(x)
            drift, warning = detector.drift_detected, getattr(detector, "warning_detected", False)
        if drift or warning:
            found.append((i, bool(drift), bool(warning) and not drift))
    return found


def our_flags(detector, values):
    found = []
    for i, x in enumerate(values):
        detector.update(x)
        if detector.drift_detected or detector.warning_detected:
            found.append((i, detector.drift_detected, detector.warning_detected))
    return found


ORIGINALS = {
    "skmultiflow.ddm": lambda: drift_detection().DDM(min_num_instances=30),
    "skmultiflow.eddm": lambda: drift_detection().EDDM(),
    "skmultiflow.page_hinkley": lambda: drift_detection().PageHinkley(min_instances=30),
    "river.adwin": river.ADWIN,
    "river.hddm_a": river.binary.HDDM_A,
    "river.hddm_w": river.binary.HDDM_W,
    "river.kswin": lambda: river.KSWIN(seed=0),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ORIGINALS)
def test_flags_are_those_of_the_package_after_the_first_thirty_values(name, seed):
    values = stream(seed)
    theirs = [flag for flag in package_flags(ORIGINALS[name](), values) if flag[0] >= 30]
    assert our_flags(DETECTORS[name](min_instances=30), values) == theirs
    assert any(drift for _, drift, _ in theirs)


@pytest.mark.parametrize(
    ("name", "parameters", "original"),
    [
        ("river.adwin", {"delta": 0.05, "clock": 8, "max_buckets": 3}, river.ADWIN),
        ("river.hddm_a", {"drift_confidence": 0.01, "warning_confidence": 0.05}, river.binary.HDDM_A),
        ("river.hddm_w", {"lambda_val": 0.02}, river.binary.HDDM_W),
        ("river.kswin", {"alpha": 0.02, "window_size": 200, "stat_size": 50, "seed": 7}, river.KSWIN),
    ],
)
def test_parameters_reach_the_package(name, parameters, original):
    values = stream(5)
    theirs = package_flags(original(**parameters), values)
    ours = our_flags(DETECTORS[name](min_instances=0, **parameters), values)
    assert ours == theirs
    assert theirs != package_flags(original(), values)


@pytest.mark.parametrize("name", ["river.adwin", "river.kswin"])
def test_a_detector_that_looks_both_ways_says_which_way(name):
    detector = DETECTORS[name]()
    directions = []
    for x in [0, 0, 0, 0, 1] * 60 + [1] * 200 + [0] * 300:
        detector.update(x)
        directions += [detector.direction] * detector.drift_detected
    assert directions[0] == "rise"
    assert directions[-1] == "fall"


def test_numbers_are_taken_where_the_package_takes_them():
    for name in ("river.adwin", "river.kswin", "skmultiflow.page_hinkley"):
        detector = DETECTORS[name]()
        detector.update(3.75)
        with pytest.raises(ValueError, match="x: must be at most 1e"):
            detector.update(1e200)
    with pytest.raises(ValueError, match="x: must be 1"):
        DETECTORS["river.hddm_a"]().update(3.75)


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("skmultiflow.ddm", {"out_control_level": 1.0}, "skmultiflow.ddm: out_control_level: must be"),
        ("skmultiflow.page_hinkley", {"threshold": 0}, "skmultiflow.page_hinkley: threshold: must be"),
        ("river.adwin", {"delta": 1}, "river.adwin: delta: must be"),
        ("river.adwin", {"max_buckets": 0}, "river.adwin: max_buckets: must be"),
        ("river.hddm_a", {"warning_confidence": 0.0001}, "river.hddm_a: warning_confidence: must be"),
        ("river.hddm_w", {"lambda_val": 1.0}, "river.hddm_w: lambda_val: must be"),
        ("river.kswin", {"window_size": 50}, "river.kswin: window_size: must be"),
        ("river.kswin", {"seed": -1}, "river.kswin: seed: must be"),
    ],
)
def test_bad_parameters_are_refused(name, parameters, message):
    with pytest.raises(ValueError, match=message):
        DETECTORS[name](**parameters)


@pytest.mark.parametrize(
    ("name", "field", "bad"),
    [
        ("river.adwin", "rows", []),
        ("river.adwin", "rows", [[[1.0], [0.0, 0.0]]]),
        ("river.adwin", "rows", [[[1.0] * 9, [0.0] * 9]]),
        ("river.adwin", "rows", [["a", "b"]]),
        ("river.kswin", "window", ["x"]),
        ("river.kswin", "random", "!"),
        ("river.kswin", "random", "AAAA"),
    ],
)
def test_a_saved_state_that_the_package_could_not_have_is_refused(name, field, bad):
    detector = DETECTORS[name]()
    for x in stream(6)[:200]:
        detector.update(x)
    saved = detector.to_dict()
    saved["state"][field] = bad
    with pytest.raises(ValueError, match=rf"state\.{field}: must be"):
        DETECTORS[name].from_dict(saved)
