"""An hour that clocks without a zone show twice, as where they are set back at the end of summer time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from feature_sets.rows.keyed_rows import Bools, Integers

ZONES = (
    "Europe/Berlin",
    "Europe/London",
    "Europe/Helsinki",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Halifax",
    "Australia/Sydney",
    "Australia/Adelaide",
    "Pacific/Auckland",
    "America/Santiago",
    "Asia/Jerusalem",
)
"""Zones that are named, each as one of those whose clocks change together with its own."""

_HOUR = 3_600_000_000
_BEFORE = 3
"""Hours before and after one that are looked at, too: these must not be there twice."""
_MOST = 0.5
_AGAIN = (0.3, 0.7)
"""Share of the rows of an hour that are of the second one, at least and at most."""
_LAST_MINUTE = timedelta(minutes=59)


class SetBack(NamedTuple):
    """An hour that is there twice.

    :param hour: its start, on the clocks of the zone.
    :param zones: those that set their clocks back then; one at least.
    """

    hour: datetime
    zones: tuple[str, ...]

    def sentence(self, tables: str) -> str:
        """What it means, and what the schema says, for people.

        :param tables: with such times.
        """
        return (
            f"{self.seen}, so the times without a zone in {tables} are local. The schema says "
            f"assume_timezone: {self.zones[0]}, which sets them "
            f"back then{self.such}; it must be true of them. Readings of that hour are left out, as "
            "nobody can tell which of the two they are of: times in UTC, or with an offset, would keep them."
        )

    @property
    def seen(self) -> str:
        """What was seen."""
        return f"The hour from {self.hour:%Y-%m-%d %H:%M} is there twice, as where clocks are set back"

    @property
    def such(self) -> str:
        """The further zones; empty without one."""
        others = ", ".join(self.zones[1:])
        return f", as do {others}" if others else ""


def near_set_back(micros: Integers) -> Bools:
    """Which local times are some hours at most from one in which a zone sets its clocks back; shape (n,).

    :param micros: since 1970, of clocks without a zone; below zero where there is none.
    """
    given = micros[micros >= 0]
    if not len(given):
        return np.zeros(len(micros), dtype=np.bool_)
    first, last = (datetime.fromtimestamp(int(end) / 1e6, UTC).year for end in (given.min(), given.max()))
    wanted = {hour + step for hour in _hours(first, last) for step in range(-_BEFORE, _BEFORE + 1)}
    return np.isin(micros // _HOUR, np.array(sorted(wanted), dtype=np.int64))


def set_back(readings: pd.DataFrame) -> SetBack | None:
    """The hour that readings have twice and in which a zone sets its clocks back; the first of several.

    An hour is there twice if most of its times are, of a device, and those of the hours around it are not;
    or if the clock of most devices goes back within it once, as where no two times are the same.

    :param readings: ``device`` and ``time`` of each, those without a zone as UTC, in the order of a file.
    """
    given = readings.dropna()
    micros = given["time"].array.asi8 // 1000
    near = near_set_back(micros)
    if not near.any():
        return None
    rows = pd.DataFrame({"device": given["device"].to_numpy()[near], "micros": micros[near]})
    rows["hour"] = rows["micros"] // _HOUR
    years = (
        datetime.fromtimestamp(int(end) / 1e6, UTC).year for end in (micros[near].min(), micros[near].max())
    )
    hours = _hours(*years)
    twice = sorted(_repeated(rows, hours) | _gone_back(rows))
    zones = tuple(zone for zone in ZONES if twice and all(zone in hours.get(hour, ()) for hour in twice))
    if not zones:
        return None
    first = datetime.fromtimestamp(twice[0] * 3600, UTC).replace(tzinfo=None)
    return SetBack(first, zones)


def set_back_in_parts(parts: Iterable[pd.DataFrame]) -> SetBack | None:
    """The same of one of several parts, as of the files of a table, or of them together.

    Beside files of another clock an hour is there twice in its own file alone; where there is a file an hour,
    it is so in no file alone.
    """
    near = []
    for part in parts:
        if (found := set_back(part)) is not None:
            return found
        given = part.dropna()
        near.append(given[near_set_back(given["time"].array.asi8 // 1000)])
    return set_back(pd.concat(near, ignore_index=True)) if len(near) > 1 else None


def _repeated(rows: pd.DataFrame, hours: dict[int, tuple[str, ...]]) -> set[int]:
    """Hours that have more rows of a device and time than the hours around.

    Each may have several everywhere, as in long layout or in copies of files.
    """
    counts = rows.groupby("hour").size() / rows.drop_duplicates(["device", "micros"]).groupby("hour").size()
    usual = counts[[hour not in hours for hour in counts.index]]
    base = float(usual.median()) if len(usual) else 1.0
    return {int(hour) for hour in counts.index[counts > (1 + _MOST) * base]}


def _gone_back(rows: pd.DataFrame) -> set[int]:
    """Hours within which the clock of most devices goes back once, by half an hour or more, and on again."""
    steps = rows.groupby("device")["micros"].diff()
    # The newest rows may be the first ones.
    against = -steps if float(np.sign(steps.dropna()).sum()) >= 0 else steps
    inside = rows.groupby("device")["hour"].diff() == 0
    keys = [rows["hour"], rows["device"]]
    jumped = (inside & (against >= _HOUR // 2)).groupby(keys).cumsum().groupby(keys).agg(["max", "mean"])
    once = (jumped["max"] == 1) & jumped["mean"].between(*_AGAIN)
    share = once.groupby(level=0).mean()
    return {int(hour) for hour in share.index[share > _MOST]}


def _hours(first: int, last: int) -> dict[int, tuple[str, ...]]:
    """Hours since 1970 of local clocks that a zone shows twice, in some years, with those zones."""
    found: dict[int, tuple[str, ...]] = {}
    for year in range(first, last + 1):
        found |= _hours_of(year)
    return found


@lru_cache(maxsize=256)
def _hours_of(year: int) -> dict[int, tuple[str, ...]]:
    found: dict[int, tuple[str, ...]] = {}
    begin = datetime(year, 1, 1)  # noqa: DTZ001 - the clocks of each zone
    for name in ZONES:
        zone = ZoneInfo(name)
        days = [begin + timedelta(days=day) for day in range(367)]
        offsets = [day.replace(tzinfo=zone).utcoffset() or timedelta() for day in days]
        for day, before, after in zip(days, offsets, offsets[1:], strict=False):
            if after >= before:
                continue
            for hour in (day + timedelta(hours=step) for step in range(24)):
                if _is_set_back(name, hour):
                    since = int(hour.replace(tzinfo=UTC).timestamp()) // 3600
                    found[since] = (*found.get(since, ()), name)
    return found


def _is_set_back(zone: str, hour: datetime) -> bool:
    """Whether the clocks of a zone show a whole hour twice.

    >>> [_is_set_back(zone, datetime(2026, 10, 25, 2)) for zone in ("Europe/Berlin", "Europe/London")]
    [True, False]
    """
    moments = (hour, hour + _LAST_MINUTE)
    first, second = (
        [moment.replace(tzinfo=ZoneInfo(zone), fold=fold).utcoffset() for moment in moments]
        for fold in (0, 1)
    )
    return all(
        one is not None and other is not None and one > other
        for one, other in zip(first, second, strict=True)
    )
