"""The one error for input that breaks a rule, and the checks that raise it."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

_DURATION = re.compile(r"^(\d+)(s|m|h|d)$")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_RESERVED_PREFIXES = ("t_", "aggr_")
_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_]*$")


_SHOWN = 500
"""Characters of what was given that a message shows."""


class InputError(ValueError):
    """Input from outside that breaks a rule: where, the rule, and what was given instead.

    >>> print(InputError("argument 'folds'", "must be a whole number of at least 1", 0))
    argument 'folds': must be a whole number of at least 1, got 0

    :param where: what breaks the rule, such as ``argument 'folds'``; empty if the rule says it.
    :param rule: the rule, beginning with "must".
    :param got: the value given.
    """

    def __init__(self, where: str, rule: str, got: object) -> None:
        super().__init__(where, rule, got)
        self.where = where
        self.rule = rule
        self.got = got

    def __str__(self) -> str:
        # Made when it is asked for: what was given may be huge, and not everybody shows it.
        got = repr(self.got)
        if len(got) > _SHOWN:
            got = f"{got[:_SHOWN]}... ({len(got):,} characters)"
        text = f"{self.rule}, got {got}"
        return f"{self.where}: {text}" if self.where else text


def is_finite(value: float) -> bool:
    """Whether a number is finite as a float; a whole number may be too large for one."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def check_number(
    where: str,
    value: object,
    *,
    above: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
    at_most: float | None = None,
) -> float:
    """Raise InputError unless a value is a finite number within bounds; booleans are refused.

    >>> check_number("share", 1, above=0, at_most=1)
    1.0
    """
    if (
        not isinstance(value, bool)
        and isinstance(value, int | float)
        and is_finite(value)
        and (above is None or value > above)
        and (at_least is None or value >= at_least)
        and (below is None or value < below)
        and (at_most is None or value <= at_most)
    ):
        return float(value)
    bounds = {"above": above, "of at least": at_least, "below": below, "at most": at_most}
    words = " and ".join(f"{name} {bound:g}" for name, bound in bounds.items() if bound is not None)
    raise InputError(where, f"must be a number {words}".rstrip(), value)


def check_integer(where: str, value: object, *, at_least: int, at_most: int | None = None) -> int:
    """Raise InputError unless a value is an integer within bounds; booleans are refused.

    JSON may deliver it as ``5.0``:

    >>> check_integer("folds", 5.0, at_least=2)
    5
    """
    if (
        not isinstance(value, bool)
        # A float is asked first: it says no to NaN and infinity, where int() fails.
        and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))
        and value >= at_least
        and (at_most is None or value <= at_most)
    ):
        return int(value)
    top = "" if at_most is None else f" and at most {at_most}"
    raise InputError(where, f"must be a whole number of at least {at_least}{top}", value)


def check_boolean(where: str, value: object) -> bool:
    """Raise InputError unless a value is true or false.

    Kubeflow and command lines deliver it as text, in any case:

    >>> check_boolean("keep", "False")
    False
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise InputError(where, "must be true or false", value)


def check_choice(where: str, value: object, choices: Collection[str]) -> str:
    """Raise InputError unless a value is one of some names.

    >>> check_choice("engine", "storey", ("vectorized", "storey"))
    'storey'
    """
    if not isinstance(value, str) or value not in choices:
        raise InputError(where, f"must be among {', '.join(choices) or 'none'}", value)
    return value


def check_mapping(where: str, value: object, allowed: Collection[str] | None = None) -> dict[str, Any]:
    """Raise InputError unless a value is a mapping with text keys, of those allowed."""
    if not isinstance(value, Mapping):
        raise InputError(where, "must be a mapping", value)
    for key in value:
        if not isinstance(key, str) or (allowed is not None and key not in allowed):
            known = f"must be among {', '.join(sorted(allowed))}" if allowed else "must have text keys"
            raise InputError(where, known, key)
    return dict(value)


def check_names(where: str, value: object) -> tuple[str, ...]:
    """Raise InputError unless a value is a list of texts.

    >>> check_names("entity", ["site", "device"])
    ('site', 'device')
    """
    if (
        isinstance(value, str)
        or not isinstance(value, Sequence)
        or not all(isinstance(entry, str) for entry in value)
    ):
        raise InputError(where, "must be a list of names", value)
    return tuple(value)


def check_each_once(where: str, names: Sequence[str], known: Collection[str], what: str = "") -> None:
    """Raise InputError unless names are some of those known, at least one, and none twice.

    :param what: what the known ones are called, with a colon.
    """
    if not names or len(set(names)) != len(names):
        raise InputError(where, "must name at least one, each once", list(names))
    for name in names:
        if name not in known:
            raise InputError(where, f"must be among {what}{', '.join(known)}", name)


def check_column_name(where: str, name: object) -> str:
    """Raise InputError unless a value can be the name of a column, here and in MLRun."""
    if not isinstance(name, str) or not _NAME.match(name):
        raise InputError(where, "must be a column name of letters, digits and underscores", name)
    if name.startswith(_RESERVED_PREFIXES):
        raise InputError(where, "must not start with t_ or aggr_, which MLRun reserves", name)
    return name


def duration_seconds(text: str, where: str = "duration") -> int:
    """Raise InputError unless a text is a duration; gives its length in whole seconds.

    >>> duration_seconds("5m")
    300

    :param text: a whole number of at least 0, followed by s, m, h or d.
    """
    match = _DURATION.match(text) if isinstance(text, str) else None
    if match is None:
        raise InputError(where, "must be a whole number with a unit s, m, h or d, such as 10s or 5m", text)
    return int(match[1]) * _SECONDS[match[2]]
