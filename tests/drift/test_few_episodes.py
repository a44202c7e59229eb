"""A base of few runs of errors: DDM, EDDM and Page-Hinkley learn on from live labels, and say so."""

import numpy as np
import pytest

from drift.calibration import LEARN_ON, labels_to_learn, promise
from drift.verdict import Verdict
from drift.warm_up import DetectorSettings, detectors_from
from tests.drift.error_streams import in_runs

ONE_EPISODE = [0] * 200 + [1] * 15 + [0] * 285


@pytest.mark.parametrize(
    ("errors", "labels"),
    [
        (ONE_EPISODE, 10_000),
        ([0] * 500, 10_000),
        ([0, 0, 0, 1] * 10, 80),
        ([0, 0, 0, 1] * 20, 80),
        ([1] * 40, 800),
        ([0, 0, 0, 1] * 5_000, 20_000),
    ],
    ids=["one", "none", "half of them", "enough", "nothing else", "more than are learned from"],
)
def test_as_many_labels_are_learned_from_as_hold_twenty_runs(errors, labels):
    assert labels_to_learn(errors) == labels


def test_after_one_episode_more_of_them_are_no_drift_and_the_promise_says_what_is_lacking():
    live = in_runs(9_500, 0.02, 0.95, np.random.default_rng(3)).tolist()
    for detector in detectors_from(ONE_EPISODE, DetectorSettings(LEARN_ON)):
        drifts = 0
        for x in live:
            detector.update(x)
            drifts += detector.drift_detected
        assert drifts == 0, detector.name
    found = promise(ONE_EPISODE, Verdict("any", LEARN_ON))
    assert found.startswith("none: the base has 15 errors in 1 of 20 blocks")
    assert found.endswith("ddm, eddm, page_hinkley learn on until label 10,000 and test none before")


def test_what_becomes_worse_after_that_is_found():
    random = np.random.default_rng(4)
    live = [*in_runs(10_000, 0.02, 0.5, random).tolist(), *in_runs(4_000, 0.2, 0.5, random).tolist()]
    for detector in detectors_from(in_runs(500, 0.02, 0.5, random).tolist(), DetectorSettings(LEARN_ON)):
        found = []
        for number, x in enumerate(live):
            detector.update(x)
            if detector.drift_detected:
                found.append(number)
        assert any(10_000 <= number < 12_000 for number in found), (detector.name, found)


def test_settings_that_name_a_length_or_no_calibration_keep_it():
    for settings in (DetectorSettings(calibrate=False), DetectorSettings(min_instances=500)):
        assert {each.min_instances for each in detectors_from(ONE_EPISODE, settings)} == {500}
    assert detectors_from(ONE_EPISODE)[0].min_instances == 500  # GLR counts by itself what labels are worth.
