"""How the cells of CSV files are written."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from feature_sets.checks import InputError, check_choice, check_mapping

SEPARATORS = (",", ";", "\t", "|")
DECIMALS = (".", ",")


@dataclass(frozen=True)
class FileFormat:
    """How the cells of CSV files are written. Parquet needs none of it.

    :param separator: between the cells of a line, one of ``SEPARATORS``.
    :param decimal: what parts whole from decimal places in numbers: a point or a comma.
    """

    separator: str = ","
    decimal: str = "."

    def __post_init__(self) -> None:
        check_choice("files.separator", self.separator, SEPARATORS)
        check_choice("files.decimal", self.decimal, DECIMALS)
        if self.separator == self.decimal:
            raise InputError("files.decimal", "must differ from the separator", self.decimal)

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
"""Commas and points."""
