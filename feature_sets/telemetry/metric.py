"""One measured quantity of a device."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from feature_sets.checks import InputError, check_column_name, check_mapping, is_finite


@dataclass(frozen=True)
class Metric:
    """One measured quantity of a device.

    :param name: column name in telemetry.
    :param unit: for people; stored with the model.
    :param low: smallest plausible value, inclusive.
    :param high: largest plausible value, inclusive; a value outside becomes NaN and is counted.
    """

    name: str
    unit: str = ""
    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        check_column_name(f"metrics.{self.name}", self.name)
        if math.isnan(self.low) or math.isnan(self.high) or not self.low < self.high:
            rule = "must be [low, high] with low < high"
            raise InputError(f"metrics.{self.name}.range", rule, [self.low, self.high])

    @classmethod
    def from_content(cls, name: str, content: object) -> Metric:
        """Build from the content of a YAML file; the inverse of ``to_dict``.

        :raises InputError: naming the field, the rule and what was given.
        """
        where = f"metrics.{name}"
        given = check_mapping(where, {} if content is None else content, {"unit", "range"})
        bounds = given.get("range") or [None, None]
        if not isinstance(bounds, Sequence) or isinstance(bounds, str) or len(bounds) != 2:
            raise InputError(f"{where}.range", "must be [low, high]", bounds)
        for bound in bounds:
            is_number = isinstance(bound, int | float) and not isinstance(bound, bool)
            if bound is not None and (not is_number or (isinstance(bound, int) and not is_finite(bound))):
                raise InputError(f"{where}.range", "must hold numbers or null", bound)
        low, high = bounds
        return cls(
            name=name,
            unit=str(given.get("unit", "")),
            low=-math.inf if low is None else float(low),
            high=math.inf if high is None else float(high),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain content for YAML or JSON, without the name."""
        bounds = [bound if math.isfinite(bound) else None for bound in (self.low, self.high)]
        return {"unit": self.unit, "range": bounds}
