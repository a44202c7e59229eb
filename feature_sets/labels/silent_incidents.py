"""Incidents that no model learns from, because their devices sent nothing then, or nothing just before.

Of errors now labels are made at readings. Where a device is dead for as long as its incident there is no
reading, and so no label either. With a horizon errors are predicted from the rows before them, also where the
device is dead by then. Where it sent nothing for the horizon before its incident, nor for that before its
first reading in it, there is none.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from feature_sets.checks import duration_seconds
from feature_sets.durations import in_words
from feature_sets.labels.covered import DeviceIncidents, device_incidents, excluded_incidents
from feature_sets.listed import listed
from feature_sets.rows.keyed_rows import Bools, Integers, KeyedRows
from feature_sets.telemetry.cell_text import rows_saying
from feature_sets.telemetry.each_horizon import longest_horizon_seconds
from feature_sets.telemetry.incident_rows import ID, START, at, scope_columns
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema

_NAMED = 3
"""Incidents of each kind that are named at most."""
_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class SilentIncidents:
    """How many incidents have no reading to learn from, and why.

    An incident of several devices is silent if all of them are.

    :param incidents: those that count, name a known device of the population and reach into the time of the
        readings.
    :param silent: names of those in which no device has a reading, where errors now are predicted.
    :param unannounced: with a horizon, names of those before which no device has a reading within it, neither
        before the start nor before its first reading in the incident.
    :param horizon: as in the schema, the longest one; empty without one.
    :param away_seconds: of each of the unannounced, in any order, how long before its start the nearest
        reading is; NaN without one.
    """

    incidents: int
    silent: tuple[str, ...] = ()
    unannounced: tuple[str, ...] = ()
    horizon: str = ""
    away_seconds: tuple[float, ...] = ()

    @property
    def sentence(self) -> str:
        """What is told of them; empty without one.

        >>> SilentIncidents(9, ("T-1", "T-7"), ("T-3",), "1h", (7200.0,)).sentence[:88]
        '3 of 9 incidents have no reading to learn from: in 2 the devices sent nothing throughout'
        """
        count = len({*self.silent, *self.unannounced})
        if not count:
            return ""
        parts = []
        if self.silent:
            names = listed(list(self.silent), _NAMED)
            of_now = ", which counts for errors now" if self.horizon else ""
            parts.append(f"in {len(self.silent):,} the devices sent nothing throughout ({names}{of_now})")
        if self.unannounced:
            names = listed(list(self.unannounced), _NAMED)
            away = [seconds for seconds in self.away_seconds if math.isfinite(seconds)]
            reach = f"; in the median {in_words(statistics.median(away))} lie between" if away else ""
            parts.append(
                f"before {len(self.unannounced):,} the devices sent nothing for the horizon, {self.horizon} "
                f"({names}{reach}: a longer horizon reaches further)"
            )
        return (
            f"{count:,} of {self.incidents:,} incidents have no reading to learn from: {'; '.join(parts)}. "
            f"{'Such models' if self.silent and self.horizon else 'Models'} neither learn nor are scored on "
            "them, and live they are not watched"
        )

    def to_dict(self) -> dict[str, Any]:
        """Results ready to be logged."""
        return {
            "incidents": self.incidents,
            "silent": len(self.silent),
            "unannounced": len(self.unannounced),
            "sentence": self.sentence,
        }


def silent_incidents(
    readings: KeyedRows,
    incidents: pd.DataFrame,
    attributes: pd.DataFrame,
    schema: TelemetrySchema,
    first: int,
    last: int,
) -> SilentIncidents:
    """Count incidents without a reading to learn from.

    :param readings: device and time, in any order; all in the incidents and in the horizon before them.
    :param incidents: those that count.
    :param attributes: of all devices, those without a reading as well; see ``device_incidents``.
    :param first: time of the first of all readings, microseconds: what began before has nothing before it.
    :param last: the same of the last one.
    """
    horizon = longest_horizon_seconds(schema)
    keys = list(dict.fromkeys([*map(str, readings.keys), *attributes[DEVICE]]))
    found = device_incidents(incidents, keys, attributes, schema)
    within = (found.end > first) & (found.start <= last) & ~excluded_incidents(incidents, schema)[found.row]
    found = found.take(np.flatnonzero(within & learned_from(keys, attributes, schema)[found.codes]))
    before, within_it, between = _nearest(readings, found)
    reach = horizon * 1_000_000
    heard = (before <= reach) | (between <= reach) | (found.start <= first)
    rows = np.unique(found.row)
    of_now = 0 in map(duration_seconds, schema.horizons)
    silent = np.setdiff1d(rows, found.row[within_it]) if of_now else rows[:0]
    unannounced = np.setdiff1d(rows, found.row[heard]) if horizon else rows[:0]
    of_each = pd.Series(before.astype(np.float64), index=found.row)
    nearest = of_each.where(of_each < _NEVER).groupby(level=0).min()
    return SilentIncidents(
        len(rows),
        incident_names(incidents, silent, schema),
        incident_names(incidents, unannounced, schema),
        schema.horizons[-1] if horizon else "",
        tuple((nearest.reindex(unannounced) / 1e6).tolist()),
    )


def learned_from(keys: Sequence[str], attributes: pd.DataFrame, schema: TelemetrySchema) -> Bools:
    """Which devices are, or once were, in the population; all without one. Of others no model learns."""
    if not schema.population:
        return np.ones(len(keys), dtype=np.bool_)
    rows = np.ones(len(attributes), dtype=np.bool_)
    for column, value in schema.population.items():
        rows &= rows_saying(attributes[column], value)
    learned: Bools = np.isin(np.array(keys, dtype=object), attributes[DEVICE].to_numpy(dtype=object)[rows])
    return learned


def _nearest(readings: KeyedRows, found: DeviceIncidents) -> tuple[Integers, Bools, Integers]:
    """How long before incidents devices have a reading, whether in them, and how long before the first there.

    :returns: of each incident of a device; times in microseconds, ``_NEVER`` without such a reading.
    """
    if not len(readings) or not len(found.codes):
        never = np.full(len(found.codes), _NEVER)
        return never, np.zeros(len(found.codes), dtype=np.bool_), never
    order = np.lexsort((readings.micros, readings.codes))
    micros, codes = readings.micros[order], readings.codes[order]
    instants = np.unique(micros)
    width = len(instants) + 1  # As many places has a device, so that it and a time are one number.
    places = codes * width + np.searchsorted(instants, micros)
    at = np.searchsorted(places, found.codes * width + np.searchsorted(instants, found.start))
    here, before = np.minimum(at, len(codes) - 1), np.maximum(at - 1, 0)
    inside = (at < len(codes)) & (codes[here] == found.codes) & (micros[here] < found.end)
    follows = (at > 0) & (codes[before] == found.codes)
    ago = np.where(follows, found.start - micros[before], _NEVER)
    return ago, inside, np.where(inside & follows, micros[here] - micros[before], _NEVER)


def incident_names(incidents: pd.DataFrame, rows: Integers, schema: TelemetrySchema) -> tuple[str, ...]:
    """What incidents are called: their id, else whom they name and when they began; in the order of time."""
    named = incidents.iloc[rows].sort_values(START, kind="stable")
    return tuple(
        str(row[ID])
        if row[ID] is not None and not pd.isna(row[ID])
        else " ".join(
            [
                *(str(row[at(column)]) for column in scope_columns(schema) if pd.notna(row[at(column)])),
                f"from {row[START].isoformat()}",
            ]
        )
        for row in named.to_dict("records")
    )
