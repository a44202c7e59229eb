"""What makes a rate of a metric that is a counter: a number that only grows, until it wraps or is reset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from feature_sets.checks import (
    InputError,
    check_choice,
    check_column_name,
    check_integer,
    check_mapping,
    check_number,
    duration_seconds,
)
from feature_sets.rows.whole_numbers import EXACT

KINDS = ("gauge", "counter")

FIELDS = ("bits", "max_rate", "scale")
"""Fields of a metric that only a counter has."""

COLUMN_END = "_counter"
"""What the column of a counter is called after, behind the name of the metric, which its rate has."""

UNITS = {"s": 1_000_000, "ms": 1_000, "timeticks": 10_000}
"""Units of an uptime, in microseconds."""

_TICKS = 2**32
"""Where TimeTicks begin again (RFC 2578, section 7.1.8)."""


@dataclass(frozen=True)
class Counter:
    """A counter as a metric. Its value, for windows and models, is the rate between two readings.

    :param bits: after how many it begins again at 0: 32 or 64.
    :param max_rate: fastest that it can count, units per second; None if nobody knows.
    :param scale: what the rate is multiplied by, such as 8e-6 for octets that are shown as Mbit/s.
    """

    bits: int = 64
    max_rate: float | None = None
    scale: float = 1.0

    @classmethod
    def from_content(cls, where: str, content: Mapping[str, Any]) -> Counter:
        """Build from fields of a metric; those that are not of a counter are passed over.

        :raises InputError: naming the field, the rule and what was given.
        """
        bits, rate = content.get("bits", 64), content.get("max_rate")
        if check_integer(f"{where}.bits", bits, at_least=32, at_most=64) not in (32, 64):
            raise InputError(f"{where}.bits", "must be 32 or 64", bits)
        if rate is not None:
            rate = check_number(f"{where}.max_rate", _number(rate), above=0)
        scale = check_number(f"{where}.scale", _number(content.get("scale", 1.0)), above=0)
        return cls(int(bits), rate, scale)

    @property
    def largest(self) -> int:
        """Largest reading."""
        return (1 << self.bits) - 1

    def to_dict(self) -> dict[str, Any]:
        """Plain content for YAML or JSON."""
        return {"kind": "counter", "bits": self.bits, "max_rate": self.max_rate, "scale": self.scale}


def _number(value: object) -> object:
    """``1e9`` as a number: YAML takes it for text, for want of a point and a sign."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


@dataclass(frozen=True)
class CounterIntervals:
    """Between which readings of a device a counter has a rate.

    :param min_interval: a reading less than this after the one before repeats it: it has no rate, and none
        begins at it.
    :param max_gap: a rate spans no more; None is twice the longest window.
    """

    min_interval: str = "0s"
    max_gap: str | None = None

    def __post_init__(self) -> None:
        shortest = duration_seconds(self.min_interval, "counters.min_interval")
        if self.max_gap is not None and duration_seconds(self.max_gap, "counters.max_gap") <= shortest:
            raise InputError("counters.max_gap", "must be longer than min_interval", self.max_gap)

    @classmethod
    def from_content(cls, content: object) -> CounterIntervals:
        """Build from the content of a YAML file; the inverse of ``to_dict``.

        :raises InputError: naming the field, the rule and what was given.
        """
        return cls(**check_mapping("counters", content, ("min_interval", "max_gap")))

    def to_dict(self) -> dict[str, Any]:
        """Plain content for YAML or JSON."""
        return {"min_interval": self.min_interval, "max_gap": self.max_gap}


@dataclass(frozen=True)
class Uptime:
    """How long a device has been running when it gives a reading: it tells a restart from a wrap.

    :param column: of the metrics file, or field of a live event.
    :param unit: one of ``UNITS``; ``timeticks``, those of SNMP, begin again after 497 days.
    """

    column: str
    unit: str = "s"

    def __post_init__(self) -> None:
        check_column_name("uptime.column", self.column)
        check_choice("uptime.unit", self.unit, tuple(UNITS))

    @classmethod
    def from_content(cls, content: object) -> Uptime:
        """Build from the content of a YAML file: the name of the column, or that and the unit.

        :raises InputError: naming the field, the rule and what was given.
        """
        if isinstance(content, str):
            return cls(content)
        given = check_mapping("uptime", content, ("column", "unit"))
        if "column" not in given:
            raise InputError("uptime.column", "is required", None)
        return cls(**given)

    @property
    def micros_column(self) -> str:
        """Column in which it is kept, in microseconds."""
        return f"{self.column}_us"

    @property
    def unit_micros(self) -> int:
        """Microseconds of one unit."""
        return UNITS[self.unit]

    @property
    def wraps_micros(self) -> int:
        """After how many microseconds it begins again; 0 if it does not."""
        return _TICKS * self.unit_micros if self.unit == "timeticks" else 0

    def micros(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Microseconds, whole ones; NaN of what is no uptime, shape (n,).

        :param values: in its unit.
        """
        micros: npt.NDArray[np.float64] = np.round(values * self.unit_micros)
        with np.errstate(invalid="ignore"):
            return np.where((micros >= 0) & (micros < EXACT), micros, np.nan)

    def to_dict(self) -> dict[str, Any]:
        """Plain content for YAML or JSON."""
        return {"column": self.column, "unit": self.unit}


def check_counters(intervals: CounterIntervals, uptime: Uptime | None, max_gap_seconds: int | None) -> None:
    """Raise InputError unless what is said of counters is of some.

    :param max_gap_seconds: longest time that a rate spans; None without counters.
    """
    if max_gap_seconds is None:
        for name, given in (("uptime", uptime), ("counters", intervals)):
            if given and given != CounterIntervals():
                raise InputError(name, "must come with a metric of kind counter", given.to_dict())
    elif max_gap_seconds <= duration_seconds(intervals.min_interval):
        rule = f"must be less than the longest gap of a rate, {max_gap_seconds} s"
        raise InputError("counters.min_interval", rule, intervals.min_interval)
