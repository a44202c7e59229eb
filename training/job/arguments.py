"""Arguments of the MLRun handlers of this room, checked once, before any work starts."""

from __future__ import annotations


class ArgumentError(ValueError):
    """A handler argument that breaks a rule; the message names the argument, the rule and what came."""

    def __init__(self, name: str, rule: str, got: object) -> None:
        super().__init__(f"argument '{name}': {rule}, got {got!r}")


def fraction(name: str, value: object, *, including_one: bool = False, including_zero: bool = False) -> float:
    """A share in (0, 1); with ``including_one`` or ``including_zero`` that end too.

    :raises ArgumentError: if the value is not a number in that range.
    """
    low, high = (
        ("of at least 0" if including_zero else "above 0"),
        ("at most 1" if including_one else "below 1"),
    )
    rule = f"must be a number {low} and {high}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ArgumentError(name, rule, value)
    ends = ((including_zero, 0.0), (including_one, 1.0))
    if not (0.0 < value < 1.0 or any(allowed and value == end for allowed, end in ends)):
        raise ArgumentError(name, rule, value)
    return float(value)


def true_or_false(name: str, value: object) -> bool:
    """A truth value; Kubeflow may deliver it as text.

    :raises ArgumentError: if it is neither a truth value nor ``true`` or ``false``, in any case.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise ArgumentError(name, "must be true or false", value)


def whole_number(name: str, value: object, *, at_least: int) -> int:
    """A whole number with a lower bound; JSON may deliver it as ``5.0``.

    :raises ArgumentError: if the value is not whole, not finite or too small.
    """
    rule = f"must be a whole number of at least {at_least}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ArgumentError(name, rule, value)
    # Asked of a float only: it says no to NaN and infinity, where int() fails.
    if (isinstance(value, float) and not value.is_integer()) or value < at_least:
        raise ArgumentError(name, rule, value)
    return int(value)
