"""Whether a metric seems to arrive in another unit than on the days before, told from a few devices.

A unit that changed makes nearly all devices larger or smaller at once, by the factor between two units, at
any hour. So an hour is compared with the same hour of other days, as what is more each night is no suspicion;
hours in which those days differ among themselves tell nothing, and six hours must agree, as a burst is over
by then.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.telemetry.unit_suspicion import FACTORS, UnitSuspicion, gauges
from graphs.protocol.times import iso_time
from graphs.state.snapshots.saved_state import SavedState

Floats = npt.NDArray[np.float64]

MOST_DEVICES = 32
"""Devices that are looked at, the first that come; one that is silent for a day gives its place away."""
_LEAST_DEVICES, _LEAST_VALUES = 3, 5
"""Devices that must tell something of an hour, and values of each."""
_SPACING = 600.0
"""Seconds between readings of a device that are looked at."""
_HOUR, _DAY = 3600, 24
_REACHES = (1, 2, 3, 6)
"""Hours that the values of an hour may be of: the fewest in which a device has enough."""
_DAYS, _LEAST_DAYS, _ONE_APART = 7, 2, 4
"""Days before that an hour is compared with, how many there must be, and of how many one may be apart."""
_WORKING_DAYS = (1, 2, 3)
"""Tuesday to Thursday, which are at work everywhere: of others a whole week must be known, as of weekends."""
_AGREE, _LOOKED_AT = 6, 12
"""Hours that must agree, and of how many."""
_KEPT = _DAYS * _DAY + _LOOKED_AT
_NEAR, _SPREAD, _STEADY = math.log(1.1), math.log(1.4), math.log(2)
"""How far from the factor the mean of these hours may be, and each of them; other days from each other."""
_NEARLY_ALL = 0.9
_LATE = 600.0
"""Seconds after its end at which an hour is looked at."""
_TOLD_HOURS = 24
"""So long a suspicion is told after the last hour that was suspicious."""


@dataclass
class _Found:
    """A suspicion of a metric.

    :param factor: how many times larger its values are; below 1 of smaller ones.
    :param first: hour with which it began, since 1970.
    :param last: newest hour that was suspicious.
    :param devices: how many agreed then, of how many.
    :param such: one of them, its middle value then, and on the other days.
    :param days: how many others there were.
    """

    factor: float
    first: int
    last: int
    devices: tuple[int, int]
    such: tuple[str, float, float]
    days: int


class _Compared:
    """An hour beside the same hour of other days; sizes are logarithms.

    :param now: shape (devices, columns); NaN where nothing is known.
    :param before: the same of other days, by how many days before.
    :param least: so many other days must tell something of a column.
    """

    def __init__(self, now: Floats, before: Mapping[int, Floats], least: int) -> None:
        self.now, self.days, self._least = now, len(before), least
        self._before, self._is_week_before = np.array(list(before.values())), _DAYS in before
        self.usual = _median(self._before)
        """The middle of the other days, shape (devices, columns)."""
        self.shift = _shift(now, self.usual)
        """By how much the device in the middle is larger now, shape (columns,); NaN if too few can tell."""

    @cached_property
    def steady_shift(self) -> Floats:
        """The same; NaN also where the other days differ among themselves."""
        before = self._before
        others = [_median(np.delete(before, day, axis=0)) for day in range(len(before))]
        apart = np.array([_shift(day, other) for day, other in zip(before, others, strict=True)])
        told = np.sum(np.isfinite(apart), axis=0)
        odd = np.sum(np.abs(apart) > _STEADY, axis=0)
        is_steady = (told >= self._least) & (odd <= np.where(told >= _ONE_APART, 1, 0))
        if self._is_week_before:  # What is so each week is no exception.
            is_steady &= ~(np.abs(apart[-1]) > _STEADY)
        return np.where(is_steady, self.shift, np.nan)


class LiveUnits:
    """Looks at gauges of a few devices: taking readings costs next to nothing, and ``settle`` does the rest.

    :param schema: whose gauges are looked at.
    """

    def __init__(self, schema: TelemetrySchema) -> None:
        self.columns = gauges(schema)
        self._places: dict[str, int] = {}
        self._due: dict[str, float] = {}
        self._recent: list[list[tuple[float, tuple[float, ...]]]] = []
        self._levels: dict[int, Floats] = {}
        self._compared: dict[int, _Compared | None] = {}
        self._newest, self._settled, self._full_until = -math.inf, -1, -math.inf
        self._found: dict[str, _Found] = {}

    def is_idle(self, devices: Sequence[str], newest: float) -> bool:
        """Whether none of some readings is wanted; in doubt it may be.

        :param devices: of these.
        :param newest: time of the newest of these, epoch seconds.
        """
        known = self._due
        if len(known) < MOST_DEVICES and not known.keys() >= set(devices):
            return not self.columns
        return newest < min(known.values())

    def wants(self, device: str, time: float) -> bool:
        """Whether a reading that was counted is one to ``take``.

        :param time: of the reading, epoch seconds.
        """
        due = self._due.get(device)
        if due is not None:
            return time >= due
        return bool(self.columns) and self._add(device, time)

    def take(self, device: str, time: float, metrics: Mapping[str, float]) -> None:
        """Take a reading.

        :param time: of the reading, epoch seconds.
        :param metrics: by name; NaN means none.
        """
        self._due[device] = time + _SPACING
        self._newest = max(self._newest, time)
        row = tuple(abs(metrics[name]) for name in self.columns)
        self._recent[self._places[device]].append((time, row))
        if self._newest >= (self._settled + 3) * _HOUR:  # Nobody has asked for long.
            self.settle()

    def settle(self) -> None:
        """Look at the hours that are over and were not looked at."""
        if not math.isfinite(self._newest):
            return
        last = int((self._newest - _LATE) // _HOUR) - 1
        for hour in range(max(self._settled + 1, last - max(_REACHES)), last + 1):
            level = self._level(hour)
            if np.isfinite(level).any():
                self._levels[hour] = level
                self._look(hour)
        if last <= self._settled:
            return
        self._settled = last
        begin = (last + 2 - max(_REACHES)) * _HOUR
        self._recent = [[each for each in rows if each[0] >= begin] for rows in self._recent]
        for hour in [hour for hour in self._levels if hour <= last - _KEPT]:
            del self._levels[hour]
        for hour in [hour for hour in self._compared if hour <= last - _LOOKED_AT]:
            del self._compared[hour]
        self._found = {name: found for name, found in self._found.items() if last - found.last <= _TOLD_HOURS}

    def counts(self) -> dict[str, int]:
        """By metric, whether its unit is suspicious now: 1 or 0."""
        self.settle()
        return {column: int(column in self._found) for column in self.columns}

    def told(self) -> list[dict[str, Any]]:
        """The suspicions of now."""
        self.settle()
        rows = []
        for column, found in sorted(self._found.items()):
            since, last = (iso_time(hour * _HOUR) for hour in (found.first, found.last + 1))
            part = f"live readings since {since[:16].replace('T', ' ')} UTC"
            sentence = UnitSuspicion(
                column, (part,), found.factor, found.devices, found.such, found.days, kind="day"
            ).sentence
            rows.append(
                {"metric": column, "factor": found.factor, "since": since, "last": last, "warning": sentence}
            )
        return rows

    def saved(self) -> SavedState:
        """Everything, in plain form."""
        plain = {
            "columns": list(self.columns),
            "places": self._places,
            "due": self._due,
            "recent": self._recent,
            "newest": self._newest,
            "settled": self._settled,
            "found": {column: asdict(found) for column, found in self._found.items()},
            "hours": list(self._levels),
        }
        levels = np.array([self._padded(level) for level in self._levels.values()], dtype=np.float32)
        return SavedState(plain, {"levels": levels})

    def restore(self, state: SavedState) -> None:
        """Go on from what ``saved`` gave, if it is of the same gauges; else begin anew."""
        plain = state.plain
        if plain.get("columns") != list(self.columns):
            return
        self._places, self._due = dict(plain["places"]), dict(plain["due"])
        self._recent = [[(time, tuple(row)) for time, row in rows] for rows in plain["recent"]]
        self._newest, self._settled = plain["newest"], plain["settled"]
        self._found = {
            column: _Found(**{**of, "devices": tuple(of["devices"]), "such": tuple(of["such"])})
            for column, of in plain["found"].items()
        }
        self._levels = dict(zip(plain["hours"], state.arrays["levels"].astype(np.float64), strict=True))

    def _add(self, device: str, time: float) -> bool:
        """Look at one device more, if there is room."""
        if len(self._places) < MOST_DEVICES:
            self._places[device] = len(self._recent)
            self._recent.append([])
            self._due[device] = -math.inf
            return True
        if time < self._full_until:
            return False
        self._full_until = time + _HOUR
        silent = min(self._due, key=self._due.__getitem__)
        if time - self._due[silent] < _DAY * _HOUR:
            return False
        place = self._places.pop(silent)
        del self._due[silent]
        self._places[device], self._recent[place], self._due[device] = place, [], -math.inf
        for level in self._levels.values():
            level[place : place + 1] = np.nan
        self._compared.clear()
        return True

    @property
    def _shape(self) -> tuple[int, int]:
        return len(self._recent), len(self.columns)

    def _level(self, hour: int) -> Floats:
        """Logarithms of the middle sizes that devices had in an hour, or in it and a few before.

        :returns: shape (devices, columns); NaN where there are too few values.
        """
        level = np.full(self._shape, np.nan)
        end = (hour + 1) * _HOUR
        for place, recent in enumerate(self._recent):
            for reach in _REACHES:
                rows = [row for time, row in recent if end - reach * _HOUR <= time < end]
                if len(rows) >= _LEAST_VALUES:
                    level[place] = _middle(np.array(rows))
                    break
        return level

    def _padded(self, level: Floats) -> Floats:
        """The same for all devices that are known by now."""
        return np.pad(level, ((0, len(self._recent) - len(level)), (0, 0)), constant_values=np.nan)

    def _hour(self, hour: int) -> _Compared | None:
        """An hour beside others; None if there are too few."""
        if hour not in self._compared:
            now = self._levels.get(hour)
            days = {day: self._levels.get(hour - day * _DAY) for day in range(1, _DAYS + 1)}
            before = {day: self._padded(level) for day, level in days.items() if level is not None}
            least = _LEAST_DAYS if (hour // _DAY + 3) % 7 in _WORKING_DAYS else _DAYS
            self._compared[hour] = None
            if now is not None and len(before) >= least:
                self._compared[hour] = _Compared(self._padded(now), before, least)
        return self._compared[hour]

    def _look(self, hour: int) -> None:
        """Note what is suspicious of an hour."""
        newest = self._hour(hour)
        if newest is None:
            return
        far = np.flatnonzero(np.abs(newest.shift) > math.log(min(FACTORS)) - _SPREAD)
        if not len(far):
            return
        hours = [(at, self._hour(at)) for at in range(hour, hour - _LOOKED_AT, -1)]
        for column in far.tolist():
            usable = [
                (at, of) for at, of in hours if of is not None and math.isfinite(of.steady_shift[column])
            ]
            if usable and usable[0][0] == hour:
                self._note(column, hour, usable)

    def _note(self, column: int, hour: int, hours: Sequence[tuple[int, _Compared]]) -> None:
        """Note a column if enough hours agree on a factor.

        :param hours: that tell something of it, the newest first.
        """
        shifts = np.array([of.steady_shift[column] for _, of in hours])
        first = float(np.median(shifts[:_AGREE]))
        factor = min(FACTORS, key=lambda known: abs(math.log(known) - abs(first)))
        wanted = math.copysign(math.log(factor), first)
        agrees = np.abs(shifts - wanted) <= _SPREAD
        count = len(shifts) if agrees.all() else int(np.argmin(agrees))
        if count < _AGREE or abs(float(shifts[:count].mean()) - wanted) > _NEAR:
            return
        ratios = _mean([of.now[:, column] - of.usual[:, column] for _, of in hours[:count]])
        told = np.flatnonzero(np.isfinite(ratios))
        of_factor = ratios[told] * math.copysign(1.0, wanted) > math.log(factor) / 2
        if of_factor.sum() < max(_LEAST_DEVICES, _NEARLY_ALL * len(told)):
            return
        newest = hours[0][1]
        both = told[np.isfinite(newest.now[told, column] - newest.usual[told, column])]
        place = int(both[np.argmin(np.abs(ratios[both] - wanted))])
        names = {at: name for name, at in self._places.items()}
        here, usual = (float(np.exp(of[place, column])) for of in (newest.now, newest.usual))
        known = self._found.get(self.columns[column])
        self._found[self.columns[column]] = _Found(
            float(factor) if wanted > 0 else 1 / factor,
            hours[count - 1][0] if known is None else known.first,
            hour,
            (int(of_factor.sum()), len(told)),
            (names[place], here, usual),
            newest.days,
        )


def _middle(rows: Floats) -> Floats:
    """Logarithm of the middle of each column, without values that are 0, unless these are the most.

    :param rows: shape (n, columns), sizes; NaN is none.
    :returns: shape (columns,).
    """
    some, told = np.sum(rows > 0, axis=0), np.sum(np.isfinite(rows), axis=0)
    ordered = np.sort(np.where(rows > 0, rows, np.nan), axis=0)  # NaN is behind all others.
    columns, last = np.arange(rows.shape[1]), np.maximum(some - 1, 0)
    found: Floats = np.log((ordered[last // 2, columns] + ordered[(last + 1) // 2, columns]) / 2)
    found[(some < _LEAST_VALUES) | (2 * some <= told)] = np.nan
    return found


def _median(values: Floats) -> Floats:
    """Along the first axis, without NaN; NaN of nothing. ``nanmedian`` warns of nothing and takes longer."""
    ordered, count = np.sort(values, axis=0), np.sum(np.isfinite(values), axis=0)
    last = np.maximum(count - 1, 0)[None]
    lower = np.take_along_axis(ordered, last // 2, axis=0)
    upper = np.take_along_axis(ordered, (last + 1) // 2, axis=0)
    middle: Floats = ((lower + upper) / 2)[0]
    return middle


def _mean(values: Sequence[Floats]) -> Floats:
    """Along the first axis, without NaN; NaN of nothing."""
    stacked = np.array(values)
    count = np.sum(np.isfinite(stacked), axis=0)
    return np.where(count > 0, np.nansum(stacked, axis=0) / np.maximum(count, 1), np.nan)


def _shift(now: Floats, usual: Floats) -> Floats:
    """By how much the device in the middle is larger; NaN where too few devices tell.

    :param now: shape (devices, columns), as ``usual``.
    """
    ratios = now - usual
    return np.where(np.sum(np.isfinite(ratios), axis=0) >= _LEAST_DEVICES, _median(ratios), np.nan)
