"""Detectors, verdict and cool-down as one setting in words."""

import pytest

from drift.detector_choice import DetectorChoice
from drift.detectors.registry import DETECTORS
from drift.warm_up import DetectorSettings, warmed_monitor
from feature_sets.checks import InputError


def test_no_words_are_the_default():
    assert DetectorChoice.parse("") == DetectorChoice()
    assert DetectorChoice().settings(30) == DetectorSettings()
    assert DetectorChoice.parse("; cool_down=0") == DetectorChoice(cool_down=0)
    assert DetectorChoice.parse(": any") == DetectorChoice(verdict="any")


@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector_of_the_packages_can_be_chosen_alone(name):
    choice = DetectorChoice.parse(name)
    monitor = warmed_monitor([0, 1] * 50, [0, 1] * 50, DetectorSettings(choice.names, calibrate=False))
    assert list(monitor.status()["detectors"]) == [name]
    assert choice.settings(30).verdict_rule == ("glr" if name == "glr" else "any")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("adwin", "detectors: must be among glr, ddm"),
        ("ddm, ddm", "must have each detector once"),
        ("ddm: all", "verdict: must be among any, all within N, K within N, ddm"),
        ("ddm, eddm: 3 within 100", "verdict: must be among"),
        ("ddm; cool_down=-1", "must be 'cool_down=' and a whole number after ';', got 'cool_down=-1'"),
        ("ddm; merge=3", "must be 'cool_down='"),
    ],
)
def test_words_that_break_a_rule_are_refused(text, message):
    with pytest.raises(InputError, match=message):
        DetectorChoice.parse(text)
