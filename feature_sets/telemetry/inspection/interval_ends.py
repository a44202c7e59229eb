"""Which of several times is the end of an incident where no name tells it, and which are of a second one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from feature_sets.listed import listed
from feature_sets.telemetry.inspection.table_profile import TableProfile

_SELDOM = 0.5
"""Share of the rows with an end that other times may have at most, if they are of what followed it."""
_SHOWN = 5


class Ends(NamedTuple):
    """What could be the end of each row, by its times alone.

    :param start: column that is in every row at or before all other times; empty without one.
    :param end: the one column that can be the end; empty if there is none, or several may be.
    :param likely: columns with times at or after the start, in the order of the table.
    """

    start: str = ""
    end: str = ""
    likely: tuple[str, ...] = ()


def ends_by_times(table: TableProfile, times: Sequence[str], start: str = "") -> Ends:
    """Find the end of each row by what its times are.

    It comes before all that is later than the start, and most of its rows have nothing later: a ticket is
    seldom opened again. What nearly every row has between start and end, such as who has seen it, leaves
    it open which of both is the end.

    :param times: columns of times that may be a start or an end.
    :param start: column with the start, if its name has told it.
    """
    read = {name: table.times(name) for name in times}
    if not start:
        firsts = [name for name in times if read[name].notna().all() and _is_before(read, name)]
        if len(firsts) != 1:
            return Ends()
        start = firsts[0]
    likely = [
        name
        for name in times
        if name != start and read[name].notna().any() and not (read[name] < read[start]).any()
    ]
    fitting = [name for name in likely if _ends_first(read, name, [one for one in likely if one != name])]
    return Ends(start, fitting[0] if len(fitting) == 1 else "", tuple(likely))


def _is_before(read: dict[str, pd.Series], name: str) -> bool:
    """Whether a column is at or before all other times, and before one at least of each other column."""
    others = [column for other, column in read.items() if other != name]
    return not any((column < read[name]).any() for column in others) and all(
        (column > read[name]).any() for column in others
    )


def _ends_first(read: dict[str, pd.Series], name: str, others: Sequence[str]) -> bool:
    told = int(read[name].notna().sum())
    return all(
        not (read[other] < read[name]).any()
        and not (read[other].notna() & read[name].isna()).any()
        and int(read[other].notna().sum()) <= _SELDOM * told
        for other in others
    )


def second_intervals(table: TableProfile, end: str, others: Sequence[str]) -> str:
    """Say that some rows have times after their end, which are of no interval that is read; else empty.

    What most rows have after it, such as when a ticket was filed away, is no second interval.

    :param end: column with the end of each row.
    :param others: columns of times that nobody reads.
    """
    ends = table.times(end)
    later = {name: int((table.times(name) > ends).sum()) for name in others}
    named = [name for name, count in later.items() if 0 < count <= _SELDOM * int(ends.notna().sum())]
    if not named:
        return ""
    rows = max(later[name] for name in named)
    has = "1 row has" if rows == 1 else f"{rows:,} rows have"
    return (
        f"{has} times after the end '{end}' in {listed([repr(name) for name in named], _SHOWN)} of the "
        f"{table.name}, which nobody reads: a row is one interval. What began again needs a row of its own, "
        "with another id."
    )
