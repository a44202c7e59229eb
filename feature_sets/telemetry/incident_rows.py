"""Incidents as rows: whom they name, from when to when, and what was said of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from feature_sets.telemetry.events import excluding_columns
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema

SOURCE, ROW, ID, START, END, KNOWN, CANCELLED = "source", "row", "id", "start", "end", "known", "cancelled"

REOPENED = "reopened"
"""Column with when an end was taken away that was known by then; only of what was sent live."""
KNOWN_TWICE = "it counts as known from the later moment"
"""What is noted of a time in ``known`` that clocks show twice."""

_AT, _IS = "at.", "is."
_TIMES = "datetime64[ns, UTC]"


@dataclass(frozen=True)
class IncidentPart:
    """Incidents of a source, as it has them now.

    :param frame: see ``incident_types``.
    :param files: sources that were read. What is known of these is replaced by the rows.
    :param alarms: rows of an alarm log that the incidents are made of, see ``alarm_types``; None without one.
    """

    frame: pd.DataFrame
    files: tuple[str, ...]
    alarms: pd.DataFrame | None = None

    def of_source(self, name: str) -> IncidentPart:
        """The same, where the files are called by the folder that they are in."""

        def renamed(rows: pd.DataFrame) -> pd.DataFrame:
            return rows.assign(**{SOURCE: [f"{name}|{file}" for file in rows[SOURCE]]})

        files = tuple(f"{name}|{file}" for file in self.files)
        alarms = None if self.alarms is None else renamed(self.alarms)
        return IncidentPart(renamed(self.frame), files, alarms)


def at(column: str) -> str:
    """Column of the rows with the cell by which an incident names devices."""
    return f"{_AT}{column}"


def said(column: str) -> str:
    """Column of the rows with a text about the incident."""
    return f"{_IS}{column}"


def scope_columns(schema: TelemetrySchema) -> tuple[str, ...]:
    """Columns by which incidents of a schema name devices."""
    return schema.labels.scope or (DEVICE,)


def texts_about(schema: TelemetrySchema) -> tuple[str, ...]:
    """Columns with texts about incidents of a schema: the kind, and what excludes labels."""
    return tuple(dict.fromkeys([schema.labels.kind, *excluding_columns(schema)]))


def incident_types(schema: TelemetrySchema) -> dict[str, str]:
    """The columns of incidents, with their types.

    ``source`` and ``row`` say where a row is from; ``id`` is None without one; ``end`` is NaT while it is
    open, ``known`` where nobody says, ``reopened`` where no end was taken away. A cell of a scope that is
    None holds for all.
    """
    return {
        SOURCE: "object",
        ROW: "int64",
        ID: "object",
        **{at(column): "object" for column in scope_columns(schema)},
        START: _TIMES,
        END: _TIMES,
        KNOWN: _TIMES,
        CANCELLED: "bool",
        REOPENED: _TIMES,
        **{said(column): "object" for column in texts_about(schema)},
    }


def no_incidents(schema: TelemetrySchema) -> pd.DataFrame:
    """A frame of incidents without a row."""
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in incident_types(schema).items()})


def joined_incidents(parts: Sequence[pd.DataFrame], schema: TelemetrySchema) -> pd.DataFrame:
    """Incidents of all parts, one after the other."""
    filled = [part for part in parts if len(part)]
    if not filled:
        return no_incidents(schema)
    return pd.concat(filled, ignore_index=True)[list(incident_types(schema))]
