"""Incidents that make no reading an error: beside the time of the readings, or of devices that never report.

Files of incidents and of readings seldom cover the same time: a ticket system exports ten years, a collector
keeps a month. What lies beside the readings is no error of the model, but it must be seen, as it may as well
be a wrong month or a wrong zone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from feature_sets.labels.covered import device_incidents, excluded_incidents
from feature_sets.labels.silent_incidents import incident_names, learned_from
from feature_sets.listed import listed
from feature_sets.telemetry.incident_rows import START
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema

_NAMED = 3
"""Incidents, or devices, of each kind that are named at most."""


@dataclass(frozen=True)
class OutsideIncidents:
    """How many incidents make no reading an error, whatever the devices do, and why.

    :param incidents: those that count and name a known device of the population.
    :param first: time of the first reading, ISO 8601.
    :param last: time of the last one.
    :param before: names of those that are over at the first reading, in the order of time.
    :param after: names of those that begin after the last one.
    :param apart: names of those of which a part is before and the rest after, as of a device that moved.
    :param unheard: names of those in which no device has ever sent a reading; they are in none of the others.
    :param devices: these devices.
    :param oldest: when the first of those before began, ISO 8601; empty without one.
    :param newest: when the last of those after began; empty without one.
    :param is_far: whether one is further away from the readings than they are long.
    """

    incidents: int
    first: str = ""
    last: str = ""
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    unheard: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    oldest: str = ""
    newest: str = ""
    is_far: bool = False

    @property
    def outside(self) -> int:
        """How many lie outside of the time of the readings."""
        return len(self.before) + len(self.after) + len(self.apart)

    @property
    def sentence(self) -> str:
        """What is told of them; empty without one.

        >>> OutsideIncidents(9, unheard=("T-1", "T-7"), devices=("r8", "r9")).sentence
        '2 of 9 incidents are only of devices without a reading, r8, r9 (T-1, T-7): they make no error'
        """
        told = []
        if self.outside:
            parts = []
            if self.before:
                shown = f"{listed(self.before, _NAMED)}; the first of {self.oldest}"
                parts.append(f"{_are(len(self.before))} over before the first reading ({shown})")
            if self.after:
                shown = f"{listed(self.after, _NAMED)}; the last of {self.newest}"
                begin = "begins" if len(self.after) == 1 else "begin"
                parts.append(f"{len(self.after):,} {begin} after the last one ({shown})")
            if self.apart:
                shown = listed(self.apart, _NAMED)
                parts.append(f"{_are(len(self.apart))} in part before, in part after ({shown})")
            told.append(
                f"{self._count()} outside of the time of the readings, "
                f"{self.first} to {self.last}: {'; '.join(parts)}. They make no reading an error"
            )
        if self.unheard:
            told.append(
                f"{len(self.unheard):,} of {self.incidents:,} incidents are only of devices without a "
                f"reading, {listed(self.devices, _NAMED)} ({listed(self.unheard, _NAMED)}): they make no "
                "error"
            )
        return ". ".join(told)

    def _count(self) -> str:
        if self.outside == self.incidents:
            return "The only incident lies" if self.outside == 1 else f"All {self.outside:,} incidents lie"
        return f"{self.outside:,} of {self.incidents:,} incidents lie"

    @property
    def warning(self) -> str:
        """What a person should hear before a model is made of them: where none of all meets a reading."""
        if not self.incidents or self.outside + len(self.unheard) < self.incidents:
            return ""
        return (
            f"No incident meets a reading. {self.sentence}. Look at the zone and the unit of their times, too"
        )

    def to_dict(self) -> dict[str, Any]:
        """Results ready to be logged."""
        return {
            "incidents": self.incidents,
            "before": len(self.before),
            "after": len(self.after),
            "apart": len(self.apart),
            "unheard": len(self.unheard),
            "devices_unheard": list(self.devices),
            "sentence": self.sentence,
        }


def outside_incidents(
    incidents: pd.DataFrame,
    attributes: pd.DataFrame,
    heard: Callable[[Collection[str]], Collection[str]],
    schema: TelemetrySchema,
    first: int,
    last: int,
) -> OutsideIncidents:
    """Count incidents that lie outside of the time of the readings, and those of devices without a reading.

    Those that name no known device are not counted: the reader of incidents tells of them.

    :param incidents: those that count.
    :param attributes: of all devices, those without a reading as well; see ``device_incidents``.
    :param heard: says which of some devices have a reading at any time.
    :param first: time of the first of all readings, microseconds.
    :param last: the same of the last one.
    """
    keys = list(dict.fromkeys(attributes[DEVICE]))
    found = device_incidents(incidents, keys, attributes, schema)
    wanted = ~excluded_incidents(incidents, schema)[found.row]
    found = found.take(np.flatnonzero(wanted & learned_from(keys, attributes, schema)[found.codes]))
    named = [keys[code] for code in np.unique(found.codes).tolist()]
    there = frozenset(heard(named))
    reporting = np.array([key in there for key in keys], dtype=np.bool_)
    rows = np.unique(found.row)
    with_reading = found.take(np.flatnonzero(reporting[found.codes]))
    unheard = np.setdiff1d(rows, with_reading.row)
    silent = found.codes[np.isin(found.row, unheard)]
    over, later = with_reading.end <= first, with_reading.start > last
    outside = np.setdiff1d(with_reading.row, with_reading.row[~over & ~later])
    after = np.setdiff1d(outside, with_reading.row[over])
    before = np.setdiff1d(outside, with_reading.row[later])
    span = last - first
    far = (with_reading.end < first - span) | (with_reading.start > last + span)
    return OutsideIncidents(
        len(rows),
        _utc(first),
        _utc(last),
        incident_names(incidents, before, schema),
        incident_names(incidents, after, schema),
        incident_names(incidents, np.setdiff1d(outside, [*before, *after]), schema),
        incident_names(incidents, unheard, schema),
        tuple(sorted({keys[code] for code in silent.tolist()})),
        incidents[START].iloc[before].min().isoformat() if len(before) else "",
        incidents[START].iloc[after].max().isoformat() if len(after) else "",
        bool(far[np.isin(with_reading.row, outside)].any()),
    )


def without_devices(attributes: pd.DataFrame, outside: OutsideIncidents) -> pd.DataFrame:
    """The devices without those of which it is told already that they never sent anything."""
    return attributes[~attributes[DEVICE].isin(outside.devices)]


def _are(count: int) -> str:
    return f"{count:,} {'is' if count == 1 else 'are'}"


def _utc(micros: int) -> str:
    return pd.Timestamp(micros, unit="us", tz="UTC").isoformat()
