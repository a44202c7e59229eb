"""Durations for people."""

from __future__ import annotations

_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))


def in_words(seconds: float) -> str:
    """A duration in the largest unit that it has at least two of, such as ``95 s`` or ``2.5 min``."""
    for length, unit in _UNITS:
        if seconds >= 2.0 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} s"
