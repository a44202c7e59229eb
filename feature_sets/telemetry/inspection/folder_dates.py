"""The order of the dates in a folder, from all of its tables together."""

from __future__ import annotations

from collections.abc import Mapping

from feature_sets.telemetry.event_time import DATE_ORDERS
from feature_sets.telemetry.frames import VALID_FROM
from feature_sets.telemetry.inspection.choices import Proposal
from feature_sets.telemetry.inspection.date_order import EITHER, MIXED
from feature_sets.telemetry.inspection.table_profile import TableProfile


def folder_order(tables: Mapping[str, TableProfile]) -> str | None:
    """The one order that the dates of a folder tell; None if they do not, or tell several."""
    found = {order for orders in _orders(tables).values() for order in orders.values()} - {EITHER}
    return found.pop() if len(found) == 1 and found <= set(DATE_ORDERS) else None


def propose_order(proposal: Proposal, tables: Mapping[str, TableProfile]) -> None:
    """The order of dates, if their numbers tell one; else what must be said."""
    orders = _orders(tables)
    if not orders:
        return
    shown = ", ".join(
        f"{tables[table].columns[name].samples[0]} in the {table}"
        for table, columns in orders.items()
        for name in list(columns)[:1]
    )
    found = {order for columns in orders.values() for order in columns.values()}
    if found == {EITHER}:
        proposal.missing.append(
            f"Dates such as {shown} may have the day first or the month first, and no number above 12 tells: "
            "the schema must say date_order: day_first, or month_first."
        )
    elif len(found) > 1 or found == {MIXED}:
        proposal.missing.append(
            f"Dates such as {shown} have the day first in some rows and the month first in others; all of a "
            "folder need one order."
        )
    else:
        (order,) = found
        proposal.fields["date_order"] = order
        proposal.decide.append(
            f"Dates such as {shown} have the {order.partition('_')[0]} first, as numbers above 12 tell "
            "(date_order)."
        )


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
