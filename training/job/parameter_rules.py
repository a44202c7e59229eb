"""The bounds of the arguments of jobs that the workflow sets as well: one rule each.

Jobs hold to them, and commands do before anything is started, so this imports little.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from feature_sets.checks import InputError, check_choice, check_integer, check_number, duration_seconds
from feature_sets.telemetry.split_rule import SplitRule
from training.job.training_window import SINCE, is_since

Rule = Callable[[str, object], Any]
"""Takes what an error calls the argument, and the value; gives the value, or raises InputError."""

LARGEST_SEED = 2**32 - 1
"""What numpy's older generators, and so scikit-learn, take."""

SEARCHES = ("random", "grid")
VOTERS = 6
"""Scorers that vote on features, see ``training.selection.feature_votes``, which takes long to import."""


def checked(name: str, value: object, where: str = "argument '{}'") -> Any:
    """Raise InputError unless a value keeps the rule of its argument, if there is one; gives the value.

    >>> checked("combinations", 5.0)
    5

    :param where: what an error calls the argument, its name in braces.
    """
    rule = RULES.get(name)
    return value if rule is None else rule(where.format(name), value)


def check_votes(where: str, value: object, voters: int = VOTERS) -> float:
    """Raise InputError unless a value is a share of the scorers, or a count of at most those there are."""
    rule = f"must be a share of the scorers in (0, 1) or a whole number from 1 to {voters}"
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise InputError(where, rule, value)
    if value > voters or (value >= 1 and value != int(value)):
        raise InputError(where, rule, value)
    return value


def check_training_window(where: str, value: Any) -> str:
    """Raise InputError unless a value is empty, a duration such as ``14d``, or ``since`` and a time."""
    if is_since(value):
        # It takes longer to import than all else here.
        from feature_sets.telemetry.event_time import seconds_of

        text = value.removeprefix(SINCE).strip()
        try:
            seconds_of(text)
        except InputError as error:
            raise InputError(where, f"{SINCE}: {error.rule}", text) from error
    elif value != "":
        check_number(where, duration_seconds(value, where), above=0)
    return str(value)


def _split(where: str, value: object) -> str:
    if not isinstance(value, str):
        raise InputError(where, "must be text", value)
    if value:
        SplitRule.parse(value, where)
    return value


def _threshold_rule(where: str, value: object) -> str:
    from training.decision.threshold_rules import parse_threshold_rule

    parse_threshold_rule(value, where)
    return str(value)


def _number(**bounds: float) -> Rule:
    return lambda where, value: check_number(where, value, **bounds)


def _count(at_least: int, at_most: int | None = None) -> Rule:
    return lambda where, value: check_integer(where, value, at_least=at_least, at_most=at_most)


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "seed": _count(0, LARGEST_SEED),
        "devices": _count(1),
        "ticks": _count(1),
        "sample_ratio": _number(above=0, at_most=1),
        "test_fraction": _number(above=0, below=1),
        "test_devices": _number(at_least=0, below=1),
        "train_rows": _count(100),
        "training_window": check_training_window,
        "split": _split,
        "select_k": _count(1),
        "min_votes": check_votes,
        "max_correlation": _number(above=0, at_most=1),
        "max_drift": _number(above=0, at_most=1),
        "search": lambda where, value: check_choice(where, value, SEARCHES),
        "combinations": _count(1),
        "threshold_rule": _threshold_rule,
        "stream_seconds": _count(1),
        "stream_rate": _count(1),
    }
)
