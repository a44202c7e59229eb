"""What a hyper-parameter may be: a number in a range, or one of some names."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from training.job.arguments import ArgumentError


@dataclass(frozen=True)
class ParameterRule:
    """A rule of one hyper-parameter.

    :param text: in words that follow "must be".
    :param meets: whether a value, of any type, is one.
    """

    text: str
    meets: Callable[[Any], bool]

    def read(self, family: str, name: str, value: object) -> Any:
        """The value as an estimator takes it: a count that JSON delivers as ``5.0`` becomes an int.

        :param family: kind of model, for the message.
        :param name: the hyper-parameter.
        :param value: as it came.
        :raises ArgumentError: if it breaks the rule.
        """
        if self.meets(value):
            return value
        if isinstance(value, float) and value.is_integer() and self.meets(int(value)):
            return int(value)
        raise ArgumentError("parameters", f"{name} of {family} must be {self.text}", value)


def whole(least: int, most: int | None = None) -> ParameterRule:
    """A whole number, of a largest value or of none."""
    top = "" if most is None else f" and at most {most}"
    return ParameterRule(
        f"a whole number of at least {least}{top}",
        lambda value: type(value) is int and least <= value and (most is None or value <= most),
    )


def positive(*, including_zero: bool = False, most: float | None = None) -> ParameterRule:
    """A finite number above 0 or, with ``including_zero``, of at least 0; of a largest value or of none."""
    top = "" if most is None else f" and at most {most:g}"
    return ParameterRule(
        f"a number {'of at least' if including_zero else 'above'} 0{top}",
        lambda value: (
            type(value) in (int, float)
            and (0 < value < math.inf or (including_zero and value == 0))
            and (most is None or value <= most)
        ),
    )


def share(*, including_one: bool = False) -> ParameterRule:
    """A share with a decimal point: an estimator takes 1 for a count where 1.0 is all."""
    return ParameterRule(
        f"a share above 0 and {'at most 1.0' if including_one else 'below 1.0'}",
        lambda value: type(value) is float and (0.0 < value < 1.0 or (including_one and value == 1.0)),
    )


def one_of(*values: str | None) -> ParameterRule:
    """One of these names, or None if it is among them."""
    return ParameterRule(
        " or ".join("None" if value is None else value for value in values),
        lambda value: (value is None or isinstance(value, str)) and value in values,
    )


def either(*rules: ParameterRule) -> ParameterRule:
    """What meets at least one of the rules."""
    return ParameterRule(
        ", or ".join(rule.text for rule in rules), lambda value: any(rule.meets(value) for rule in rules)
    )
