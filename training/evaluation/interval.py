"""A 95 % interval of a score or of a difference of scores."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """A 95 % interval.

    :param low: lower bound.
    :param high: upper bound.
    """

    low: float
    high: float

    def __str__(self) -> str:
        """Both bounds, for a sentence."""
        return f"{self.low:.3f} to {self.high:.3f}"
