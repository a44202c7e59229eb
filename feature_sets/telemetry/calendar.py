"""The calendar of maintenance: which devices are worked on, and when."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from feature_sets.checks import InputError
from feature_sets.rows.entity_keys import KEY_TEXT_RULE, is_key_text
from feature_sets.telemetry.cell_text import one_form
from feature_sets.telemetry.events import KEY_LIMIT
from feature_sets.telemetry.intervals import OPEN, Interval, Scope
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema


class Maintenance(NamedTuple):
    """One entry of the calendar.

    :param scope: which devices.
    :param start: microseconds since the epoch.
    :param end: the first microsecond after it; ``OPEN`` while nobody knows.
    :param reason: for people; may be empty.
    """

    scope: Scope
    start: int
    end: int = OPEN
    reason: str = ""

    @property
    def interval(self) -> Interval:
        """Scope and time."""
        return Interval(self.scope, self.start, self.end)

    @property
    def digest(self) -> str:
        """Name made of scope and time."""
        return hashlib.sha256(repr(self[:3]).encode()).hexdigest()[:16]

    def to_list(self) -> list[Any]:
        """Plain content for JSON."""
        end = None if self.end == OPEN else self.end
        return [[list(pair) for pair in self.scope], self.start, end, self.reason]

    @classmethod
    def from_list(cls, content: Sequence[Any]) -> Maintenance:
        """The inverse of ``to_list``."""
        scope, start, end, reason = content
        return cls(
            tuple((str(column), str(value)) for column, value in scope),
            int(start),
            OPEN if end is None else int(end),
            str(reason),
        )


Calendar = Mapping[str, Maintenance]
"""Entries by name."""


def scope_columns(schema: TelemetrySchema) -> tuple[str, ...]:
    """Columns that may say which devices an entry is about."""
    given = schema.maintenance.scope if schema.maintenance is not None else ()
    return given or tuple(dict.fromkeys([DEVICE, *schema.entity, *schema.attributes]))


def checked_scope(given: Mapping[str, str | None], schema: TelemetrySchema) -> Scope:
    """The scope that values of columns say; all entity columns together are the key of one device.

    :param given: column -> text; None where a cell is empty.
    :raises InputError: naming the column, the rule and what was given.
    """
    values = {column: value for column, value in given.items() if value is not None}
    for column, value in values.items():
        if not is_key_text(value):
            raise InputError(column, KEY_TEXT_RULE, value)
        if len(value) > KEY_LIMIT:
            raise InputError(column, f"must have at most {KEY_LIMIT} characters", value)
    entity = schema.entity
    levels = [column for column in entity if column in values]
    if len(levels) == len(entity):
        for column in entity[:-1]:
            if schema.separator and schema.separator in values[column]:
                rule = f"must not contain the separator {schema.separator!r}"
                raise InputError(column, rule, values[column])
        key = schema.separator.join(values.pop(column) for column in entity)
        if values.setdefault(DEVICE, key) != key:
            raise InputError(DEVICE, f"must be the key that {', '.join(entity)} make", values[DEVICE])
    elif DEVICE in values and DEVICE in entity and len(levels) > 1:
        raise InputError(DEVICE, f"must be the whole key, or stand with all of {', '.join(entity)}", levels)
    if not values:
        raise InputError("scope", f"must be at least one of {', '.join(scope_columns(schema))}", None)
    known = (DEVICE, *entity)
    return tuple(
        sorted((column, value if column in known else one_form(value)) for column, value in values.items())
    )
