"""Rows of totals in exports of spreadsheets and of reports, which look like one more device."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from feature_sets.listed import listed

_TOTALS = re.compile(
    r"(grand |sub|sub-|sub )?totals?|sums?|summe|gesamt|gesamtsumme|somme|totale|averages?|avg\.?|means?|"
    r"mittelwert|durchschnitt|moyenne|promedio|median|minimum|maximum|min|max|"
    r"std\.? ?dev\.?|(sum|average|total|averages|sums|totals) \(?of .*",
    re.IGNORECASE,
)
_NAMED = 3


def is_total(text: str) -> bool:
    """Whether a text is what such rows are called by.

    >>> is_total("Total"), is_total("Averages (of 288 values):"), is_total("total-view-1"), is_total("Max")
    (True, True, False, True)
    """
    return _TOTALS.fullmatch(text.strip().rstrip(":").rstrip()) is not None


def totals_note(keys: Iterable[Sequence[str]]) -> str:
    """What is told of devices that are called like rows of totals; empty without one, or without others.

    :param keys: of the devices, each with its parts.
    """
    parts = list(keys)
    found = ["/".join(each) for each in parts if any(is_total(part) for part in each)]
    if not found or len(found) == len(parts):
        return ""
    names = listed([repr(name) for name in found], _NAMED)
    what = "is called like a row" if len(found) == 1 else "are called like rows"
    count = "1 device" if len(found) == 1 else f"{len(found):,} devices"
    return (
        f"{count} of {len(parts):,}, {names}, {what} of totals, as of a report: it counts as any other. If "
        "it is none, delete its rows from the files, or list the devices in a static file without it"
    )
