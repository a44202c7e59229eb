"""Incidents that a file had and has no more, as where it was begun anew: their readings are healthy then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from feature_sets.telemetry.alarm_rows import RAISES, TIME
from feature_sets.telemetry.incident_rows import (
    CANCELLED,
    END,
    ID,
    KNOWN,
    ROW,
    SOURCE,
    START,
    IncidentPart,
    at,
    said,
    scope_columns,
    texts_about,
)
from feature_sets.telemetry.incidents_that_count import LIVE, incidents_that_count
from feature_sets.telemetry.schema import TelemetrySchema


@dataclass(frozen=True)
class Withdrawn:
    """What was said of incidents, and is said no more.

    :param count: of incidents, or of rows of alarm logs.
    :param files: that had them, in order of their names.
    :param first: event time of the earliest, ISO 8601; empty without one.
    :param last: of the latest start.
    :param of_log: whether these are rows of alarm logs.
    :param clears: how many of those clear alarms, or ended what was sent live: what they ended goes on.
    """

    count: int = 0
    files: tuple[str, ...] = ()
    first: str = ""
    last: str = ""
    of_log: bool = False
    clears: int = 0

    def warning(self) -> str:
        """What is wrong if that was not meant; empty without one."""
        if not self.count:
            return ""
        what = "row of the alarm log" if self.of_log else "incident"
        if self.count > 1:
            what = "rows of the alarm log" if self.of_log else "incidents"
        more = f" and {len(self.files) - 1} more files" if len(self.files) > 1 else ""
        return (
            f"{self.count:,} {what} of {self.first} to {self.last} {'is' if self.count == 1 else 'are'} in "
            f"no file any more: {self.files[0]}{more} had more before. {self._effect()}. If a file was begun "
            "anew, give the earlier rows in one of another name"
        )

    def _effect(self) -> str:
        """What becomes of the labels."""
        healthy = "Errors that rest on nothing else are healthy now"
        if not self.clears:
            return healthy
        which = "It clears an alarm" if self.count == 1 else f"{self.clears:,} of them clear alarms"
        if not self.of_log:
            which = "It ended" if self.count == 1 else f"{self.clears:,} of them ended"
            which = f"{which} what was sent live without an end"
        goes_on = f"{which}: what nothing else ends goes on, and later readings are errors now"
        return goes_on if self.clears == self.count else f"{goes_on}. {healthy}"


def withdrawn(
    before: pd.DataFrame,
    now: pd.DataFrame,
    log_before: pd.DataFrame | None,
    log_now: pd.DataFrame | None,
    part: IncidentPart | None,
    schema: TelemetrySchema,
) -> Withdrawn:
    """What files that were read again have no more, and no other file has.

    Of alarm logs rows are compared: what they are paired to may change as rows come.

    :param before: incidents of all sources that were known, see ``incident_types``.
    :param log_before: rows of alarm logs, see ``alarm_types``; None without one.
    :param part: what was read now.
    """
    if part is None:
        return Withdrawn()
    if log_before is not None and log_now is not None:
        # What was said beside that, and when it was known, may be corrected.
        about = {SOURCE, ROW, KNOWN, *(said(column) for column in texts_about(schema))}
        content = [name for name in log_before.columns if name not in about]
        known = log_before[log_before[SOURCE].isin(part.files)]
        return _told(known[~_found(known, log_now, content)], TIME, of_log=True)
    counted = incidents_that_count(before, schema)
    known = counted[counted[SOURCE].isin(part.files) & (counted[SOURCE] != LIVE)]
    has_id = known[ID].notna()
    scope = [at(column) for column in scope_columns(schema)]
    stays = (has_id & known[ID].isin(now[ID].dropna())) | (~has_id & _found(known, now, [*scope, START]))
    return _told(known[~stays], START, of_log=False, goes_on=_goes_on(before, now, counted, part))


def _goes_on(
    before: pd.DataFrame, now: pd.DataFrame, counted: pd.DataFrame, part: IncidentPart
) -> pd.DataFrame:
    """Incidents that were sent live without an end, and that a file of this part ended and has no more.

    :param counted: incidents of before that counted.
    """
    of_part = before[before[SOURCE].isin(part.files) & (before[SOURCE] != LIVE)]
    ended = counted[(counted[SOURCE] == LIVE) & counted[END].notna() & counted[ID].isin(of_part[ID].dropna())]
    files = now.loc[now[SOURCE] != LIVE, ID].dropna()
    still = now.loc[(now[SOURCE] == LIVE) & now[END].isna() & ~now[CANCELLED], ID].dropna()
    gone = ended[ended[ID].isin(still) & ~ended[ID].isin(files)]
    last = of_part.drop_duplicates(ID, keep="last").set_index(ID)[SOURCE]
    return gone.assign(**{SOURCE: gone[ID].map(last)})


def _found(rows: pd.DataFrame, among: pd.DataFrame, columns: Sequence[str]) -> pd.Series:
    """Which rows have the same cells as one among others."""
    names = list(columns)
    # Of a merge, cells without a value are equal to each other.
    both = rows[names].merge(among[names].drop_duplicates(), how="left", on=names, indicator="_in")
    return pd.Series((both["_in"] == "both").to_numpy(), index=rows.index)


def _told(gone: pd.DataFrame, time: str, *, of_log: bool, goes_on: pd.DataFrame | None = None) -> Withdrawn:
    """What is gone, in words.

    :param goes_on: of incidents, those beside it that go on.
    """
    if goes_on is not None and len(goes_on):
        gone = pd.concat([gone, goes_on], ignore_index=True) if len(gone) else goes_on
    if gone.empty:
        return Withdrawn()
    files = tuple(sorted({str(source).rpartition("|")[2] for source in gone[SOURCE]}))
    first, last = gone[time].min().isoformat(), gone[time].max().isoformat()
    clears = int((~gone[RAISES].astype(bool)).sum()) if of_log else 0
    clears += 0 if goes_on is None else len(goes_on)
    return Withdrawn(len(gone), files, first, last, of_log, clears)
