"""The saved form of a detector: plain JSON values, each checked when it is read back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from feature_sets.checks import InputError

FORMAT = 1
"""Version of the saved form; a saved detector with another version is refused."""

Types = type | tuple[type, ...]


def saved_mapping(owner: str, name: str, got: Any, keys: tuple[str, ...]) -> Mapping[str, Any]:
    """Raise InputError unless a value is a mapping with exactly these keys."""
    if not isinstance(got, Mapping) or set(got) != set(keys):
        raise InputError(f"{owner}: {name}", f"must be a mapping with the keys {sorted(keys)}", got)
    return got


def state_value(owner: str, name: str, value: Any, allowed: Types) -> Any:
    """Raise InputError unless a saved value is of an allowed type, finite, and as a count not negative."""
    types = allowed if isinstance(allowed, tuple) else (allowed,)
    if float in types and type(value) is int:
        value = float(value)  # some JSON writers turn 1.0 into 1
    holds = type(value) in types
    if holds and isinstance(value, float):
        holds = math.isfinite(value)
    elif holds and isinstance(value, int):
        holds = value >= 0
    if not holds:
        names = " or ".join(each.__name__ for each in types)
        raise InputError(f"{owner}: state.{name}", f"must be {names}, finite, a count not negative", value)
    return value
