"""DDM by hand: rates, deviations and the values at which it warns and fires."""

import math

import numpy as np
import pytest

from drift.detectors.ddm import DDM


def fed(detector, stream):
    for x in stream:
        detector.update(x)
    return detector


def test_the_minimum_and_the_statistic_are_those_of_the_paper():
    # 1 0 0 0: p = 1, 1/2, 1/3, 1/4; from the second value on both outcomes were seen
    detector = fed(DDM(min_instances=0), [1, 0, 0, 0])
    p, s = 1 / 4, math.sqrt(1 / 4 * 3 / 4 / 4)
    assert detector.error_rate == p
    assert detector.statistic == pytest.approx((p + s - p) / s)  # the minimum is now: one deviation
    # then an error: p = 2/5
    detector.update(1)
    p_now, s_now = 2 / 5, math.sqrt(2 / 5 * 3 / 5 / 5)
    assert detector.statistic == pytest.approx((p_now + s_now - p) / s)


def test_it_warns_beyond_two_and_fires_beyond_three_deviations():
    # 10 % errors for 1000 values, then errors only:
    # p_min + s_min is lowest at n = 1000 or shortly before an error
    detector = fed(DDM(), [i % 10 == 9 for i in range(1000)])
    seen = []
    while not detector.drift_detected:
        detector.update(1)
        seen.append((detector.statistic, detector.warning_detected, detector.drift_detected))
    for statistic, warning, drift in seen:
        assert drift == (statistic > 3)
        assert warning == (2 < statistic <= 3)
    assert any(warning for _, warning, _ in seen)
    assert detector.drift_limit == 3.0
    assert detector.warning_limit == 2.0


def test_levels_move_the_alarm():
    stream = [i % 10 == 9 for i in range(1000)] + [1] * 200

    def first_drift(level):
        detector = DDM(drift_level=level)
        return next(i for i, x in enumerate(stream) if fed(detector, [x]).drift_detected)

    assert 1000 <= first_drift(2.0) < first_drift(3.0) < first_drift(5.0)


def test_the_first_errors_of_a_perfect_model_are_not_a_drift():
    """scikit-multiflow and river fire at the first error, from a deviation estimated as 0."""
    detector = fed(DDM(min_instances=1000), [0] * 1000)
    for x in [1] + [0] * 200 + [1] + [0] * 200:
        detector.update(x)
        assert not detector.drift_detected
    found = [i for i in range(50) if fed(detector, [1]).drift_detected]
    assert found
    assert found[0] < 10


def test_a_model_that_is_always_wrong_cannot_get_worse():
    detector = DDM()
    for _ in range(500):
        detector.update(1)
        assert not detector.drift_detected
        assert detector.statistic is None


def test_planted_change_fires_where_it_is_pinned():
    random = np.random.default_rng(42)
    stream = np.concatenate([random.random(2000) < 0.1, random.random(1000) < 0.4]).astype(int)
    detector = DDM(min_instances=1000)
    warnings, drifts = [], []
    for i, x in enumerate(stream):
        detector.update(x)
        warnings += [i] * detector.warning_detected
        drifts += [i] * detector.drift_detected
    assert (warnings[0], drifts) == (2021, [2063])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"warning_level": 0}, "ddm: warning_level: must be a number above 0, got 0"),
        ({"warning_level": math.nan}, "ddm: warning_level: must be a number above 0, got nan"),
        ({"drift_level": 1.5}, r"ddm: drift_level: must be a number of at least 2, got 1.5"),
        ({"drift_level": "3"}, "ddm: drift_level: must be a number of at least 2, got '3'"),
    ],
)
def test_a_bad_level_is_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        DDM(**parameters)


@pytest.mark.parametrize("bad", [2, -1, 0.5, 1.0000001])
def test_a_value_that_is_neither_right_nor_wrong_is_refused(bad):
    with pytest.raises(ValueError, match=r"x: must be 1 \(the model was wrong\) or 0 \(it was right\), got"):
        DDM().update(bad)


def test_an_impossible_saved_state_is_refused():
    saved = fed(DDM(min_instances=0), [1, 0, 0]).to_dict()
    for change in ({"errors": 4}, {"p_min": None}, {"s_min": 0.0}):
        with pytest.raises(ValueError, match="ddm: state: must be one the detector can reach"):
            DDM.from_dict({**saved, "state": {**saved["state"], **change}})
