"""Columns that tables call otherwise than the metrics do: those of devices, and of the event time."""

from __future__ import annotations

from collections.abc import Mapping

from feature_sets.checks import InputError, check_column_name
from feature_sets.telemetry.cell_text import texts_of
from feature_sets.telemetry.inspection.choices import Proposal
from feature_sets.telemetry.inspection.digit_ids import is_key_name, may_be_id
from feature_sets.telemetry.inspection.interval_shape import intervals_of
from feature_sets.telemetry.inspection.key_and_time import DEVICE_NAME, time_candidates
from feature_sets.telemetry.inspection.table_profile import TableProfile

_SHARED = 0.8
"""Share of the values of a column that the metrics must have, if it is to be one of theirs."""


def other_names(tables: Mapping[str, TableProfile]) -> dict[str, str]:
    """Columns of other tables that are columns of the metrics under another name.

    >>> other_names({})
    {}

    :returns: their names in the files -> those in the metrics.
    """
    metrics = tables.get("metrics")
    if metrics is None:
        return {}
    keys = {
        name: _values(metrics, name)
        for name, column in metrics.columns.items()
        if column.kind == "text" or (is_key_name(name) and may_be_id(column))
    }
    found: dict[str, str] = {}
    for table in (table for name, table in tables.items() if name != "metrics"):
        for name, column in table.columns.items():
            if name in metrics.columns or name in found or column.kind not in ("text", "number"):
                continue
            called = _key_of(table, name, keys)
            if called and called not in [found.get(other, other) for other in table.columns]:
                found[name] = called
    labels = tables.get("labels")
    if labels is not None and intervals_of(labels) is None:
        times = time_candidates({"metrics": metrics})
        own = [name for name, column in labels.columns.items() if column.kind == "time"]
        if times and not set(times) & set(labels.columns) and len(own) == 1:
            found[own[0]] = times[0]
    # A name holds for all tables.
    clear = [
        name
        for name, called in found.items()
        if not any(name in table.columns and called in table.columns for table in tables.values())
    ]
    return {name: found[name] for name in clear}


def propose_names(proposal: Proposal, names: Mapping[str, str]) -> None:
    """Rename what other tables call otherwise than the metrics do.

    :param names: see ``other_names``.
    """
    for column, called in names.items():
        renamed = proposal.named(called, reserved=False)
        renames: dict[str, str] = proposal.fields.setdefault("rename", {})
        alone = list(names.values()).count(called) == 1
        if renamed != called and alone and _fits(column):  # Then the name of the other table serves for both.
            renames[called] = column
        else:
            renames[column] = renamed
        proposal.decide.append(f"'{column}' is taken for '{called}' of the metrics, by its values (rename).")


def _fits(column: str) -> bool:
    """Whether a schema may have a column of this name."""
    try:
        check_column_name("column", column)
    except InputError:
        return False
    return True


def _key_of(table: TableProfile, name: str, keys: Mapping[str, set[str]]) -> str:
    """Column of the metrics with the devices that a column of another table names; empty if there is none."""
    values = _values(table, name)
    shared = {
        key: len(values & known) / len(values)
        for key, known in keys.items()
        if values
        and key not in table.columns
        and (_is_of_each_row(table, name) or any(DEVICE_NAME.search(one.lower()) for one in (name, key)))
    }
    best = max(shared, key=lambda key: shared[key], default="")
    return best if best and shared[best] >= _SHARED else ""


def _is_of_each_row(table: TableProfile, name: str) -> bool:
    """Whether a column of the static file has another value in each row, as the names of devices."""
    rows = table.rows if table.rows == table.looked_at else 0
    return table.name == "static" and rows > 1 and table.columns[name].distinct == rows


def _values(table: TableProfile, name: str) -> set[str]:
    return set(texts_of(table.head[name]).values)
