"""Page-Hinkley by hand, and how long it keeps quiet on a steady stream."""

import math

import numpy as np
import pytest

from drift.detectors.page_hinkley import PageHinkley, mean_values_between_false_alarms


def fed(detector, stream):
    for x in stream:
        detector.update(x)
    return detector


def test_the_sum_is_that_of_the_formula():
    detector = PageHinkley(min_instances=0, delta=0.1, alpha=0.5)
    # means 1, 1/2, 2/3; sums max(0, -0.1), max(0, -0.6), 1 - 2/3 - 0.1
    fed(detector, [1])
    assert detector.statistic == 0.0
    fed(detector, [0])
    assert detector.statistic == 0.0
    fed(detector, [1])
    assert detector.statistic == pytest.approx(1 - 2 / 3 - 0.1)
    # mean 3/4: half of the sum is kept
    fed(detector, [1])
    assert detector.statistic == pytest.approx(0.5 * (1 - 2 / 3 - 0.1) + 1 - 3 / 4 - 0.1)


def test_it_equals_the_sum_minus_its_minimum_when_nothing_is_forgotten():
    """Page's own form: the cumulative sum compared with its smallest value so far."""
    x = np.random.default_rng(0).normal(size=500)
    detector = PageHinkley(min_instances=0, threshold=1e9, delta=0.01, alpha=1.0)
    means = np.cumsum(x) / np.arange(1, 501)
    sums = np.concatenate([[0.0], np.cumsum(x - means - 0.01)])
    for i, value in enumerate(x):
        detector.update(value)
        assert detector.statistic == pytest.approx(sums[i + 1] - sums[: i + 2].min(), abs=1e-9)


def test_it_fires_when_the_sum_exceeds_the_threshold_and_never_warns():
    detector = fed(PageHinkley(), [i % 10 == 9 for i in range(500)])
    before = 0.0
    while not detector.drift_detected:
        assert before <= 10
        detector.update(1)
        before = detector.statistic
        assert not detector.warning_detected
    assert before > 10
    assert detector.drift_limit == 10
    assert detector.warning_limit is None


def test_a_long_warm_up_does_not_make_the_first_live_value_a_drift():
    """Summing through the warm-up, as scikit-multiflow does, passes the threshold by chance."""
    random = np.random.default_rng(0)
    stream = (random.random(5000) < 0.1).astype(int)
    detector = fed(PageHinkley(min_instances=len(stream)), stream)
    assert detector.statistic is None
    detector.update(1)
    assert detector.statistic < 1
    assert not detector.drift_detected


def test_it_takes_any_finite_number():
    random = np.random.default_rng(1)
    stream = np.concatenate([random.normal(20, 1, 500), random.normal(22, 1, 100)])
    detector = PageHinkley(threshold=50, delta=0.5)
    drifts = [i for i, x in enumerate(stream) if fed(detector, [x]).drift_detected]
    assert drifts == [537]


def test_a_sum_of_exactly_the_threshold_is_no_drift():
    # means 0, 1/2; the only tested sum is 1 - 1/2
    detector = fed(PageHinkley(min_instances=1, threshold=0.5, delta=0.0, alpha=1.0), [0, 1])
    assert detector.statistic == 0.5
    assert not detector.drift_detected


def test_the_largest_values_give_no_infinity():
    detector = fed(PageHinkley(min_instances=0), [-1e100, 1e100])
    assert detector.drift_detected
    assert math.isfinite(detector.statistic)
    with pytest.raises(ValueError, match=r"x: must be at most 1e\+100 in size, got 1e\+101"):
        detector.update(1e101)


def test_planted_change_fires_where_it_is_pinned():
    random = np.random.default_rng(42)
    stream = np.concatenate([random.random(2000) < 0.1, random.random(200) < 0.4]).astype(int)
    detector = PageHinkley(min_instances=1500)
    drifts = [i for i, x in enumerate(stream) if fed(detector, [x]).drift_detected]
    assert drifts == [2017]


@pytest.mark.parametrize("error_rate", [0.1, 0.2])
def test_the_estimated_time_between_false_alarms_is_near_the_simulated_one(error_rate):
    random = np.random.default_rng(7)
    detector, alarms, n = PageHinkley(alpha=1.0), 0, 200_000
    for x in (random.random(n) < error_rate).tolist():
        detector.update(x)
        alarms += detector.drift_detected
    estimate = mean_values_between_false_alarms(error_rate)
    # the sum overshoots and the mean is learned anew after each alarm: the real number is larger
    assert 0.8 < (n / alarms) / estimate < 1.6


def test_the_estimate_in_the_documentation_holds():
    assert mean_values_between_false_alarms(0.03) == pytest.approx(15_500, rel=0.01)
    assert mean_values_between_false_alarms(0.1) == pytest.approx(1_670, rel=0.01)
    assert mean_values_between_false_alarms(1e-9) == math.inf


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0,), "error_rate: must be a number above 0 and below 1, got 0"),
        ((0.1, 0), "threshold: must be a number above 0, got 0"),
        ((0.1, 10, 0), "delta: must be a number above 0, got 0"),
    ],
)
def test_the_estimate_refuses_what_it_cannot_estimate(arguments, message):
    with pytest.raises(ValueError, match=message):
        mean_values_between_false_alarms(*arguments)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"threshold": 0}, "page_hinkley: threshold: must be a number above 0, got 0"),
        ({"delta": -0.1}, "page_hinkley: delta: must be a number of at least 0, got -0.1"),
        ({"alpha": 0}, "page_hinkley: alpha: must be a number above 0 and at most 1, got 0"),
        ({"alpha": 1.01}, "page_hinkley: alpha: must be a number above 0 and at most 1, got 1.01"),
        ({"threshold": None}, "page_hinkley: threshold: must be a number above 0, got None"),
    ],
)
def test_a_bad_parameter_is_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        PageHinkley(**parameters)


def test_an_impossible_saved_state_is_refused():
    saved = fed(PageHinkley(min_instances=0), [1, 0, 1]).to_dict()
    with pytest.raises(ValueError, match="page_hinkley: state: must be one the detector can reach"):
        PageHinkley.from_dict({**saved, "state": {**saved["state"], "sum": -1.0}})
