"""How much more than guessing a model must know for its alarms to be of use."""

from __future__ import annotations

LEAST_GAIN = 0.05
"""Share of the way from the base rate to 1 that an average precision must go."""


def is_usable(average_precision: float, base_rate: float) -> bool:
    """Whether a model knows enough more than guessing.

    >>> is_usable(0.09, base_rate=0.068), is_usable(0.9, base_rate=0.068)
    (False, True)

    :param base_rate: share of errors: the average precision of guessing.
    """
    return average_precision - base_rate >= LEAST_GAIN * (1.0 - base_rate)
