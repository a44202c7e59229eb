"""Columns of whole numbers that name devices, and do not measure them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from feature_sets.telemetry.inspection.column_profile import ColumnProfile
from feature_sets.telemetry.inspection.table_profile import TableProfile

_KEY = re.compile(
    r"^(device|host|node|router|switch|system|instance|agent|element|interface|if|port|box|site|cell|sensor|ne)s?"
    r"[ _.-]?(id|no|nr|num|number|name|index|key)$"
    r"|^(device|host|node|router|switch|instance|agent|element|interface|port|box|site|cell|sensor|ne|id)$"
    r"|[ _.-]id$"
)
_CAMEL = re.compile(r"[a-z0-9]I[dD]$")
_OF_ROWS = re.compile(r"incident|ticket|event|row|record|seq|request|session|trace")
"""What ids of something else than devices are called."""
_CALENDAR = re.compile(r"^(year|month|day|hour|minute|date|dt|week|time|part|partition|yyyy.*)$")
_MISSING = 0.5


def is_calendar(name: str) -> bool:
    """Whether a column of the names of folders says when, and not of what.

    >>> is_calendar("Month"), is_calendar("device")
    (True, False)
    """
    return _CALENDAR.search(name.lower()) is not None


def is_key_name(name: str) -> bool:
    """Whether whole numbers under this name are ids of devices, or of parts of them.

    >>> [is_key_name(name) for name in ("device", "ifIndex", "hostId", "interface_errors", "row_id")]
    [True, True, True, False, False]
    """
    called = _KEY.search(name.lower()) or _CAMEL.search(name)
    return called is not None and _OF_ROWS.search(name.lower()) is None


def may_be_id(column: ColumnProfile) -> bool:
    """Whether a column holds whole numbers that come again, as ids of devices do in readings."""
    if not column.holds_numbers or column.distinct is None or column.missing_share > _MISSING:
        return False
    # Ids may be large enough to be meant as times.
    whole = column.whole or column.kind != "number"
    return whole and column.distinct * 2 <= max(column.rows - column.missing, 2)


def digit_ids(tables: Sequence[TableProfile], names: Sequence[str]) -> list[str]:
    """Those of some columns whose whole numbers name devices, as their names or those of folders say.

    :param tables: of which each has the columns; readings come first.
    """
    return [
        name
        for name in unnamed_ids(tables, names)
        if is_key_name(name) or any(name in table.of_folders for table in tables)
    ]


def unnamed_ids(tables: Sequence[TableProfile], names: Sequence[str]) -> list[str]:
    """Those of some columns whose whole numbers could name devices, whatever they are called."""
    return [
        name
        for name in names
        if all(table.columns[name].holds_numbers for table in tables)
        and may_be_id(tables[0].columns[name])
        and not is_calendar(name)
    ]
