"""How far ahead errors are predicted: one horizon, or several with a model each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from feature_sets.checks import InputError, duration_seconds

MOST_HORIZONS = 6
"""Each costs a selection, a search and a model in memory."""


def primary_and_further(given: object) -> tuple[object, tuple[str, ...]]:
    """What a schema says of horizons as the first and the others; one that is no list stays as it is.

    >>> primary_and_further("10m"), primary_and_further(["0s", "10m", "1h"])
    (('10m', ()), ('0s', ('10m', '1h')))

    :raises InputError: unless a list has 1 to ``MOST_HORIZONS`` horizons.
    """
    if isinstance(given, str) or not isinstance(given, Sequence):
        return given, ()
    if not 1 <= len(given) <= MOST_HORIZONS:
        raise InputError("horizon", f"must be one, or a list of 1 to {MOST_HORIZONS}", list(given))
    return given[0], tuple(given[1:])


def check_horizons(horizons: Sequence[str]) -> None:
    """Raise InputError unless each is a duration, and longer than the one before it."""
    lengths = [duration_seconds(horizon, "horizon") for horizon in horizons]
    if any(later <= earlier for earlier, later in pairwise(lengths)):
        raise InputError("horizon", "must be in ascending order, each length once", list(horizons))


def target_of(label: str, horizon: str) -> str:
    """Column that is predicted: the label or, ahead, ``{label}_within_{horizon}``."""
    return f"{label}_within_{horizon}" if duration_seconds(horizon) else label


def ahead_of(label: str, horizons: Sequence[str]) -> tuple[str, ...]:
    """Columns of what is predicted ahead, beside the label itself."""
    return tuple(target_of(label, horizon) for horizon in horizons if duration_seconds(horizon))
