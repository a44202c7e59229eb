"""How far back the labeled rows of a training reach: a length, or a time from which on they count."""

from __future__ import annotations

SINCE = "since "
"""Begins a training window that is a time, such as ``since 2024-05-01T12:00:00Z``."""


def is_since(window: object) -> bool:
    """Whether a training window is a time; that is a decision about one run, which no later one repeats.

    >>> is_since("since 2024-05-01T12:00:00Z"), is_since("14d")
    (True, False)
    """
    return isinstance(window, str) and window.startswith(SINCE)
