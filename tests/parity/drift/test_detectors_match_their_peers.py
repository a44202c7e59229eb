"""Our detectors against scikit-multiflow's and river's on seeded streams: the same alarms.

Where the libraries start to test a few values earlier or later than we do, their minimum is set so that all
start at the same value; the docstring of each detector says what the offset is.
"""

import numpy as np
import pytest
from river.drift import PageHinkley as RiverPageHinkley
from river.drift.binary import DDM as RiverDDM
from river.drift.binary import EDDM as RiverEDDM

from drift.detectors.ddm import DDM
from drift.detectors.eddm import EDDM
from drift.detectors.multiflow_detectors import MultiflowDDM, MultiflowPageHinkley
from drift.detectors.page_hinkley import PageHinkley
from drift.detectors.scikit_multiflow import drift_detection

SEEDS = range(8)
every_seed = pytest.mark.parametrize("seed", SEEDS)


def stream(seed):
    """Error flags: calm, abrupt change, calm, gradual change, improvement, all wrong."""
    random = np.random.default_rng(seed)
    rates = np.concatenate(
        [
            np.full(1500, 0.1),
            np.full(800, 0.4),
            np.full(1000, 0.1),
            np.linspace(0.1, 0.6, 1500),
            np.full(700, 0.02),
            np.full(150, 1.0),
        ]
    )
    return (random.random(len(rates)) < rates).astype(int).tolist()


def flags(detector, values):
    """(index, level) of every flag raised by a detector with river's interface, or ours."""
    found = []
    for i, x in enumerate(values):
        detector.update(x)
        if detector.drift_detected:
            found.append((i, "drift"))
        elif getattr(detector, "warning_detected", False):
            found.append((i, "warning"))
    return found


def multiflow_flags(detector, values):
    found = []
    for i, x in enumerate(values):
        detector.add_element(x)
        if detector.detected_change():
            found.append((i, "drift"))
        elif detector.detected_warning_zone():
            found.append((i, "warning"))
    return found


def drifts(found):
    return [i for i, level in found if level == "drift"]


@every_seed
@pytest.mark.parametrize("least", [30, 500])
def test_ddm_raises_every_flag_of_scikit_multiflow_and_river(seed, least):
    values = stream(seed)
    ours = flags(DDM(min_instances=least), values)
    assert len(drifts(ours)) >= 1
    assert ours == multiflow_flags(drift_detection().DDM(min_num_instances=least + 2), values)
    assert ours == flags(RiverDDM(warm_start=least), values)


@every_seed
def test_ddm_with_other_levels_does_too(seed):
    values = stream(seed)
    ours = flags(DDM(50, warning_level=1.5, drift_level=2.5), values)
    peer = drift_detection().DDM(min_num_instances=52, warning_level=1.5, out_control_level=2.5)
    assert ours == multiflow_flags(peer, values)


@every_seed
def test_eddm_raises_every_flag_of_scikit_multiflow(seed):
    values = stream(seed)
    ours = flags(EDDM(min_instances=28), values)
    assert len(drifts(ours)) >= 3
    assert ours == multiflow_flags(drift_detection().EDDM(), values)


@every_seed
def test_eddm_finds_its_first_drift_near_rivers(seed):
    """river divides the squared deviations by one less."""
    values = stream(seed)
    ours = drifts(flags(EDDM(min_instances=30), values))
    theirs = drifts(flags(RiverEDDM(warm_start=30), values))
    assert abs(ours[0] - theirs[0]) <= 60


@every_seed
def test_page_hinkley_fires_with_scikit_multiflow(seed):
    values = stream(seed)
    ours = flags(PageHinkley(min_instances=0), values)
    assert len(drifts(ours)) >= 2
    assert ours == multiflow_flags(drift_detection().PageHinkley(min_instances=1, threshold=10), values)


@every_seed
def test_page_hinkley_that_never_forgets_fires_with_river(seed):
    values = stream(seed)
    ours = flags(PageHinkley(min_instances=0, alpha=1.0), values)
    assert len(drifts(ours)) >= 2
    assert ours == flags(RiverPageHinkley(min_instances=1, threshold=10, alpha=1.0, mode="up"), values)


@every_seed
def test_page_hinkley_fires_with_both_on_numbers_too(seed):
    random = np.random.default_rng(seed)
    values = np.concatenate([random.normal(5, 1, 800), random.normal(6, 1, 400)]).tolist()
    ours = flags(PageHinkley(min_instances=0, threshold=50, alpha=1.0), values)
    assert drifts(ours)
    assert ours == multiflow_flags(drift_detection().PageHinkley(min_instances=1, alpha=1.0), values)
    assert ours == flags(RiverPageHinkley(min_instances=1, alpha=1.0, mode="up"), values)


@every_seed
def test_page_hinkley_after_thirty_values_fires_near_scikit_multiflow(seed):
    values = stream(seed)[:2300]
    ours = drifts(flags(PageHinkley(min_instances=28), values))
    theirs = drifts(multiflow_flags(drift_detection().PageHinkley(min_instances=30, threshold=10), values))
    after = [next(i for i in found if i >= 1500) for found in (ours, theirs)]
    assert abs(after[0] - after[1]) <= 40


def test_where_scikit_multiflow_is_wrong_the_first_error_of_a_perfect_model_is_a_drift():
    values = [0] * 100 + [1] + [0] * 100
    assert drifts(multiflow_flags(drift_detection().DDM(), values)) == [100]
    assert drifts(flags(RiverDDM(), values)) == [100]
    assert flags(DDM(), values) == []


def test_where_scikit_multiflow_is_wrong_page_hinkley_fires_as_soon_as_a_calm_warm_up_ends():
    random = np.random.default_rng(0)
    warm_up = 2000
    values = (random.random(warm_up + 50) < 0.1).astype(int).tolist()
    theirs = multiflow_flags(drift_detection().PageHinkley(min_instances=warm_up, threshold=10), values)
    assert drifts(theirs)[0] <= warm_up
    assert flags(PageHinkley(min_instances=warm_up), values) == []


@pytest.mark.parametrize("seed", range(100, 200))
def test_the_two_packages_find_each_drift_within_five_values(seed):
    """DDM and Page-Hinkley, each package's own through our contract or by itself."""
    values = stream(seed)[2000:5000]
    pairs = [
        (MultiflowDDM(min_instances=32), RiverDDM(warm_start=30)),
        (MultiflowPageHinkley(1, 20, alpha=1.0), RiverPageHinkley(1, threshold=20, alpha=1.0, mode="up")),
    ]
    for ours, theirs in pairs:
        left, right = drifts(flags(ours, values)), drifts(flags(theirs, values))
        assert len(left) == len(right) >= 1
        assert all(abs(a - b) <= 5 for a, b in zip(left, right, strict=True))
