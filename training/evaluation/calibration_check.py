"""Whether probabilities are calibrated: of the rows of about the same probability, that share are errors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BINS = 10
FEWEST_ROWS = 30
"""Bins with fewer rows say nothing of the share of errors."""
MOST = 0.1
"""Largest difference of probability and share of errors in a bin that is still called calibrated."""
CHANCE = 3.0
"""Standard deviations by which the share of errors in a bin may differ by chance."""


@dataclass(frozen=True)
class CalibrationFinding:
    """The bin in which probability and share of errors differ most.

    :param said: mean probability there.
    :param found: share of errors there.
    """

    said: float
    found: float

    @property
    def calibrated(self) -> bool:
        """Whether they are about the same in every bin."""
        return abs(self.said - self.found) <= MOST

    def __str__(self) -> str:
        """In words."""
        if self.calibrated:
            return "calibrated"
        return f"not calibrated, {self.said:.2f} is said where {self.found:.2f} are errors"

    def describe(self) -> dict[str, str | bool]:
        """Results ready to be logged."""
        return {"calibrated": self.calibrated, "calibration": str(self)}


def check_calibration(
    labels: npt.NDArray[np.int8], probability: npt.NDArray[np.float64]
) -> CalibrationFinding:
    """Look at bins of equal width that hold at least ``FEWEST_ROWS`` rows; without any, at all rows.

    A difference that chance explains, were the rows independent, does not count.

    :param labels: 0 or 1, shape (n,), at least one.
    :param probability: of an error, shape (n,).
    """
    place = np.minimum((probability * BINS).astype(np.intp), BINS - 1)
    worst = CalibrationFinding(float(probability.mean()), float(labels.mean()))
    for at in np.flatnonzero(np.bincount(place, minlength=BINS) >= FEWEST_ROWS):
        inside = place == at
        found = CalibrationFinding(float(probability[inside].mean()), float(labels[inside].mean()))
        difference = abs(found.said - found.found)
        by_chance = CHANCE * math.sqrt(found.said * (1.0 - found.said) / int(inside.sum()))
        if difference > max(abs(worst.said - worst.found), by_chance):
            worst = found
    return worst
