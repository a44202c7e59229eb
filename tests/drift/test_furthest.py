"""How far statistics go on many streams at once is how far the detectors themselves go."""

import json

import numpy as np
import pytest

from drift.detectors.ddm import DDM
from drift.detectors.eddm import EDDM
from drift.detectors.page_hinkley import PageHinkley
from drift.detectors.registry import detector_from_dict
from drift.furthest import furthest
from tests.drift.error_streams import in_runs

LIMITS = {"drift_level": 1e9, "warning_level": 1e9, "threshold": 1e9}
OUT_OF_REACH = {"ddm": LIMITS, "page_hinkley": LIMITS, "eddm": {"drift_level": 1e-9, "warning_level": 1e-9}}


def one_by_one(detector, stream):
    """Update a copy that no limit stops with each value of a stream, and keep the furthest."""
    saved = detector.to_dict()
    limits = {k: v for k, v in OUT_OF_REACH[detector.name].items() if k in saved["parameters"]}
    copy = detector_from_dict(json.loads(json.dumps({**saved, "parameters": saved["parameters"] | limits})))
    found = 0.0
    for x in stream:
        copy.update(x)
        if copy.statistic:
            found = max(found, 1 / copy.statistic if copy.name == "eddm" else copy.statistic)
    return found


@pytest.mark.parametrize("kind", [DDM, EDDM, PageHinkley])
@pytest.mark.parametrize("rate", [0.0, 0.02, 0.3, 1.0])
@pytest.mark.parametrize(("warm", "least"), [(500, 500), (500, 200), (500, 900), (0, 0), (0, 30)])
def test_it_is_how_far_the_detector_goes(kind, rate, warm, least):
    random = np.random.default_rng([warm, least, round(100 * rate)])
    detector = kind(least, min_instances_after_drift=30)
    for x in in_runs(500, min(max(rate, 0.01), 0.99), 0.5, random)[:warm].tolist():
        detector.update(x)
    before = detector.to_dict()
    streams = (random.random((6, 1500)) < rate).astype(np.int8)
    expected = [one_by_one(detector, stream) for stream in streams.tolist()]
    assert furthest(detector, streams) == pytest.approx(expected, rel=1e-10, abs=1e-10)
    assert detector.to_dict() == before


@pytest.mark.parametrize("kind", [DDM, EDDM, PageHinkley])
def test_a_detector_that_has_just_found_drift_begins_anew(kind):
    detector = kind(30, min_instances_after_drift=60)
    for x in [0, 0, 0, 0, 0, 0, 0, 0, 0, 1] * 50:
        detector.update(x)
    for _ in range(400):
        if not detector.drift_detected:
            detector.update(1)
    assert detector.drift_detected
    streams = (np.random.default_rng(2).random((6, 1500)) < 0.2).astype(np.int8)
    expected = [one_by_one(detector, stream) for stream in streams.tolist()]
    assert min(expected) > 0
    assert furthest(detector, streams) == pytest.approx(expected, rel=1e-10)
