"""What a folder must say of the columns that name devices before a schema can be proposed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from feature_sets.listed import listed
from feature_sets.rows.entity_keys import is_key_text
from feature_sets.telemetry.cell_text import texts_of
from feature_sets.telemetry.inspection.choices import Proposal
from feature_sets.telemetry.inspection.digit_ids import unnamed_ids
from feature_sets.telemetry.inspection.key_and_time import common_columns
from feature_sets.telemetry.inspection.table_profile import TableProfile
from feature_sets.telemetry.listed_devices import ONE_EACH, lists_of, lists_sentence
from feature_sets.telemetry.look_alikes import look_alikes_note
from feature_sets.telemetry.other_writings import Alike, OtherWritings
from feature_sets.telemetry.totals_rows import totals_note

_SHOWN = 5
_MOST = 0.5
_COLUMNS = "in the names of the columns"
_SHARED = 0.8
"""Share of the names of one column that another must have in another way, if both are of the same devices."""


def no_key(tables: Mapping[str, TableProfile]) -> str:
    """Why no column names the devices, for people."""
    where = f"in {', '.join(tables)} alike" if len(tables) > 1 else f"in the {next(iter(tables))}"
    numbers = unnamed_ids(list(tables.values()), common_columns(tables))
    if not numbers and (told := _written_otherwise(tables)):
        return told
    if not numbers:
        return f"No column of text, or of ids, is {where}, so nothing names the devices."
    names = listed([f"'{name}'" for name in numbers], _SHOWN)
    return (
        f"Whole numbers in {names} are {where}, and nothing says which of them name the devices: "
        "call that column 'device', or write the schema with it as entity."
    )


def tell_keys(proposal: Proposal, tables: Mapping[str, TableProfile], entity: Sequence[str]) -> None:
    """Tell of names of devices that cannot be read, or that tables write in different ways.

    :param tables: the metrics, and others that have the columns.
    :param entity: columns that name a device.
    """
    for column in entity:
        for name, table in tables.items():
            if _is_no_text(table.head[column]):
                proposal.missing.append(
                    f"'{column}' of the {name} holds bytes that are no text ({table.columns[column].type}): "
                    "write them as text, such as the 36 characters of a UUID."
                )
                return
    metrics = tables["metrics"]
    for column in entity:
        if note := totals_note([value] for value in _texts(metrics, column)):
            proposal.decide.append(f"'{column}' of the metrics: {note}.")
        if note := look_alikes_note(_texts(metrics, column)):
            proposal.decide.append(f"'{column}' of the metrics: {note}.")
    for name, table in tables.items():
        for column in entity if name != "metrics" else ():
            _tell_strangers(proposal, metrics, table, column)


def _is_no_text(column: pa.ChunkedArray) -> bool:
    return any(not is_key_text(value) for value in texts_of(column).values)


def _written_otherwise(tables: Mapping[str, TableProfile]) -> str:
    """Say that a column of another table has the devices of the metrics in another writing; else empty."""
    metrics, *others = (tables["metrics"], *(table for name, table in tables.items() if name != "metrics"))
    best, told = 1, ""
    for key, known in _text_columns(metrics):
        writings, equal = OtherWritings(known), frozenset(known)
        for table in others:
            for column, given in _text_columns(table):
                least = max(best + 1, _SHARED * min(len(given), len(known)))
                same = Alike(_COLUMNS, [(name, name) for name in given if name in equal])
                ways = (same, *writings.of(given))
                found = next((one for one in ways if len(one.pairs) >= least), None)
                if found is None:
                    continue
                best, pair = len(found.pairs), found.pairs[0]
                seem = f"'{key}' of the metrics and '{column}' of the {table.name} seem to"
                if found.how == _COLUMNS:
                    rest = f", with values such as {pair[1]!r} in both. Give both columns one name"
                    told = f"Nothing names the devices: {seem}{rest} (rename: {{{column}: {key}}})."
                else:
                    rest = f", but differ {found.how}, such as {pair[1]!r} and {pair[0]!r}"
                    told = f"Nothing names the devices: {seem}{rest}. All tables must write a device alike."
    return told


def _text_columns(table: TableProfile) -> list[tuple[str, list[str]]]:
    """Columns of text with their values."""
    return [(name, _texts(table, name)) for name, column in table.columns.items() if column.kind == "text"]


def _texts(table: TableProfile, column: str) -> list[str]:
    return list(dict.fromkeys(texts_of(table.head[column]).values))


def _tell_strangers(proposal: Proposal, metrics: TableProfile, table: TableProfile, column: str) -> None:
    """Tell of values that the metrics do not have, if they write the same another way or have none."""
    known, given = _texts(metrics, column), _texts(table, column)
    there = set(known)
    strangers = [value for value in given if value not in there]
    if not strangers or not known or _tell_ways(proposal, table, column, known, strangers, len(given)):
        return
    # Of large files the rest was not looked at.
    if len(strangers) == len(given) and all(of.rows == of.looked_at for of in (metrics, table)):
        proposal.missing.append(
            f"None of the {len(given):,} values of '{column}' in the {table.name}, such as {strangers[0]!r}, "
            f"is in the metrics, which have {known[0]!r}."
        )


def _tell_ways(
    proposal: Proposal,
    table: TableProfile,
    column: str,
    known: Sequence[str],
    strangers: Sequence[str],
    count: int,
) -> bool:
    """Tell of values that are known in another writing, if most of those that are not known are.

    :param known: names of devices.
    :param strangers: names in the column that are not known.
    :param count: of all names in it.
    :returns: whether that is so.
    """
    for how, pairs in OtherWritings(known).of(strangers):
        if not pairs or len(pairs) < _MOST * len(strangers):
            continue
        sentence = (
            f"{len(strangers):,} of {count:,} values of '{column}' in the {table.name} differ from "
            f"those of the metrics only {how}, such as {pairs[0][0]!r} and {pairs[0][1]!r}, and would be "
            "other devices: all tables must write a device alike."
        )
        (proposal.missing if len(strangers) == count else proposal.decide).append(sentence)
        return True
    return False


def tell_scopes(
    proposal: Proposal, tables: Mapping[str, TableProfile], table: TableProfile, entity: Sequence[str]
) -> None:
    """Tell of what a table of intervals names that no other table has, if it is a device in another writing.

    What the static file says of devices, such as their site, is told as well.

    :param tables: the metrics, the static file, and others that name each device.
    :param table: of incidents or of maintenance.
    :param entity: columns that name a device.
    """
    static = tables.get("static")
    others = {
        name: set(_texts(static, name))
        for name, profile in (static.columns.items() if static else ())
        if static and profile.kind == "text" and name not in entity
    }
    plain = [name for name, profile in table.columns.items() if profile.kind != "nested"]
    for column in (name for name in entity if name in plain):
        known = dict.fromkeys(
            value for of in tables.values() if column in of.columns for value in _texts(of, column)
        )
        given = _texts(table, column)
        strangers = [value for value in given if value not in known]
        lists = lists_of(strangers, known)
        if lists:
            proposal.decide.append(f"Of the {table.name}, {lists_sentence(column, lists)}: {ONE_EACH}.")
            strangers = [value for value in strangers if value not in lists]
        if not strangers or _tell_ways(proposal, table, column, list(known), strangers, len(given)):
            continue
        # The table may have a column of this name as well, for other rows.
        for other, values in others.items():
            named = [value for value in strangers if value in values]
            if not named:
                continue
            shown = listed([repr(value) for value in named], _SHOWN)
            are = "is no device" if len(named) == 1 else "are no devices"
            proposal.decide.append(
                f"{shown} in '{column}' of the {table.name} {are}, but what '{other}' of the "
                "static file says, so such rows count for no device. They need that in a column "
                f"'{other}', and '{column}' empty."
            )
            break
