"""Times without a zone in which an hour is there twice, as where clocks are set back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pandas as pd

from feature_sets.telemetry.arrow_files import file_columns, read_file
from feature_sets.telemetry.cell_text import texts_of
from feature_sets.telemetry.inspection.column_profile import WITHOUT_ZONE
from feature_sets.telemetry.inspection.likely_format import form_of_one
from feature_sets.telemetry.inspection.table_profile import TableProfile
from feature_sets.telemetry.json_files import is_json
from feature_sets.telemetry.time_columns import parse_times

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

_MOST = 0.5
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
        others = ", ".join(self.zones[1:])
        such = f", as do {others}" if others else ""
        return (
            f"The hour from {self.hour:%Y-%m-%d %H:%M} is there twice, as where clocks are set back, so the "
            f"times in {tables} are local. The schema says assume_timezone: {self.zones[0]}, which sets them "
            f"back then{such}; it must be true of them. Readings of that hour are left out, as "
            "nobody can tell which of the two they are of: times in UTC, or with an offset, would keep them."
        )


def set_back(readings: pd.DataFrame) -> SetBack | None:
    """The hour that readings have twice and in which a zone sets its clocks back; the first of several.

    :param readings: ``device`` and ``time`` of each, those without a zone as UTC.
    """
    given = readings.dropna()
    again = given.duplicated(keep=False)
    if not again.any():
        return None
    hours = given["time"].dt.floor("h")
    share = again.groupby(hours).mean()
    twice = [hour.to_pydatetime().replace(tzinfo=None) for hour in share.index[share > _MOST]]
    zones = tuple(zone for zone in ZONES if twice and all(_is_set_back(zone, hour) for hour in twice))
    if not zones:
        return None
    return SetBack(twice[0], zones)


def set_back_in_files(table: TableProfile, entity: Sequence[str], time: str) -> SetBack | None:
    """The same of all rows of each file; the first that is found.

    Only the columns of times and devices are read, a file at a time. A file of which all was looked at is
    left out, unless others have times with a zone: beside these, an hour that is there twice is not seen.

    :param entity: columns that name a device.
    :param time: column of the times.
    :raises TelemetryError: if a file cannot be read.
    """
    if table.folder is None or {*entity, time} & table.of_folders:
        return None
    for name, whole in zip(table.files, table.whole, strict=True):
        path = table.folder / name
        form = form_of_one(path, name, table.form)
        if (whole and table.columns[time].times == WITHOUT_ZONE) or is_json(path):
            continue
        here = file_columns(path, name, form)
        wanted = [own for column in (*entity, time) if (own := table.name_in(column, here)) is not None]
        if len(wanted) <= len(entity):
            continue
        rows = read_file(path, name, wanted, form=form)
        order = table.columns[time].order or None
        times = parse_times(rows[wanted[-1]], "UTC", order).times
        if table.columns[time].times != WITHOUT_ZONE:
            times = times.where(parse_times(rows[wanted[-1]], order=order).naive)
        keys = pd.DataFrame({column: texts_of(rows[column]).codes for column in wanted[:-1]})
        found = set_back(pd.DataFrame({"device": keys.groupby(list(keys)).ngroup(), "time": times}))
        if found is not None:
            return found
    return None


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
