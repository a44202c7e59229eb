"""A detector that follows a script, error flags of given rates, and event times, for tests of the monitor."""

from typing import ClassVar

import numpy as np

from drift.detectors.detector import Detector

START = np.datetime64("2024-05-01T00:00:00")


def at(i):
    """Event time of value i: one a second."""
    return f"{START + np.timedelta64(i, 's')}+00:00"


class Scripted(Detector):
    """Raises flags by a script: one character per value, d drift, f fall, w warning, any other nothing."""

    name = "scripted"
    two_sided = True
    parameter_names = ("min_instances", "min_instances_after_drift")
    state_types: ClassVar = {}
    statistic = 1.5
    drift_limit = 1.0
    warning_limit = 0.5

    def __init__(self, script):
        super().__init__(0, None)
        self.script = script

    def _forget(self):
        """Nothing to forget."""

    def _is_possible(self):
        return True

    def _learn_and_test(self, x):
        sign = self.script[self._n_seen - 1]
        self._drift, self._fell, self._warning = sign in "df", sign == "f", sign == "w"


def errors(seed, *stretches):
    random = np.random.default_rng(seed)
    return [int(x) for length, rate in stretches for x in random.random(length) < rate]
