"""What a folder must say of the columns that name devices before a schema can be proposed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

import pyarrow as pa

from feature_sets.listed import listed
from feature_sets.rows.entity_keys import is_key_text
from feature_sets.telemetry.cell_text import texts_of
from feature_sets.telemetry.inspection.choices import Proposal
from feature_sets.telemetry.inspection.digit_ids import unnamed_ids
from feature_sets.telemetry.inspection.key_and_time import common_columns
from feature_sets.telemetry.inspection.table_profile import TableProfile

_SHOWN = 5
_MOST = 0.5
_DOMAIN = "in the domain after the name"
_WAYS = (
    ("in upper and lower case", str.casefold),
    ("in zeros at the front", lambda text: re.sub(r"^0+(?=\d)", "", text)),
    (_DOMAIN, lambda text: text.casefold().partition(".")[0]),
)
"""How names of one device may differ, and what of them is the same then."""


def no_key(tables: Mapping[str, TableProfile]) -> str:
    """Why no column names the devices, for people."""
    where = f"in {', '.join(tables)} alike" if len(tables) > 1 else f"in the {next(iter(tables))}"
    numbers = unnamed_ids(list(tables.values()), common_columns(tables))
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
    for name, table in tables.items():
        for column in entity if name != "metrics" else ():
            _tell_strangers(proposal, metrics, table, column)


def _is_no_text(column: pa.ChunkedArray) -> bool:
    return any(not is_key_text(value) for value in texts_of(column).values)


def _tell_strangers(proposal: Proposal, metrics: TableProfile, table: TableProfile, column: str) -> None:
    """Tell of values that the metrics do not have, if they write the same another way or have none."""
    known, given = (dict.fromkeys(texts_of(of.head[column]).values) for of in (metrics, table))
    strangers = [value for value in given if value not in known]
    if not strangers or not known:
        return
    some = f"{len(strangers):,} of {len(given):,} values of '{column}' in the {table.name}"
    for how, plain in _WAYS:
        counts = Counter(plain(value) for value in known)
        alike = {plain(value): value for value in known if counts[plain(value)] == 1}
        pairs = [(value, alike[plain(value)]) for value in strangers if plain(value) in alike]
        if how == _DOMAIN:  # Addresses, and names of two domains, are of different devices.
            pairs = [(value, other) for value, other in pairs if ("." in value) != ("." in other)]
        if not pairs or len(pairs) < _MOST * len(strangers):
            continue
        sentence = (
            f"{some} differ from those of the metrics only {how}, such as {pairs[0][0]!r} and "
            f"{pairs[0][1]!r}, and would be other devices: all tables must write a device alike."
        )
        (proposal.missing if len(strangers) == len(given) else proposal.decide).append(sentence)
        return
    # Of large files the rest was not looked at.
    if len(strangers) == len(given) and all(of.rows == of.looked_at for of in (metrics, table)):
        proposal.missing.append(
            f"None of the {len(given):,} values of '{column}' in the {table.name}, such as {strangers[0]!r}, "
            f"is in the metrics, which have {next(iter(known))!r}."
        )
