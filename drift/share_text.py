"""Shares in words: one that is not 0 is never told as 0.

Where errors are rare, one decimal of a per cent, or three of a share, are 0 before and after any change.
"""

from __future__ import annotations

import math


def percent(share: float) -> str:
    """A share in per cent with one decimal; a small one with two digits that count.

    >>> percent(0.0511), percent(0.00023), percent(0.0000071), percent(0.0)
    ('5.1%', '0.023%', '0.00071%', '0.0%')

    :param share: 0 to 1.
    """
    return f"{share:.{_decimals(100 * share, 1)}%}"


def decimal(share: float) -> str:
    """A share with three decimals; a small one with two digits that count.

    >>> decimal(0.4771), decimal(0.000277), decimal(0.0)
    ('0.477', '0.00028', '0.000')

    :param share: 0 to 1.
    """
    return f"{share:.{_decimals(share, 3)}f}"


def _decimals(size: float, least: int) -> int:
    """How many decimals show two digits of a size that the least number would show as one or as none."""
    small = 0 < size < 10**-least
    return 1 - math.floor(math.log10(size)) if small else least
