"""Values of a stream: error flags, and finite numbers."""

from __future__ import annotations

import math
from typing import Any

from feature_sets.checks import InputError


def error_value(x: Any, name: str = "x") -> int:
    """Raise InputError unless a value is an error flag: 1 for a wrong prediction, 0 for a right one.

    >>> error_value(True), error_value(0.0)
    (1, 0)

    :param x: 0, 1, a boolean, or a number equal to 0 or 1.
    :param name: field named in the error.
    """
    if type(x) is int and (x == 0 or x == 1):  # As nearly always.
        return x
    try:
        known = not isinstance(x, str) and bool(x == 0 or x == 1)
    except (TypeError, ValueError):  # pandas' NA and arrays do not say whether they equal 0
        known = False
    if known:
        return int(x)
    raise InputError(name, "must be 1 (the model was wrong) or 0 (it was right)", x)


def finite_value(x: Any, name: str = "x") -> float:
    """Raise InputError unless a value is a finite number.

    :param name: field named in the error.
    """
    if type(x) is int and (x == 0 or x == 1):
        return float(x)
    try:
        value = math.nan if isinstance(x, str) else float(x)
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise InputError(name, "must be a finite number", x)
    return value
