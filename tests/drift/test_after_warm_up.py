"""What the base alone would say is no drift of the labels after it."""

import numpy as np
import pytest

from drift.detectors.likelihood_ratio import LikelihoodRatio


def first_drift(base, live):
    """Label after the base at which GLR finds a rise; None if it does not."""
    detector = LikelihoodRatio(min_instances=len(base), min_instances_after_drift=1000)
    for number, error in enumerate([*base, *live], 1 - len(base)):
        detector.update(int(error))
        if detector.drift_detected and detector.direction == "rise":
            return number
    return None


@pytest.mark.parametrize("seed", range(5))
def test_a_base_that_ends_with_more_errors_is_no_drift_of_what_follows(seed):
    """Its last 400 labels were a burst that is over: at first most of a window is of the base."""
    random = np.random.default_rng(seed)
    base = np.concatenate([random.random(3600) < 0.02, random.random(400) < 0.08])
    assert first_drift(base, random.random(1000) < 0.02) is None


@pytest.mark.parametrize("seed", range(5))
def test_a_rise_of_the_first_label_after_the_base_is_found(seed):
    random = np.random.default_rng(seed)
    found = first_drift(random.random(4000) < 0.02, random.random(1500) < 0.1)
    assert found is not None and 150 <= found <= 700
