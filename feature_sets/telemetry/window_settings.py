"""The rolling windows that a telemetry schema asks for."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from feature_sets.checks import InputError, check_choice, check_mapping, check_names, duration_seconds

OPERATIONS = ("count", "sum", "sqr", "avg", "min", "max", "first", "last", "stddev", "stdvar", "median")
"""Window operations; all but the median, which storey does not have, as storey names them."""


@dataclass(frozen=True)
class Windows:
    """Rolling windows computed for every metric.

    :param lengths: window lengths, at least one; each a multiple of the period.
    :param period: bucket length; windows slide by it, aligned to the Unix epoch.
    :param operations: see ``OPERATIONS``.
    :param future_tolerance: how far event time may run ahead of the clock before an event is quarantined.
    """

    lengths: tuple[str, ...] = ("1m", "5m")
    period: str = "10s"
    operations: tuple[str, ...] = ("avg", "stddev", "min", "max")
    future_tolerance: str = "60s"

    def __post_init__(self) -> None:
        period = duration_seconds(self.period, "windows.period")
        if period <= 0:
            raise InputError("windows.period", "must be positive", self.period)
        if not self.lengths:
            raise InputError("windows.lengths", "must name at least one window", self.lengths)
        if len(set(self.lengths)) != len(self.lengths):
            raise InputError("windows.lengths", "must not repeat a window", list(self.lengths))
        for length in self.lengths:
            seconds = duration_seconds(length, "windows.lengths")
            if seconds <= 0 or seconds % period:
                raise InputError("windows.lengths", f"must be a multiple of the period {self.period}", length)
        if not self.operations or len(set(self.operations)) != len(self.operations):
            raise InputError("windows.operations", "must name operations, each once", list(self.operations))
        for operation in self.operations:
            check_choice("windows.operations", operation, OPERATIONS)
        duration_seconds(self.future_tolerance, "windows.future_tolerance")

    @classmethod
    def from_content(cls, content: object) -> Windows:
        """Build from the content of a YAML file; the inverse of ``to_dict``.

        :raises InputError: naming the field, the rule and what was given.
        """
        given = check_mapping("windows", content, {field.name for field in fields(cls)})
        for name in ("lengths", "operations"):
            if name in given:
                given[name] = check_names(f"windows.{name}", given[name])
        return cls(**given)

    def to_dict(self) -> dict[str, Any]:
        """Plain content for YAML or JSON."""
        return {
            "lengths": list(self.lengths),
            "period": self.period,
            "operations": list(self.operations),
            "future_tolerance": self.future_tolerance,
        }
