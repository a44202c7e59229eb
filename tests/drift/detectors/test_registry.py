"""Which detectors are registered."""

from drift.detectors.registry import DETECTORS


def test_the_three_detectors_of_the_older_system_are_registered():
    assert list(DETECTORS) == ["ddm", "eddm", "page_hinkley"]
