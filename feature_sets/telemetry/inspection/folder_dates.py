"""The order of the dates in a folder, from all of its tables together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from feature_sets.checks import InputError, check_choice
from feature_sets.telemetry.cell_text import texts_of
from feature_sets.telemetry.event_time import DATE_ORDERS
from feature_sets.telemetry.frames import VALID_FROM
from feature_sets.telemetry.inspection.choices import Proposal
from feature_sets.telemetry.inspection.column_profile import TIME_OF_DAY, profile_column
from feature_sets.telemetry.inspection.date_order import EITHER, MIXED
from feature_sets.telemetry.inspection.table_profile import TableProfile
from feature_sets.telemetry.time_columns import parse_times


def folder_order(tables: Mapping[str, TableProfile]) -> str | None:
    """The one order that the dates of a folder tell; None if they do not, or tell several."""
    found = {order for orders in _orders(tables).values() for order in orders.values()} - {EITHER}
    return found.pop() if len(found) == 1 and found <= set(DATE_ORDERS) else None


def known_order(tables: Mapping[str, TableProfile], given: str | None) -> str | None:
    """The order of the dates of a folder: what they tell, or what its owner says; None if nobody knows.

    :param given: by the owner; the dates may have no other.
    :raises InputError: unless it is one of the orders, and fits the dates.
    """
    told = folder_order(tables)
    if given is None:
        return told
    check_choice("date_order", given, DATE_ORDERS)
    if not _orders(tables):
        raise InputError("date_order", "must be left out, as no dates have the year last", given)
    if told not in (None, given):
        raise InputError("date_order", f"must be {told}, as numbers above 12 in the dates tell", given)
    return given


def propose_order(proposal: Proposal, tables: Mapping[str, TableProfile], given: str | None = None) -> None:
    """The order of dates, if their numbers tell one or their owner does; else what must be said.

    :param given: by the owner.
    """
    orders = _orders(tables)
    if not orders:
        return
    shown = ", ".join(
        f"{_sample(tables[table], name)} in the {table}"
        for table, columns in orders.items()
        for name in list(columns)[:1]
    )
    found = {order for columns in orders.values() for order in columns.values()}
    if found == {EITHER}:
        proposal.missing.append(
            f"Dates such as {shown} may have the day first or the month first, and no number above 12 tells. "
            "Say it with --date-order day_first (or month_first), or as date_order in a schema."
        )
    elif len(found) > 1 or found == {MIXED}:
        proposal.missing.append(
            f"Dates such as {shown} have the day first in some rows and the month first in others; all of a "
            "folder need one order."
        )
    else:
        (order,) = found
        proposal.fields["date_order"] = order
        why = "as numbers above 12 tell" if given is None else "as --date-order says"
        proposal.decide.append(
            f"Dates such as {shown} have the {order.partition('_')[0]} first, {why} (date_order)."
        )


def tell_clocks(
    proposal: Proposal, tables: Mapping[str, TableProfile], entity: Sequence[str], time: str
) -> bool:
    """Tell of dates whose time of day is in another column, and whether there are any.

    :param entity: columns that name a device.
    :param time: column of the event times; empty if there is none.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for name in ("metrics", "labels"):
        columns = tables[name].columns if name in tables else {}
        clock = next((column for column, profile in columns.items() if profile.kind == TIME_OF_DAY), "")
        if not clock:
            continue
        dates = [column for column, profile in columns.items() if profile.kind == "time"]
        if not dates:
            found.setdefault(("", clock), []).append(name)
        elif (date := time if time in dates else dates[0]) and _needs_clock(tables[name], entity, date):
            found.setdefault((date, clock), []).append(name)
    for (date, clock), names in found.items():
        where = " and the ".join(names)
        parts = f"date in '{date}' and the time of day in '{clock}'" if date else f"time of day in '{clock}'"
        proposal.missing.append(
            f"The {where} have the {parts}: both must be in one column, such as 2026-11-20 00:01:00, which "
            "the schema names as time."
        )
    return bool(found)


def _needs_clock(table: TableProfile, entity: Sequence[str], date: str) -> bool:
    """Whether a column holds dates alone, and a device has several rows of one."""
    texts = {name: texts_of(table.head[name]) for name in (*entity, date)}
    # Times at midnight may be written in full, as Parquet has them.
    times = table.times(date).dropna()
    alone = bool((times.dt.normalize() == times).all())
    if not len(times):
        alone = not any(":" in value for value in texts[date].values)
    return alone and bool(pd.DataFrame({name: of.codes for name, of in texts.items()}).duplicated().any())


def _sample(table: TableProfile, name: str) -> str:
    """A date that has an order, beside which there may be times of other forms."""
    dates = np.flatnonzero(parse_times(table.head[name]).other)
    shown = table.head[name].slice(int(dates[0]), 1) if len(dates) else table.head[name]
    return profile_column(name, shown).samples[0]


def _orders(tables: Mapping[str, TableProfile]) -> dict[str, dict[str, str]]:
    """Order of dates by table and column, of columns that are read as times."""
    found = {
        table: {
            name: column.order
            for name, column in profile.columns.items()
            if column.order and (table != "static" or name == VALID_FROM)
        }
        for table, profile in tables.items()
    }
    return {table: columns for table, columns in found.items() if columns}
