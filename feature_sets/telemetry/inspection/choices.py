"""What the columns of a folder are proposed to be, and the schema that follows."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from feature_sets.checks import InputError, check_column_name
from feature_sets.plain_letters import plain_letters
from feature_sets.telemetry.inspection.key_and_time import Cadence
from feature_sets.telemetry.reserved_names import RESERVED, check_reserved

_MAY_TELL = ("none", "labels.kind", "labels.open")
"""Roles of columns that may also tell which incidents are errors."""
_UTC = ("UTC", "Etc/UTC", "GMT", "Etc/GMT", "+00:00")


@dataclass(frozen=True)
class Choice:
    """What one column is proposed to be.

    :param table: ``metrics``, ``labels``, ``static``, ``incidents``, ``maintenance`` or ``topology``.
    :param column: in its files.
    :param role: field of the schema, such as ``metrics``; ``none`` if nobody would read it.
    :param why: reason, for people.
    :param instead: what it could be instead, for people; empty if nothing.
    """

    table: str
    column: str
    role: str
    why: str
    instead: str = ""

    def to_dict(self) -> dict[str, str]:
        """Plain content for JSON."""
        return {"role": self.role, "why": self.why, "instead": self.instead}


@dataclass
class Proposal:
    """A schema that is proposed.

    :param choices: what each column would be.
    :param missing: what a run needs and the folder does not have, one sentence each.
    :param decide: what only the owner of the telemetry knows, one sentence each.
    :param fields: of the schema, as far as they are known.
    :param cadence: of the metrics.
    :param metric_reasons: why a metric is what it is, by its name in the schema.
    :param uneven: metrics, as in the files, whose level differs much from device to device.
    :param taken: names that columns of the files have.
    :param without_zone: tables that have times without a zone.
    :param zone_sentence: what is asked of these, given their names; None without one.
    """

    choices: list[Choice] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    decide: list[str] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)
    cadence: Cadence | None = None
    metric_reasons: dict[str, str] = field(default_factory=dict)
    uneven: list[str] = field(default_factory=list)
    taken: frozenset[str] = frozenset()
    without_zone: list[str] = field(default_factory=list)
    zone_sentence: Callable[[str], str] | None = None
    offsets: tuple[str, ...] = ()

    def choose(self, table: str, column: str, role: str, why: str, instead: str = "") -> None:
        """Note what a column would be."""
        self.choices.append(Choice(table, column, role, why, instead))

    def settled(self, table: str) -> list[str]:
        """Columns of a table whose role leaves no room for telling which incidents are errors."""
        return [one.column for one in self.choices if one.table == table and one.role not in _MAY_TELL]

    def named(self, column: str, reserved: bool = True) -> str:
        """Name of a column in the schema; one that it cannot have is renamed.

        :param reserved: whether it cannot have a name that the product writes itself.
        """
        renamed: dict[str, str] = self.fields.get("rename", {})
        if column in renamed:  # A name is renamed in all tables.
            return renamed[column]
        try:
            check_column_name("column", column)
            check_reserved("column", [column] if reserved else [])
            return column
        except InputError:
            plain = re.sub(r"[^A-Za-z0-9]+", "_", plain_letters(column)).strip("_") or "column"
            plain = f"my_{plain}" if plain in RESERVED or not plain[0].isalpha() else plain
            plain = f"my_{plain}" if plain.startswith(("t_", "aggr_")) else plain
            while plain in renamed.values() or plain in self.taken:
                plain += "_"
            self.fields.setdefault("rename", {})[column] = plain
            return plain

    def assume_utc(self, tables: Sequence[str]) -> None:
        """Take times without a zone for UTC, and ask whether they are; say what other clock readings have.

        :param tables: that have such times.
        """
        self.assume_zone("UTC", tables, lambda names: _assumed_utc(names) + _other_clock(self.offsets))

    def assume_zone(self, zone: str, tables: Sequence[str], sentence: Callable[[str], str]) -> None:
        """Take times without a zone for those of one.

        :param tables: that have such times.
        :param sentence: what is asked of tables, given their names.
        """
        self.fields["assume_timezone"] = zone
        self.without_zone = [*tables]
        self.zone_sentence = sentence
        self.decide.append(sentence(" and ".join(tables)))

    def have_no_zone(self, table: str) -> None:
        """A further table has times without a zone: what is assumed of the others holds of it, too."""
        if self.zone_sentence is None:
            self.assume_utc([table])
        elif table not in self.without_zone:
            place = self.decide.index(self.zone_sentence(" and ".join(self.without_zone)))
            self.without_zone.append(table)
            self.decide[place] = self.zone_sentence(" and ".join(self.without_zone))

    def in_files(self, error: InputError) -> str:
        """What a schema refuses, with what the files call a column of the name that is to blame."""
        called = self.fields.get("rename", {})
        chosen = [one for one in self.choices if one.role != "none"]
        of = [one for one in chosen if called.get(one.column, one.column) == error.got]
        if not of:
            return str(error)
        tables = " and in the ".join(dict.fromkeys(one.table for one in of))
        return f"{error}: that is '{of[0].column}' in the {tables}, and one of them needs another name"

    @property
    def content(self) -> dict[str, Any] | None:
        """Content of the schema file; None while something is missing."""
        return None if self.missing else self.fields


def _assumed_utc(tables: str) -> str:
    return (
        f"Times in {tables} have no zone; the schema says assume_timezone: UTC, "
        "which must be true of them (or name their zone, such as Europe/Oslo)."
    )


def _other_clock(offsets: Sequence[str]) -> str:
    """What the readings say of their own clock, where that is not UTC; empty if it is, or nobody knows.

    :param offsets: of the readings, such as ``+01:00``, or the name of their zone.
    """
    others = [offset for offset in offsets if offset not in _UTC]
    if not others:
        return ""
    if len(offsets) > 1:
        said = f"The readings have the offsets {' and '.join(offsets)}"
        return f" {said}: if these times are of the same clock, name its zone, such as Europe/Oslo."
    (offset,) = others
    if offset[0] not in "+-":
        return f" The readings are of {offset}: if these times are of the same clock, say {offset}."
    hours = int(offset[1:3])
    # In the names of fixed offsets the sign is the other way round.
    fixed = f"Etc/GMT{'-' if offset[0] == '+' else '+'}{hours}"
    fits = f"{fixed}, or their zone if its clocks are changed" if offset.endswith(":00") else "their zone"
    return f" The readings have the offset {offset}: if these times are of the same clock, say {fits}."
