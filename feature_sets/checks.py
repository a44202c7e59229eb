"""The one error for input that breaks a rule, and the checks that raise it."""

from __future__ import annotations

import sys
from collections.abc import Collection


class InputError(ValueError):
    """Input from outside that breaks a rule: where it stands, the rule, and what was given instead.

    :param where: what breaks the rule, such as ``argument 'folds'``; empty if the rule says it.
    :param rule: the rule, beginning with "must".
    :param got: the value given.
    """

    def __init__(self, where: str, rule: str, got: object) -> None:
        super().__init__(f"{where}: {rule}, got {got!r}" if where else f"{rule}, got {got!r}")
        self.where = where
        self.rule = rule
        self.got = got


def check_number(
    where: str,
    value: object,
    *,
    above: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
    at_most: float | None = None,
) -> float:
    """A finite number within bounds; a truth value is none.

    :raises InputError: unless it is one.
    """
    bounds = {"above": above, "of at least": at_least, "below": below, "at most": at_most}
    words = " and ".join(f"{name} {bound:g}" for name, bound in bounds.items() if bound is not None)
    rule = f"must be a number {words}".rstrip()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(where, rule, value)
    # Compared and not converted: an integer may be too large for a float. NaN is never at most anything.
    if not abs(value) <= sys.float_info.max:
        raise InputError(where, rule, value)
    if (
        (above is not None and value <= above)
        or (at_least is not None and value < at_least)
        or (below is not None and value >= below)
        or (at_most is not None and value > at_most)
    ):
        raise InputError(where, rule, value)
    return float(value)


def check_integer(where: str, value: object, *, at_least: int, at_most: int | None = None) -> int:
    """An integer within bounds; JSON may deliver it as ``5.0``, and a truth value is none.

    :raises InputError: unless it is one.
    """
    top = "" if at_most is None else f" and at most {at_most}"
    rule = f"must be a whole number of at least {at_least}{top}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(where, rule, value)
    # A float is asked first: it says no to NaN and infinity, where int() fails.
    if isinstance(value, float) and not value.is_integer():
        raise InputError(where, rule, value)
    if value < at_least or (at_most is not None and value > at_most):
        raise InputError(where, rule, value)
    return int(value)


def check_boolean(where: str, value: object) -> bool:
    """A truth value; Kubeflow and command lines deliver it as text, ``true`` or ``false`` in any case.

    :raises InputError: unless it is one.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise InputError(where, "must be true or false", value)


def check_choice(where: str, value: object, choices: Collection[str]) -> str:
    """One of some names.

    :raises InputError: unless it is one.
    """
    if not isinstance(value, str) or value not in choices:
        raise InputError(where, f"must be among {', '.join(choices) or 'none'}", value)
    return value
