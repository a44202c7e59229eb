"""Durations for people."""

from __future__ import annotations

_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))


def in_words(seconds: float) -> str:
    """A duration in the largest unit that it has at least two of, such as ``95 s`` or ``2.5 min``.

    :param seconds: at least 0.
    :returns: three significant digits, or all whole ones.
    """
    for length, unit in _UNITS:
        if seconds >= 2.0 * length:
            return f"{_rounded(seconds / length)} {unit}"
    return f"{_rounded(seconds)} s"


def _rounded(amount: float) -> str:
    # Three digits of 1234 would be 1.23e+03.
    return f"{amount:.0f}" if amount >= 100.0 else f"{amount:.3g}"
