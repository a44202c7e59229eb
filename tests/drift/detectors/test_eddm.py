"""EDDM by hand: distances between errors, their mean and deviation, and where it fires."""

import math

import numpy as np
import pytest

from drift.detectors.eddm import EDDM


def fed(detector, stream):
    for x in stream:
        detector.update(x)
    return detector


def with_distances(distances):
    """Errors at these distances from each other."""
    return [x for distance in distances for x in [0] * (distance - 1) + [1]]


def test_the_statistic_is_mean_plus_two_deviations_as_a_share_of_the_largest():
    detector = EDDM(min_instances=0)
    fed(detector, with_distances([4, 8]))
    assert detector.statistic == 1.0
    fed(detector, with_distances([3]))
    largest = np.mean([4, 8]) + 2 * np.std([4, 8])
    now = np.mean([4, 8, 3]) + 2 * np.std([4, 8, 3])
    assert now < largest
    assert detector.statistic == pytest.approx(now / largest)


def test_running_mean_and_deviation_are_numpys_over_a_long_stream():
    distances = np.random.default_rng(0).geometric(0.1, 2000)
    largest, detector = 0.0, EDDM(min_instances=0, drift_level=0.01, warning_level=0.01)
    for n, distance in enumerate(distances, start=1):
        fed(detector, with_distances([distance]))
        current = distances[:n].mean() + 2 * distances[:n].std()
        largest = max(largest, current)
        assert detector.statistic == pytest.approx(current / largest, rel=1e-12)


def test_it_flags_below_its_shares_once_more_than_thirty_errors_were_seen():
    detector = fed(EDDM(min_instances=0), with_distances([10, 30] * 8))
    fed(detector, with_distances([2] * 14))
    assert detector.statistic < 0.9
    assert not detector.drift_detected  # error 30
    fed(detector, with_distances([2]))
    assert detector.drift_detected  # error 31


def test_a_warning_stays_between_errors_as_only_errors_are_news():
    detector = EDDM(drift_level=0.5, warning_level=0.95)
    fed(detector, with_distances([10, 30] * 20))
    while not detector.warning_detected:
        fed(detector, with_distances([2]))
    for _ in range(5):
        detector.update(0)
        assert detector.warning_detected
        assert not detector.drift_detected


def test_fewer_errors_needed_means_an_earlier_alarm():
    stream = with_distances([10, 30] * 8 + [2] * 40)

    def first(least):
        detector = EDDM(min_instances=0, min_errors=least)
        return next(i for i, x in enumerate(stream) if fed(detector, [x]).drift_detected)

    assert first(5) < first(30) < first(40)


def test_the_largest_is_looked_for_after_the_minimum_instances_only():
    """The first distances say little: a maximum among them would never be reached again."""
    detector = fed(EDDM(min_instances=300), with_distances([1, 200] + [5] * 10))
    assert detector.statistic is None
    fed(detector, with_distances([5] * 10))
    assert detector.statistic == 1.0


def test_planted_change_fires_where_it_is_pinned():
    random = np.random.default_rng(42)
    stream = np.concatenate([random.random(2000) < 0.1, random.random(1000) < 0.4]).astype(int)
    detector = EDDM(min_instances=1500)
    drifts = [i for i, x in enumerate(stream) if fed(detector, [x]).drift_detected]
    assert drifts == [2099]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"warning_level": 1.1}, "eddm: warning_level: must be a number above 0 and at most 1, got 1.1"),
        (
            {"drift_level": 0.96},
            r"eddm: drift_level: must be a number above 0 and at most 0.95, got 0.96",
        ),
        ({"drift_level": 0}, "eddm: drift_level: must be a number above 0"),
        ({"drift_level": math.inf}, "eddm: drift_level: must be a number above 0 and at most 0.95, got inf"),
        ({"min_errors": 0}, "eddm: min_errors: must be a whole number of at least 1, got 0"),
    ],
)
def test_a_bad_parameter_is_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        EDDM(**parameters)


def test_an_impossible_saved_state_is_refused():
    saved = fed(EDDM(min_instances=0), [1, 0, 1]).to_dict()
    for change in ({"errors": 4}, {"last_error": 9}, {"squares": -1.0}, {"current": 99.0}):
        with pytest.raises(ValueError, match="eddm: state: must be one the detector can reach"):
            EDDM.from_dict({**saved, "state": {**saved["state"], **change}})
