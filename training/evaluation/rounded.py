"""Figures as people read them."""

from __future__ import annotations

_SMALLEST = 0.001


def rounded(number: float) -> str:
    """Two digits, or all before the point.

    >>> rounded(5.238), rounded(1234.5), rounded(0.0002)
    ('5.2', '1,234', 'less than 0.001')
    """
    if 0.0 < number < _SMALLEST:
        return f"less than {_SMALLEST}"
    return f"{number:.2g}" if number < 10.0 else f"{number:,.0f}"
