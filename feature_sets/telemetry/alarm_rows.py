"""Rows that raise and clear alarms, and the incidents that they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd

from feature_sets.rows.event_micros import column_micros
from feature_sets.rows.keyed_rows import Bools, Integers
from feature_sets.telemetry.incident_events import made_ids
from feature_sets.telemetry.incident_rows import (
    CANCELLED,
    END,
    ID,
    KNOWN,
    REOPENED,
    ROW,
    SOURCE,
    START,
    at,
    incident_types,
    no_incidents,
    said,
    scope_columns,
    texts_about,
)
from feature_sets.telemetry.incidents_that_count import incidents_of
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.telemetry.twice_shown import TwiceShown, taken_of_alarms

TIME, RAISES = "time", "raises"
LATER = "later"
"""Column of the later moment of a row whose local time clocks show twice; its time is the earlier one."""
_OF = "of."
_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class PairedAlarms:
    """What rows of an alarm log come to.

    :param incidents: see ``incident_types``; one that was known as open before it was closed has two rows.
    :param repeated: places of rows that raise what is open already; of those of one alarm and time the first.
    :param unraised: places of rows that clear what is not open, the same.
    :param held: how many raises go on with an incident that was cleared, by ``hold_off``.
    """

    incidents: pd.DataFrame
    repeated: Integers
    unraised: Integers
    held: int = 0


def rows_that(count: int, does: str) -> str:
    """How many rows do it.

    >>> rows_that(1, "clear"), rows_that(2000, "clear")
    ('1 row clears', '2,000 rows clear')
    """
    return f"1 row {does}s" if count == 1 else f"{count:,} rows {does}"


def alarm_part(column: str) -> str:
    """Column of the rows with a cell that tells alarms of one device apart."""
    return f"{_OF}{column}"


def alarm_ids(schema: TelemetrySchema) -> tuple[str, ...]:
    """Columns of the rows with the cells that tell alarms of one device apart."""
    return tuple(map(alarm_part, _alarm(schema)))


def alarm_types(schema: TelemetrySchema) -> dict[str, str]:
    """The columns of rows of an alarm log, with their types; see ``incident_types``."""
    kinds = incident_types(schema)
    return {
        SOURCE: kinds[SOURCE],
        ROW: kinds[ROW],
        **{at(column): "object" for column in scope_columns(schema)},
        **dict.fromkeys(alarm_ids(schema), "object"),
        TIME: kinds[START],
        LATER: kinds[START],
        KNOWN: kinds[KNOWN],
        RAISES: "bool",
        **{said(column): "object" for column in texts_about(schema)},
    }


def no_alarms(schema: TelemetrySchema) -> pd.DataFrame:
    """A frame of rows of an alarm log without a row."""
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in alarm_types(schema).items()})


def joined_alarms(parts: Sequence[pd.DataFrame | None], schema: TelemetrySchema) -> pd.DataFrame:
    """Rows of all parts, by source and their place in it."""
    filled = [part for part in parts if part is not None and len(part)]
    if not filled:
        return no_alarms(schema)
    rows = pd.concat(filled, ignore_index=True)[list(alarm_types(schema))]
    return rows.sort_values([SOURCE, ROW], kind="stable", ignore_index=True)


def paired_alarms(
    rows: pd.DataFrame, schema: TelemetrySchema, live: pd.DataFrame | None = None
) -> PairedAlarms:
    """Incidents of an alarm log: each from the row that raises an alarm to the next one that clears it.

    In the order of time, whatever that of the rows. A second raise of what is open belongs to the same
    incident, which has its texts then. What is not open cannot be cleared. Of a raise and a clear at one time
    the clear comes first if the alarm is open by then, else the raise::

        rows         R     R     C     C     R C         C: clears nothing
        incidents    [───────────)           ·           the last one ends when it starts

    What was closed live is raised anew by a row at that end or later, as if the log had cleared it. With a
    ``hold_off`` an incident goes on if its alarm is raised again so soon after a row has cleared it; what was
    closed live does not.

    :param rows: of all files, see ``alarm_types``.
    :param live: incidents that were sent to the endpoint, see ``incident_types``.
    """
    if not len(rows):
        none = np.empty(0, dtype=np.int64)
        return PairedAlarms(no_incidents(schema), none, none)
    columns = [*(at(name) for name in scope_columns(schema)), *(alarm_part(name) for name in _alarm(schema))]
    keys: Integers = (
        rows[columns].groupby(columns, dropna=False, sort=False).ngroup().to_numpy().astype(np.int64)
    )
    raises = rows[RAISES].to_numpy(dtype=np.bool_)
    rows = _settled(rows, raises, keys)
    micros = column_micros(rows[TIME])
    known = rows[KNOWN].to_numpy(dtype="datetime64[ns]").astype(np.int64)  # That of nobody is the smallest.
    sources = pd.factorize(rows[SOURCE], sort=True)[0]
    tie: tuple[Integers, ...] = (rows[ROW].to_numpy(), sources, known)
    hold = schema.labels.alarm_log.hold_off_micros if schema.labels.alarm_log else 0
    found = AlarmPairs.of(keys, micros, raises, tie).held_off(keys, micros, hold, len(rows))
    if live is not None and len(live):
        ends = _live_ends(live, schema)
        while len((clears := _closed_live(rows, keys, micros, found, ends, schema)).keys):
            more = len(clears.keys)
            keys = np.concatenate([keys, clears.keys])
            micros = np.concatenate([micros, clears.micros])
            raises = np.append(raises, np.zeros(more, dtype=np.bool_))
            tie = tuple(
                np.append(part, np.full(more, _NEVER)) for part in tie
            )  # A row that clears counts first.
            found = AlarmPairs.of(keys, micros, raises, tie).held_off(keys, micros, hold, len(rows))
    found.closed[found.closed >= len(rows)] = -1  # No file says so: what was sent live closes it.
    made = _incidents(rows, keys[: len(rows)], found, schema)
    return PairedAlarms(made, np.sort(found.repeated), np.sort(found.unraised), found.held)


def _settled(rows: pd.DataFrame, raises: Bools, keys: Integers) -> pd.DataFrame:
    """Rows of which each has one time, see ``taken_of_alarms``: all rows that there are tell which it is."""
    places = np.flatnonzero(rows[LATER].notna())
    if not len(places):
        return rows
    micros = column_micros(rows[TIME])
    twice = TwiceShown(places, micros[places], column_micros(rows[LATER].iloc[places]))
    micros[places] = taken_of_alarms(twice, micros, raises, keys)
    moments = pd.DatetimeIndex(micros.astype("datetime64[us]").astype("datetime64[ns]"), tz="UTC")
    return rows.assign(**{TIME: pd.Series(moments, index=rows.index)})


class _Clears(NamedTuple):
    """Alarms that were closed live, and when, in microseconds."""

    keys: Integers
    micros: Integers


def _live_ends(live: pd.DataFrame, schema: TelemetrySchema) -> dict[str, int]:
    """Ends of incidents that were sent, by their id; one of those that have none is made, as everywhere."""
    ended = live[live[END].notna() & ~live[CANCELLED]]
    ids = [incident.id for incident in incidents_of(ended, schema)]
    return dict(zip(ids, column_micros(ended[END]).tolist(), strict=True))


def _closed_live(
    rows: pd.DataFrame,
    keys: Integers,
    micros: Integers,
    found: AlarmPairs,
    ends: Mapping[str, int],
    schema: TelemetrySchema,
) -> _Clears:
    """Which of the incidents were closed live before a row of theirs that raises again.

    :param ends: id of an incident -> its end, as it was sent.
    """
    opened = rows.iloc[found.opened].reset_index(drop=True)
    ids = _made(opened, keys[found.opened], schema)
    start = micros[found.opened]
    end = np.array([ends.get(name, _NEVER) for name in ids], dtype=np.int64)
    again = (micros[found.raised] >= end[found.incident]) & (end > start)[found.incident]
    which = np.unique(found.incident[again & (micros[found.raised] > start[found.incident])])
    return _Clears(keys[found.opened][which], found.cleared_by(which, end[which]))


def _alarm(schema: TelemetrySchema) -> tuple[str, ...]:
    """Columns that tell alarms of one device apart."""
    log = schema.labels.alarm_log
    return () if log is None else log.alarm


class AlarmPairs:
    """Which rows of an alarm log open incidents, and which close them; see ``paired_alarms``.

    :param order: places of the rows by alarm, time, raises before clears.
    :param keys: number of the alarm of each row.
    :param micros: its time.
    """

    @classmethod
    def of(
        cls, keys: Integers, micros: Integers, raises: Bools, among_equal: tuple[Integers, ...] = ()
    ) -> AlarmPairs:
        """The pairs of rows in any order.

        :param among_equal: by which the first of rows that say the same is known, the last of these first.
        """
        return cls(np.lexsort((*among_equal, ~raises, micros, keys)), keys, micros, raises)

    def __init__(self, order: Integers, keys: Integers, micros: Integers, raises: Bools) -> None:
        key, moment, up = keys[order], micros[order], raises[order]
        begins = np.append(True, (key[1:] != key[:-1]) | (moment[1:] != moment[:-1]))
        number = np.cumsum(begins) - 1
        count = int(number[-1]) + 1
        first_up, first_down = (_first_of_each(number, wanted, count) for wanted in (up, ~up))
        has_up, has_down = first_up >= 0, first_down >= 0
        one = key[begins]
        is_open = _open_before(one, has_up, has_down)
        both = has_up & has_down
        opens = (has_up & ~has_down & ~is_open) | both
        closes = (has_down & ~has_up & is_open) | both
        self.opened = order[first_up[opens]]
        """Places of the rows that open incidents."""
        self.closed = _closing(one, opens, closes, order[np.maximum(first_down, 0)])
        """Of each of them the place of the row that closes it, or -1."""
        incident = np.cumsum(opens) - 1
        of_row = incident[number]
        self.raised = order[up]
        """Places of all rows that raise, by incident and time."""
        self.incident = of_row[up]
        """Number of the incident of each of these."""
        # The same row in a copy of the file is the same raise, and the same clear.
        self.unraised = order[first_down[has_down & ~has_up & ~is_open]]
        self.repeated = order[first_up[has_up & ~opens]]
        self._starts = micros[self.opened]
        self._ends = np.where(self.closed >= 0, micros[self.closed], _NEVER)
        self._first: Integers = np.arange(len(self.opened))
        self.held = 0
        """How many incidents went on with the one before them."""

    def held_off(self, keys: Integers, micros: Integers, hold: int, log: int) -> AlarmPairs:
        """The same where incidents that begin soon after the one before them ended are one with it.

        :param keys: number of the alarm of each row.
        :param micros: its time.
        :param hold: longest time in between, microseconds; 0 leaves all as they are.
        :param log: so many rows are of the log. Those that follow are ends that were sent live: an incident
            that begins at one or after it is another.
        """
        if not hold or len(self.opened) < 2:
            return self
        key, start, end = keys[self.opened], self._starts, self._ends
        goes_on = np.zeros(len(key), dtype=np.bool_)
        goes_on[1:] = (key[1:] == key[:-1]) & (self.closed[:-1] >= 0) & (self.closed[:-1] < log)
        goes_on[1:] &= start[1:] <= np.minimum(end[:-1], _NEVER - hold) + hold
        for one, moment in zip(keys[log:].tolist(), micros[log:].tolist(), strict=True):
            first, last = np.searchsorted(key, [one, one + 1]).tolist()
            after = first + int(np.searchsorted(start[first:last], moment))
            if first < after < last and end[after - 1] <= moment:
                goes_on[after] = False
        begins = np.flatnonzero(~goes_on)
        self._first = begins
        self.opened, self.closed = self.opened[begins], self.closed[np.append(begins[1:], len(key)) - 1]
        self.incident = (np.cumsum(~goes_on) - 1)[self.incident]
        self.held = int(np.count_nonzero(goes_on))
        return self

    def cleared_by(self, incidents: Integers, ends: Integers) -> Integers:
        """When the alarms of incidents were cleared that were closed live: before it, if a row had done so.

        :param incidents: their numbers.
        :param ends: at which they were closed, microseconds, after their starts.
        """
        lasts = np.append(self._first[1:], len(self._starts))
        found = []
        for one, moment in zip(incidents.tolist(), ends.tolist(), strict=True):
            first = int(self._first[one])
            parts = self._starts[first : int(lasts[one])]
            found.append(min(moment, int(self._ends[first + int(np.searchsorted(parts, moment)) - 1])))
        return np.array(found, dtype=np.int64)


def _first_of_each(number: Integers, wanted: Bools, count: int) -> Integers:
    """Place of the first of the wanted rows of each moment, -1 without one, shape (count,)."""
    places = np.flatnonzero(wanted)
    moments, first = np.unique(number[places], return_index=True)
    found = np.full(count, -1, dtype=np.int64)
    found[moments] = places[first]
    return found


def _open_before(keys: Integers, has_up: Bools, has_down: Bools) -> Bools:
    """Whether the alarm of each moment is open before it.

    One with both a raise and a clear leaves the alarm as it was, by the order that these have then.
    """
    places = np.arange(len(keys))
    decides = np.where(has_up != has_down, places, -1)
    last = np.append(-1, np.maximum.accumulate(decides)[:-1])
    same = (last >= 0) & (keys[np.maximum(last, 0)] == keys)
    found: Bools = same & has_up[np.maximum(last, 0)]
    return found


def _closing(keys: Integers, opens: Bools, closes: Bools, rows: Integers) -> Integers:
    """Of each opening moment the row of the closing one: they alternate, the opening one first.

    :param rows: that close, of each moment.
    """
    opening, closing = keys[opens], keys[closes]
    each = np.arange(len(opening)) - np.searchsorted(opening, opening)
    places = np.searchsorted(closing, opening) + each
    ends = np.searchsorted(closing, opening, side="right")
    found = np.full(len(opening), -1, dtype=np.int64)
    has = places < ends
    found[has] = rows[closes][places[has]]
    return found


def _incidents(
    rows: pd.DataFrame, keys: Integers, found: AlarmPairs, schema: TelemetrySchema
) -> pd.DataFrame:
    """Incidents of the pairs.

    :param keys: number of the alarm of each row.
    """
    opened = rows.iloc[found.opened].reset_index(drop=True)
    closed = found.closed >= 0
    ends = rows.iloc[np.maximum(found.closed, 0)].reset_index(drop=True)
    # What was said last of an incident counts, as of tickets with several rows.
    about = [said(name) for name in texts_about(schema)]
    texts = rows[about].iloc[found.raised].groupby(found.incident).last().reset_index(drop=True)
    whole = pd.DataFrame(
        {
            SOURCE: opened[SOURCE],
            ROW: opened[ROW],
            ID: _ids(opened, keys[found.opened], schema),
            **{at(name): opened[at(name)] for name in scope_columns(schema)},
            START: opened[TIME],
            END: ends[TIME].where(closed),
            KNOWN: opened[KNOWN],
            CANCELLED: np.zeros(len(opened), dtype=np.bool_),
            REOPENED: pd.Series(pd.NaT, index=opened.index, dtype=opened[TIME].dtype),
            **{name: texts[name].astype(object).where(texts[name].notna(), None) for name in about},
        }
    ).astype(incident_types(schema))
    # Without an id, an end closes the incident of the same start, whenever that was known.
    later = (closed & (ends[KNOWN] > opened[KNOWN]) & whole[ID].notna()).to_numpy(dtype=np.bool_)
    if not later.any():
        return whole
    first = whole[later].assign(**{END: pd.Series(pd.NaT, index=whole.index[later], dtype=whole[END].dtype)})
    last = whole[later].assign(
        **{SOURCE: ends[SOURCE][later], ROW: ends[ROW][later], KNOWN: ends[KNOWN][later]}
    )
    both: pd.DataFrame = pd.concat([whole[~later], first, last], ignore_index=True)
    return both.sort_values([SOURCE, ROW], kind="stable", ignore_index=True)


def _ids(opened: pd.DataFrame, keys: Integers, schema: TelemetrySchema) -> pd.Series:
    """Ids of incidents; none if a device has one alarm: devices and start are the id then.

    :param keys: number of the alarm of each; those of one alarm are next to each other.
    """
    made = _made(opened, keys, schema) if _alarm(schema) else [None] * len(opened)
    return pd.Series(made, dtype="object")


def _made(opened: pd.DataFrame, keys: Integers, schema: TelemetrySchema) -> list[str]:
    """Ids of what they name and when they start."""
    alarm = _alarm(schema)
    columns = {name: at(name) for name in scope_columns(schema)} | {name: alarm_part(name) for name in alarm}
    cells = {name: opened[column].to_numpy(dtype=object) for name, column in columns.items()}
    starts = column_micros(opened[TIME]) / 1e6
    begins = np.flatnonzero(np.diff(keys, prepend=-1))
    ids: list[str] = []
    for begin, end in pairwise([*begins.tolist(), len(keys)]):
        named = {name: str(cell[begin]) for name, cell in cells.items() if pd.notna(cell[begin])}
        ids += made_ids(named, starts[begin:end].tolist())
    return ids
