"""How files of telemetry are written, where it is not the usual way."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from feature_sets.checks import InputError, check_choice, check_column_name, check_mapping

SEPARATORS = (",", ";", "\t", "|")
DECIMALS = (".", ",")


@dataclass(frozen=True)
class FileFormat:
    """How files of telemetry are written, where it is not the usual way.

    :param separator: between the cells of a line of a CSV file, one of ``SEPARATORS``.
    :param decimal: what parts whole from decimal places in numbers of a CSV file: a point or a comma.
    :param layout: ``wide``, a column for each metric, or ``long``, a row for each value of a metric.
    :param metric: column with the name of the metric, in long layout.
    :param value: column with its value, in long layout.
    """

    separator: str = ","
    decimal: str = "."
    layout: str = "wide"
    metric: str = "metric"
    value: str = "value"

    def __post_init__(self) -> None:
        check_choice("files.separator", self.separator, SEPARATORS)
        check_choice("files.decimal", self.decimal, DECIMALS)
        check_choice("files.layout", self.layout, ("wide", "long"))
        check_column_name("files.metric", self.metric)
        check_column_name("files.value", self.value)
        if self.metric == self.value:
            raise InputError("files.value", "must not be the column of the metric", self.value)
        if self.separator == self.decimal:
            raise InputError("files.decimal", "must differ from the separator", self.decimal)

    def decimal_of(self, name: str) -> str:
        """Decimal sign in a file of this name; Parquet files have text of numbers with a point, as JSON."""
        return "." if name.endswith(".parquet") else self.decimal

    @classmethod
    def from_content(cls, content: object) -> FileFormat:
        """Build from the content of a YAML file; the inverse of ``to_dict``.

        :raises InputError: naming the field, the rule and what was given.
        """
        return cls(**check_mapping("files", content, {field.name for field in fields(cls)}))

    def to_dict(self) -> dict[str, Any]:
        """Plain content for YAML or JSON."""
        return asdict(self)


PLAIN = FileFormat()
"""Commas, points, and a column for each metric."""
