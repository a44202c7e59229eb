"""Detectors, verdict and cool-down as one setting in words."""

import pytest

from drift.alert import Hysteresis
from drift.detector_choice import DetectorChoice
from drift.detectors.registry import DETECTORS
from drift.warm_up import DetectorSettings, warmed_monitor
from feature_sets.checks import InputError


def test_no_words_are_the_default():
    assert DetectorChoice.parse("") == DetectorChoice()
    assert DetectorChoice().settings(30) == DetectorSettings()
    assert DetectorChoice.parse("; cool_down=0") == DetectorChoice(cool_down=0)
    assert DetectorChoice.parse(": any") == DetectorChoice(verdict="any")


def test_when_an_alert_is_over_and_groups_are_said_in_the_same_words():
    choice = DetectorChoice.parse("glr; groups=site, most_groups=5, clear_below=0.2, clear_batches=3")
    assert (choice.group_column, choice.most_groups) == ("site", 5)
    assert choice.hysteresis == Hysteresis(below=0.2, batches=3)


def test_missed_incidents_are_watched_unless_that_is_switched_off():
    assert DetectorChoice.parse("; missed_incidents=on") == DetectorChoice()
    assert not DetectorChoice.parse("glr; missed_incidents=off, cool_down=50").missed_incidents


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
        ("ddm; cool_down=-1", "detectors: cool_down: must be a whole number, got '-1'"),
        ("ddm; merge=3", "must be cool_down, clear_below, .* each once with '=', after ';', got 'merge=3'"),
        ("ddm; cool_down", "must be cool_down, clear_below"),
        ("; cool_down=1, cool_down=2", "each once with '='"),
        ("; clear_below=much", "detectors: clear_below: must be a number, got 'much'"),
        ("; clear_below=2", "hysteresis: below: must be a number of at least 0 and at most 1"),
        ("; missed_incidents=no", "detectors: missed_incidents: must be among on, off, got 'no'"),
        ("; clear_batches=1.5", "detectors: clear_batches: must be a whole number"),
        ("; most_groups=3", "most_groups: must be at least 1, beside 'groups', got 3"),
        ("; groups=site, most_groups=51", "most_groups: must be a whole number of at least 0 and at most 50"),
    ],
)
def test_words_that_break_a_rule_are_refused(text, message):
    with pytest.raises(InputError, match=message):
        DetectorChoice.parse(text)
