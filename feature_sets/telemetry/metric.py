"""One measured quantity of a device."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from feature_sets.checks import InputError, check_choice, check_column_name, check_mapping, is_finite
from feature_sets.telemetry.counter import COLUMN_END, FIELDS, KINDS, Counter
from feature_sets.telemetry.no_value import FIELD, Given, no_values

OPTIONAL = "optional"


@dataclass(frozen=True)
class Metric:
    """One measured quantity of a device.

    :param name: column name in telemetry.
    :param unit: stored with the model; a text such as ``1.2 s`` is read as a number in it.
    :param low: smallest plausible value, inclusive; of a counter, of its rate.
    :param high: largest plausible value, inclusive; a value outside becomes NaN and is counted.
    :param counter: what makes a rate of it; None of a gauge, which is a value as it is.
    :param optional: whether a file may lack its column; it then has no reading of it.
    :param no_value: words and numbers that mean no reading, beside those of the schema.
    """

    name: str
    unit: str = ""
    low: float = -math.inf
    high: float = math.inf
    counter: Counter | None = None
    optional: bool = False
    no_value: Given = ()

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
        given = check_mapping(
            where, {} if content is None else content, {"unit", "range", "kind", OPTIONAL, FIELD, *FIELDS}
        )
        counter = None
        if check_choice(f"{where}.kind", given.get("kind", "gauge"), KINDS) == "counter":
            counter = Counter.from_content(where, given)
        for field in FIELDS:
            if counter is None and field in given:
                raise InputError(f"{where}.{field}", "must be of a metric of kind counter", given[field])
        optional = given.get(OPTIONAL, False)
        if not isinstance(optional, bool):
            raise InputError(f"{where}.optional", "must be true or false", optional)
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
            counter=counter,
            optional=optional,
            no_value=no_values(f"{where}.{FIELD}", given.get(FIELD)),
        )

    @property
    def column(self) -> str:
        """Column in which its readings are kept: that of a counter is not its value, which is the rate."""
        return self.name if self.counter is None else self.name + COLUMN_END

    def to_dict(self) -> dict[str, Any]:
        """Plain content for YAML or JSON, without the name."""
        bounds = [bound if math.isfinite(bound) else None for bound in (self.low, self.high)]
        content = {"unit": self.unit, "range": bounds, **(self.counter.to_dict() if self.counter else {})}
        content |= {OPTIONAL: True} if self.optional else {}
        return content | ({FIELD: list(self.no_value)} if self.no_value else {})
