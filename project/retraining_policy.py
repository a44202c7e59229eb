"""How the loop from drift to a new model behaves: its mode, and its limits."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from feature_sets.checks import InputError, check_integer, check_number, duration_seconds
from project.policy_text import named_values

AUTO, APPROVE, OFF = "auto", "approve", "off"
MODES = (AUTO, APPROVE, OFF)
"""Whether drift starts a training, and whether a person promotes what comes of it."""

_COUNTS = ("least_rows", "least_units", "runs_a_day", "failures", "rejections", "shadow_rows", "group_rows")
_DURATIONS = ("cool_down", "rollback_hold", "pause", "shadow")


@dataclass(frozen=True)
class RetrainingPolicy:
    """How the loop behaves.

    :param least_rows: labeled rows since the change began that the first training takes.
    :param least_units: devices or error episodes that the gate could compare on, as it counts them itself in
        the later part of these rows; it needs five.
    :param growth: after a rejection, or too few rows, the next training takes so many times the rows.
    :param cool_down: seconds after a promotion, or after the end of a case, in which no run begins.
    :param rollback_hold: the same after a rollback.
    :param runs_a_day: most runs in 24 hours.
    :param failures: failed runs in a row after which the loop stops.
    :param rejections: rejected candidates after which the champion stays.
    :param pause: seconds after a failed run before the next; doubled by each further failure.
    :param shadow: most seconds in which a candidate that passed the gate is compared with the champion on
        live events, before it is promoted; 0 promotes it at once.
    :param shadow_rows: mature labeled rows at which they are compared first.
    :param margin: by how much of average precision the candidate must be better there, at the lower end of
        the interval.
    :param group_rows: rows from which on a group is large: on none may the candidate be clearly worse.
    :param weak_units: error episodes labeled since a model has learned with which one that is of no use is
        trained anew, though its errors are the usual ones; ``growth`` times as many for the next time. 0
        never does so.
    :raises InputError: naming the field that breaks its rule.
    """

    least_rows: int = 1000
    least_units: int = 5
    growth: float = 2.0
    cool_down: float = 3600.0
    rollback_hold: float = 86400.0
    runs_a_day: int = 8
    failures: int = 3
    rejections: int = 5
    pause: float = 60.0
    shadow: float = 86400.0
    shadow_rows: int = 1000
    margin: float = 0.0
    group_rows: int = 200
    weak_units: int = 20

    def __post_init__(self) -> None:
        for name in _COUNTS:
            check_integer(f"retraining policy: {name}", getattr(self, name), at_least=1)
        check_integer("retraining policy: weak_units", self.weak_units, at_least=0)
        check_number("retraining policy: growth", self.growth, above=1)
        for name in (*_DURATIONS, "margin"):
            check_number(f"retraining policy: {name}", getattr(self, name), at_least=0)

    @classmethod
    def parse(cls, text: str) -> RetrainingPolicy:
        """The defaults with what a text changes, such as ``cool_down=30m,runs_a_day=4``.

        :raises InputError: for a field that is none, or a value that breaks its rule.
        """
        types = {each.name: str(each.type) for each in fields(cls)}
        given: dict[str, Any] = {}
        for name, value in named_values(text, list(types), "retraining policy"):
            try:
                if name in _DURATIONS and value[-1:].isalpha():
                    given[name] = float(duration_seconds(value))
                else:
                    given[name] = int(value) if types[name] == "int" else float(value)
            except ValueError as error:
                raise InputError(f"retraining policy: {name}", "must be a number", value) from error
        return cls(**given)

    def to_text(self) -> str:
        """What ``parse`` reads; empty for the defaults."""
        changed = (each.name for each in fields(self) if getattr(self, each.name) != each.default)
        return ",".join(f"{name}={getattr(self, name)}" for name in changed)
