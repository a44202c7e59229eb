"""Published false alarms: drifts per 10,000 labels on streams whose error rate does not change.

Each kind of stream is seen by the four detectors of the default settings, after a warm-up on another stream
of the kind. The streams are seeded and NumPy is locked, so the counts are exact; a detector that alarms once
more or less has changed. ``docs/drift.md`` shows the rates.
"""

import copy

import numpy as np
import pytest

from drift.calibration import FALSE_ALARMS_PER_10_000
from drift.detectors.likelihood_ratio import LikelihoodRatio
from drift.warm_up import DetectorSettings, detectors_from
from tests.drift.error_streams import dealt_out_again, in_runs, taking_turns, together

NAMES = ("glr", "ddm", "eddm", "page_hinkley")
BASE, LABELS = 10_000, 10_000

KINDS = {
    "independent": lambda n, rate, random: in_runs(n, rate, 0.0, random),
    "runs, lag-1 correlation 0.5": lambda n, rate, random: in_runs(n, rate, 0.5, random),
    "runs, lag-1 correlation 0.95": lambda n, rate, random: in_runs(n, rate, 0.95, random),
    "20 devices in turn": lambda n, rate, random: taking_turns(n, rate, 20, random),
    "20 devices, some together": lambda n, rate, random: together(n, rate, 20, random),
}
STREAMS = 5

# kind of stream, error rate -> alarms of each detector in 50,000 labels
ALARMS = {
    ("independent", 0.01): (1, 1, 2, 0),
    ("independent", 0.1): (0, 0, 0, 0),
    ("runs, lag-1 correlation 0.5", 0.01): (0, 0, 0, 0),
    ("runs, lag-1 correlation 0.5", 0.1): (0, 1, 0, 0),
    ("runs, lag-1 correlation 0.95", 0.01): (0, 3, 2, 3),
    ("runs, lag-1 correlation 0.95", 0.1): (1, 0, 0, 1),
    ("20 devices in turn", 0.01): (0, 0, 0, 2),
    ("20 devices in turn", 0.1): (1, 1, 0, 1),
    ("20 devices, some together", 0.01): (2, 3, 2, 4),
    ("20 devices, some together", 0.1): (2, 2, 1, 2),
}

# lag-1 correlation -> alarms of GLR without a base in 68 streams of 20,000 labels, 17 of each error rate
STATIONARY = {0.0: 13, 0.5: 7, 0.95: 12}


def alarms(detector, stream):
    update = detector.update
    found = 0
    for x in stream:
        update(x)
        found += detector.drift_detected
    return found


def measured(kind, rate):
    found = dict.fromkeys(NAMES, 0)
    for seed in range(STREAMS):
        random = np.random.default_rng([seed, round(1000 * rate)])
        base = KINDS[kind](BASE, rate, random).tolist()
        live = KINDS[kind](LABELS, rate, random).tolist()
        for detector in detectors_from(base, DetectorSettings(min_instances_after_drift=1000)):
            found[detector.name] += alarms(detector, live)
    return tuple(found.values())


@pytest.mark.figures
@pytest.mark.parametrize(("kind", "rate"), ALARMS, ids=str)
def test_false_alarms_are_those_that_are_published(kind, rate):
    assert measured(kind, rate) == ALARMS[kind, rate]


@pytest.mark.figures
@pytest.mark.parametrize("correlation", STATIONARY)
def test_the_default_keeps_its_promise_on_stationary_streams(correlation):
    """204 streams of 20,000 labels in all, without a base."""
    found = 0
    for rate in (0.01, 0.03, 0.1, 0.3):
        for seed in range(17):
            random = np.random.default_rng([seed, 7, round(1000 * rate), round(100 * correlation)])
            found += alarms(LikelihoodRatio(), in_runs(20_000, rate, correlation, random).tolist())
    assert found == STATIONARY[correlation]
    assert found / 136 <= FALSE_ALARMS_PER_10_000 / 2


@pytest.mark.figures
@pytest.mark.parametrize("kind", KINDS)
def test_replays_of_the_base_keep_the_promise(kind):
    """As it is, and with its blocks in another order: every detector of the default settings."""
    found, labels = dict.fromkeys(NAMES, 0), 0
    for seed in range(3):
        random = np.random.default_rng([seed, 3])
        base = KINDS[kind](10_000, 0.05, random)
        warm = detectors_from(base.tolist(), DetectorSettings(min_instances_after_drift=1000))
        for live in (base, dealt_out_again(base, 25, random), dealt_out_again(base, 25, random)):
            labels += len(live)
            for detector in warm:
                found[detector.name] += alarms(copy.deepcopy(detector), live.tolist())
    assert max(found.values()) / labels * 10_000 <= FALSE_ALARMS_PER_10_000, found


# kind of stream, error rate that triples -> streams of 8 in which GLR finds that within 6,000 labels
FOUND = {
    ("one stream", 0.01): 3,
    ("one stream", 0.03): 8,
    ("one stream", 0.1): 8,
    ("50 devices in turn", 0.01): 3,
    ("50 devices in turn", 0.03): 7,
    ("50 devices in turn", 0.1): 8,
}


@pytest.mark.figures
@pytest.mark.parametrize(("kind", "rate"), FOUND, ids=str)
def test_rises_in_runs_are_found_as_often_as_is_published(kind, rate):
    """Runs of a lag-1 correlation of 0.9, after a base of 10,000 labels."""
    found = 0
    for seed in range(8):
        random = np.random.default_rng([seed, round(1000 * rate)])

        def stream(n, share, random=random):
            in_turn = kind == "50 devices in turn"
            return taking_turns(n, share, 50, random) if in_turn else in_runs(n, share, 0.9, random)

        base = stream(10_000, rate).tolist()
        settings = DetectorSettings(("glr",), min_instances_after_drift=1000)
        found += alarms(*detectors_from(base, settings), stream(6_000, 3 * rate).tolist()) > 0
    assert found == FOUND[kind, rate]


# Devices, error rate, ticks that a common outage lasts, share of the devices that fail in it.
OUTAGES = [(30, 0.01, 60, 0.7), (30, 0.05, 20, 0.5), (100, 0.01, 30, 0.5), (200, 0.01, 30, 0.1)]


@pytest.mark.figures
@pytest.mark.parametrize("shape", OUTAGES, ids=str)
def test_common_outages_of_a_fleet_keep_the_promise(shape):
    """GLR on 50 streams of 20,000 labels of each shape, 200 in all, after a base with such outages."""
    devices, rate, ticks, share = shape
    found = 0
    for seed in range(50):
        random = np.random.default_rng([seed, 29, *map(round, (devices, 1000 * rate, ticks, 100 * share))])
        base, live = (together(n, rate, devices, random, ticks, share).tolist() for n in (10_000, 20_000))
        (detector,) = detectors_from(base, DetectorSettings(("glr",), min_instances_after_drift=1000))
        found += alarms(detector, live)
    assert found / 100 <= FALSE_ALARMS_PER_10_000, found
