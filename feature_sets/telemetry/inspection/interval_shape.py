"""Tables of intervals: incidents, and calendars of maintenance."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from feature_sets.listed import listed
from feature_sets.telemetry.cell_text import ids_of, texts_of
from feature_sets.telemetry.event_time import DATE_ORDERS
from feature_sets.telemetry.inspection.ask_only import ask_only
from feature_sets.telemetry.inspection.choices import Proposal
from feature_sets.telemetry.inspection.interval_ends import Ends, ends_by_times, second_intervals
from feature_sets.telemetry.inspection.none_states import none_states
from feature_sets.telemetry.inspection.table_profile import TableProfile
from feature_sets.telemetry.inspection.ticket_states import open_states
from feature_sets.telemetry.label_form import INCIDENTS, LabelForm
from feature_sets.telemetry.maintenance_columns import MaintenanceColumns
from feature_sets.telemetry.schema import DEVICE
from feature_sets.telemetry.time_columns import parse_times, says_something

_START = re.compile(r"start|begin|began|open|from|since|raised|onset|detect|creat|report|occur|first")
_END = re.compile(r"end|stop|clos|until|resolv|clear|finish|recover|restor|^to$|_to$")
_KIND = re.compile(r"kind|cause|type|reason|categor|class|severity")
_ID = re.compile(
    r"^(number|ticket|sys_?id|id|key|case)$|(incident|ticket|case|event|alert|issue|alarm|problem)"
    r"[ _.-]?(id|no|nr|number|key|ref)$|^(incident|ticket)$"
)
"""What columns with the id of an incident are called."""
_TOLD_NAME = re.compile(r"known|(^|[^a-z])told([^a-z]|$)")
KNOWN_NAME = re.compile(rf"{_TOLD_NAME.pattern}|updat|modif|chang|recorded|export")
_CANCELLED = re.compile(r"void|cancel|withdr[ae]w|retract|invalid|false[ _.-]?(alarm|positive)")
_LENGTH = re.compile(r"duration|^length|elapsed|_(sec|secs|seconds|min|mins|minutes|hours)$")
_KINDS = 20
_SHOWN = 5
_ALWAYS = ("incidents", "maintenance")
"""Tables of intervals, whatever their columns are called."""
LABEL = "is_error"
"""Name of what is predicted, where the files give it none."""


class IntervalColumns(NamedTuple):
    """Columns with the start and the end of each row; the end is empty if no row says one."""

    start: str
    end: str


def has_named_ends(table: TableProfile) -> bool:
    """Whether two columns of times are called as the start and the end of each row."""
    times = [name for name, column in table.columns.items() if column.kind in ("time", "empty")]
    starts = [name for name in times if _START.search(name.lower())]
    return any(name not in starts[:1] and _END.search(name.lower()) for name in times) and bool(starts)


def intervals_of(table: TableProfile) -> IntervalColumns | None:
    """Columns with the start and the end of each row, if a table has them and no column of 0 and 1."""
    columns = table.columns
    times = [name for name, column in columns.items() if column.kind == "time"]
    # Where all are open nobody knows what the ends would be.
    ends = [name for name, column in columns.items() if column.kind in ("time", "empty")]
    start = next((name for name in times if _START.search(name.lower())), "")
    end = next((name for name in ends if name != start and _END.search(name.lower())), "")
    if start and end:
        return IntervalColumns(start, end)
    if len(times) != 2 or any(column.kind == "truth" for column in columns.values()):
        if table.name not in _ALWAYS or not times:
            return None
        by_times = _by_times(table, times, start)
        return IntervalColumns(start or by_times.start or times[0], by_times.end)
    first, second = times
    if columns[second].first < columns[first].first:
        first, second = second, first
    return IntervalColumns(first, second)


def _by_times(table: TableProfile, times: Sequence[str], start: str) -> Ends:
    """What the times tell of a table without a name of an end; when a row was known is no end."""
    return ends_by_times(
        table, [name for name in times if name == start or not KNOWN_NAME.search(name.lower())], start
    )


def propose_incidents(
    proposal: Proposal, table: TableProfile, entity: Sequence[str], attributes: Sequence[str]
) -> None:
    """Labels that are made of incidents.

    :param entity: columns of the files that name a device.
    :param attributes: columns of the static file.
    """
    found = intervals_of(table)
    columns = _interval(proposal, table, LabelForm())
    scope = name_scope(proposal, table, entity, attributes)
    if found is None or columns is None or scope is None:
        return
    fields: dict[str, object] = {"form": INCIDENTS, **columns}
    if scope:
        fields["scope"] = scope
    for role, column, why in _versions(table, proposal, found.start):
        proposal.choose(table.name, column, f"labels.{role}", why)
        if proposal.named(column, reserved=False) != getattr(LabelForm(), role):
            fields[role] = proposal.named(column, reserved=False)
    kind = kind_column(table, proposal)
    if kind:
        proposal.choose(table.name, kind, "labels.kind", "few values, which say what kind it was")
        if proposal.named(kind, reserved=False) != LabelForm().kind:
            fields["kind"] = proposal.named(kind, reserved=False)
    if still := open_states(proposal, table, found.end, _taken(table, proposal)):
        fields["open"] = still
    if only := none_states(proposal, table):
        fields["only"] = only
    _tell_instants(proposal, table)
    _tell_second(proposal, table)
    note_others(proposal, table)
    if len(table.files) > 1:
        names = listed([Path(name).name.partition(".")[0] for name in table.files], _SHOWN)
        proposal.decide.append(
            f"The incidents are in {len(table.files):,} files ({names}): where those of several overlap, all "
            "count. If one is to be believed more, labels.sources and labels.conflict say so."
        )
    proposal.fields["label"] = LABEL
    proposal.fields["labels"] = fields
    ask_only(proposal, table, np.arange(table.head.num_rows), proposal.settled(table.name))
    proposal.decide.append(
        f"A reading inside of an incident is {LABEL}: 1, and one outside of all of them is healthy; if less "
        "than all readings were watched, say so in labels.watched."
    )


def _tell_instants(proposal: Proposal, table: TableProfile) -> None:
    """Tell of incidents that end when they start."""
    found = intervals_of(table)
    if found is None or not found.end:
        return
    instants = int((table.times(found.start) == table.times(found.end)).sum())
    if instants:
        proposal.decide.append(
            f"{instants:,} of {table.looked_at:,} incidents end when they start, and make no reading an "
            "error: labels.tolerance says how long before its start an incident begins."
        )


def _tell_second(proposal: Proposal, table: TableProfile) -> None:
    """Tell of rows that have a second interval, in columns that nobody reads."""
    taken, found = _taken(table, proposal), intervals_of(table)
    others = [
        name
        for name, column in table.columns.items()
        if column.kind == "time" and name not in taken and not KNOWN_NAME.search(name.lower())
    ]
    if found is not None and found.end and (told := second_intervals(table, found.end, others)):
        proposal.decide.append(told)


def propose_maintenance(
    proposal: Proposal, table: TableProfile, entity: Sequence[str], attributes: Sequence[str]
) -> None:
    """A calendar of maintenance.

    :param entity: columns of the files that name a device.
    :param attributes: columns of the static file.
    """
    columns = _interval(proposal, table, MaintenanceColumns())
    scope = name_scope(proposal, table, entity, attributes)
    if columns is None or scope is None:
        return
    if scope:
        columns["scope"] = scope
    kind = kind_column(table, proposal)
    if kind:
        proposal.choose(table.name, kind, "maintenance.reason", "few values, which say why")
        if kind != MaintenanceColumns().reason:
            columns["reason"] = proposal.named(kind, reserved=False)
    _tell_second(proposal, table)
    note_others(proposal, table)
    proposal.fields["maintenance"] = columns


def _interval(
    proposal: Proposal, table: TableProfile, usual: LabelForm | MaintenanceColumns
) -> dict[str, Any] | None:
    """Start and end, as far as they have other names than the usual ones."""
    found = intervals_of(table)
    if found is None:
        return None
    named: dict[str, Any] = {}
    if not found.end:
        _tell_open(proposal, table)
    for role, column in found._asdict().items():
        if not column:
            continue
        profile = table.columns[column]
        span = f", {profile.first} to {profile.last}" if profile.first else ""
        why = f"{profile.times}{span}" if profile.times else "all are open"
        proposal.choose(table.name, column, f"{_field(table)}.{role}", why)
        name = proposal.named(column, reserved=False)
        if name != getattr(usual, role):
            named[role] = name
    if any(table.columns[column].naive for column in found if column):
        proposal.have_no_zone(table.name)
    return named


def _tell_open(proposal: Proposal, table: TableProfile) -> None:
    """Tell of a table without ends, which may have the length of each instead."""
    none = f"The {table.name} have no column of ends"
    lengths = [
        name
        for name, column in table.columns.items()
        if column.kind in ("number", "truth", "text") and _LENGTH.search(name.lower())
    ]
    if lengths:
        proposal.missing.append(
            f"{none}, and '{lengths[0]}' may say how long each was: they need a column with the time of the "
            "end, which is the start and that."
        )
    elif likely := _likely_end(table):
        proposal.missing.append(likely)
    elif unclear := _unclear_ends(table):
        proposal.missing.append(unclear)
    else:
        proposal.decide.append(f"{none}: all of them are open.")


def _unclear_ends(table: TableProfile) -> str:
    """Say that one of several columns must be the end, and nobody knows which; empty if none can be."""
    times = [name for name, column in table.columns.items() if column.kind == "time"]
    start = next((name for name in times if _START.search(name.lower())), "")
    likely = _by_times(table, times, start).likely
    if not likely:
        return ""
    names = listed([f"'{name}'" for name in likely], _SHOWN)
    return (
        f"No name tells the end of the {table.name}, and several may be it: {names}. Call the right column "
        f"'end' in its file, or write the schema with it ({_field(table)}.end)."
    )


def _likely_end(table: TableProfile) -> str:
    """What is wrong with a column of text of which most cells are times; empty without one."""
    for name in (name for name, column in table.columns.items() if column.kind == "text"):
        texts = texts_of(table.head[name])
        told = table.head[name].filter(pa.array(says_something(texts)))
        wrong = np.logical_and.reduce([parse_times(told, "UTC", order).unparsable for order in DATE_ORDERS])
        if 2 * np.count_nonzero(wrong) < len(wrong):
            count, shown = np.count_nonzero(wrong), told[int(np.argmax(wrong))].as_py()
            return (
                f"'{name}' of the {table.name} may be the end, but {count:,} of its {len(wrong):,} cells "
                f"{'is no time' if count == 1 else 'are no times'}, such as {shown!r}: where there is no end "
                "yet, the cell is empty."
            )
    return ""


def not_understood(table: TableProfile) -> str:
    """What is missing in a table that is there and holds no intervals, as its name says."""
    named = [name for name in table.columns if _START.search(name.lower()) or _END.search(name.lower())]
    texts = [
        name for name, column in table.columns.items() if column.kind == "text" and "time" in name.lower()
    ]
    shown = [
        f"'{name}' such as {table.columns[name].samples[0]}"
        for name in (named or texts)
        if table.columns[name].samples
    ]
    why = f" ({listed(shown, _SHOWN)} is none)" if shown else ""
    return (
        f"{table.files[0]} has no times that could be the start{why}: times are ISO 8601 text, epoch "
        "numbers, or a type of times."
    )


def _field(table: TableProfile) -> str:
    return "maintenance" if table.name == "maintenance" else "labels"


def name_scope(
    proposal: Proposal, table: TableProfile, entity: Sequence[str], attributes: Sequence[str]
) -> list[str] | None:
    """Columns that say which devices, none if they are those of the device; None if there is none."""
    levels = [name for name in entity if name in table.columns]
    for name in levels or [DEVICE]:
        if name in table.columns:
            proposal.choose(table.name, name, f"{_field(table)}.scope", "names the device, as in the metrics")
    others = [name for name in attributes if name in table.columns and name not in entity]
    named = levels or [name for name in (DEVICE,) if name in table.columns]
    missing = any(table.columns[name].missing for name in named)
    whole = bool(named) and (levels in ([], list(entity))) and not (missing and (others or len(levels) > 1))
    # A calendar is read with all columns that the static file says of devices.
    if not whole or table.name == "maintenance":
        for name in others:
            proposal.choose(
                table.name, name, f"{_field(table)}.scope", "names devices by what the static file says"
            )
    if whole:
        return []
    if named or others:
        return [proposal.named(name, reserved=False) for name in (*named, *others)]
    known = ", ".join(dict.fromkeys([*entity, *attributes]))
    proposal.missing.append(
        f"The {table.name} name no devices: they need a column that metrics or static have, such as {known}."
    )
    return None


def _versions(table: TableProfile, proposal: Proposal, start: str) -> Iterator[tuple[str, str, str]]:
    """Columns that tell which rows are about one incident and which of these counts: role, name and why.

    :param start: column with the start of each.
    """
    own_id = _id(table, proposal, start)
    is_repeated = bool(own_id) and table.columns[own_id].distinct != table.columns[own_id].rows
    if own_id:
        rows = "repeated for one device and start" if is_repeated else "another in every row"
        yield "id", own_id, f"{rows}: a row takes the place of an earlier one of the same id"
    rest = {name: column for name, column in table.columns.items() if name not in _taken(table, proposal)}
    times = [
        name for name, column in rest.items() if column.kind == "time" and KNOWN_NAME.search(name.lower())
    ]
    if is_repeated and times:
        yield "known", times[0], "a time by which the last row of an id is known"
    elif told := [name for name in times if _TOLD_NAME.search(name.lower())]:
        yield "known", told[0], "its name says that it is the time from which a row was known"
    truths = [
        name for name, column in rest.items() if column.kind == "truth" and _CANCELLED.search(name.lower())
    ]
    if truths:
        yield "cancelled", truths[0], "yes and no, and its name says that there was none"


def _id(table: TableProfile, proposal: Proposal, start: str) -> str:
    """Column with an id of each incident, if there seems to be one.

    All of its values are different, or rows that share one are about one device, and mostly one start.
    """
    taken = _taken(table, proposal)
    if LabelForm().id in table.columns:  # Is read as the id, whatever the others are called.
        return LabelForm().id if LabelForm().id not in taken else ""
    found = (
        name
        for name, column in table.columns.items()
        if name not in taken
        and column.kind in ("text", "number")
        and not column.missing
        and _ID.search(name.lower())
        and (column.distinct == column.rows or _is_of_versions(table, proposal, name, start))
    )
    return next(found, "")


def _is_of_versions(table: TableProfile, proposal: Proposal, name: str, start: str) -> bool:
    scope = [
        each.column for each in proposal.choices if each.table == table.name and each.role.endswith(".scope")
    ]
    codes = pd.DataFrame({each: ids_of(table.head[each]).codes for each in (name, *scope, start)})
    ids = codes[name].nunique()
    again = len(codes) - ids
    return (
        len(codes[[name, *scope]].drop_duplicates()) == ids
        and 2 * (len(codes.drop_duplicates()) - ids) <= again
    )


def _taken(table: TableProfile, proposal: Proposal) -> set[str]:
    return {choice.column for choice in proposal.choices if choice.table == table.name}


def kind_column(table: TableProfile, proposal: Proposal) -> str:
    """Column with the kind of each, if there seems to be one."""
    taken = _taken(table, proposal)
    few = [
        name
        for name, column in table.columns.items()
        if name not in taken and column.kind in ("text", "number") and 0 < (column.distinct or 0) <= _KINDS
    ]
    named = [name for name in few if _KIND.search(name.lower())]
    return named[0] if named else ""


def note_others(proposal: Proposal, table: TableProfile) -> None:
    """Say of each column that was not chosen why not."""
    taken = _taken(table, proposal)
    for name, column in table.columns.items():
        if name not in taken:
            why = (
                "a time, but neither start nor end"
                if column.kind == "time"
                else "neither device nor time nor kind"
            )
            is_truth = table.name != "maintenance" and column.kind == "truth"
            instead = "labels.cancelled, if it says that there was none" if is_truth else ""
            proposal.choose(table.name, name, "none", why, instead)
