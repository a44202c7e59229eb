"""One measured quantity of a device."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from feature_sets.checks import InputError, check_choice, check_column_name, check_mapping, is_finite
from feature_sets.telemetry.counter import COLUMN_END, FIELDS, KINDS, Counter
from feature_sets.telemetry.metric_words import WORDS, metric_words
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
    :param values: word, in lower case, -> the number that it stands for, in files and live events.
    """

    name: str
    unit: str = ""
    low: float = -math.inf
    high: float = math.inf
    counter: Counter | None = None
    optional: bool = False
    no_value: Given = ()
    values: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_column_name(f"metrics.{self.name}", self.name)
        if math.isnan(self.low) or math.isnan(self.high) or not self.low < self.high:
            rule = "must be [low, high] with low < high"
            raise InputError(f"metrics.{self.name}.range", rule, [self.low, self.high])
        self.check_words(self.no_value)

    def check_words(self, no_value: Given) -> None:
        """Raise InputError if a word stands for a number that is no reading, or means no value as well.

        :param no_value: what means none.
        """
        for word, number in self.values.items():
            where = f"metrics.{self.name}.{WORDS}.{word}"
            if not self.low <= number <= self.high:
                raise InputError(where, f"must be in the range, {self.low:g} to {self.high:g}", number)
            if word in no_value:
                raise InputError(where, f"must be absent, as {FIELD} says that this word is none", number)
            if number in no_value:
                raise InputError(where, f"must be another number, as {FIELD} says that this is none", number)

    @classmethod
    def from_content(cls, name: str, content: object) -> Metric:
        """Build from the content of a YAML file; the inverse of ``to_dict``.

        :raises InputError: naming the field, the rule and what was given.
        """
        where = f"metrics.{name}"
        given = check_mapping(
            where,
            {} if content is None else content,
            {"unit", "range", "kind", OPTIONAL, FIELD, WORDS, *FIELDS},
        )
        counter = None
        if check_choice(f"{where}.kind", given.get("kind", "gauge"), KINDS) == "counter":
            counter = Counter.from_content(where, given)
        for name_of in FIELDS:
            if counter is None and name_of in given:
                rule = "must be of a metric of kind counter"
                raise InputError(f"{where}.{name_of}", rule, given[name_of])
        if counter is not None and WORDS in given:
            raise InputError(f"{where}.{WORDS}", "must be of a metric of kind gauge", given[WORDS])
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
            values=metric_words(f"{where}.{WORDS}", given.get(WORDS)),
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
        content |= {FIELD: list(self.no_value)} if self.no_value else {}
        return content | ({WORDS: dict(self.values)} if self.values else {})
