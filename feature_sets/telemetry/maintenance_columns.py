"""How the calendar of maintenance is written: the columns of its table, and of the bodies that change it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Any

from feature_sets.checks import InputError, check_column_name, check_mapping, check_names

IN_MAINTENANCE = "in_maintenance"
"""Column of the label feature set: 1 where the device is in maintenance at the time of the label."""


@dataclass(frozen=True)
class MaintenanceColumns:
    """Columns of the table ``maintenance``, and fields of the bodies of ``POST /maintenance``.

    :param start: from when on devices are in maintenance.
    :param end: from when on they no longer are; empty while nobody knows. The column may be absent.
    :param reason: why, for people; may be absent.
    :param scope: columns that say which devices. By default all that a row may have: ``device`` with the
        whole key, the entity columns, the static columns and those of the population. Others must be columns
        of the static file, and are no features.
    """

    start: str = "start"
    end: str = "end"
    reason: str = "reason"
    scope: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        named = {"start": self.start, "end": self.end, "reason": self.reason}
        for field, column in named.items():
            check_column_name(f"maintenance.{field}", column)
        for column in self.scope:
            check_column_name("maintenance.scope", column)
        columns = [*named.values(), *self.scope]
        for column in columns:
            if columns.count(column) > 1:
                raise InputError("maintenance", "must name each column once", column)

    def check(self, taken: Collection[str]) -> None:
        """Raise InputError if a column that says which devices has one of our names.

        :param taken: columns that a row may have to say which devices.
        """
        for field in ("start", "end", "reason"):
            if getattr(self, field) in taken:
                rule = "must not be a column that says which devices"
                raise InputError(f"maintenance.{field}", rule, getattr(self, field))

    @classmethod
    def from_content(cls, content: object) -> MaintenanceColumns:
        """Build from the content of a YAML file; the inverse of ``to_dict``.

        :raises InputError: naming the field, the rule and what was given.
        """
        given = check_mapping("maintenance", content, {field.name for field in fields(cls)})
        return cls(**{**given, "scope": check_names("maintenance.scope", given.get("scope") or [])})

    def to_dict(self) -> dict[str, Any]:
        """Plain content for YAML or JSON."""
        return {"start": self.start, "end": self.end, "reason": self.reason, "scope": list(self.scope)}
