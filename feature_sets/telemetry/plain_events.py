"""Lists of readings checked as columns, as far as every value is plain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from feature_sets.checks import InputError
from feature_sets.telemetry.event_time import seconds_of
from feature_sets.telemetry.events import KEY_LIMIT, EventParser, TelemetryEvent
from feature_sets.telemetry.no_value import PLAIN
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema

_NUMBERS = {float, int, type(None)}
_FEW = 8
"""So few events are not worth columns."""
_REMEMBERED, _REMEMBERED_KEYS = 10_000, 2_000_000
"""Times and keys that are remembered: those of a list are often the same, and devices send again."""
_TIME_LIMIT = 64
"""Longer texts, of which some are times, are left to the parser: what is remembered must be small."""


@dataclass(frozen=True)
class PlainColumns:
    """Readings of a list, all of them plain, in the order that they were sent.

    :param devices: the composed keys.
    :param times: event times in epoch seconds, exact to the microsecond.
    :param values: by metric, in the order of the schema, a float for each reading; NaN means none.
    :param arrays: the same as arrays.
    """

    devices: Sequence[str]
    times: Sequence[float]
    values: dict[str, Sequence[float]]
    arrays: dict[str, npt.NDArray[np.float64]]

    @classmethod
    def joined(cls, parts: Sequence[PlainColumns]) -> PlainColumns:
        """Readings of several lists of one schema, one behind the other."""
        names = tuple(parts[0].values)
        return cls(
            list(chain.from_iterable(part.devices for part in parts)),
            list(chain.from_iterable(part.times for part in parts)),
            {name: list(chain.from_iterable(part.values[name] for part in parts)) for name in names},
            {name: np.concatenate([part.arrays[name] for part in parts]) for name in names},
        )

    def between(self, begin: int, end: int) -> PlainColumns:
        """Readings from a place up to before another one."""
        return PlainColumns(
            self.devices[begin:end],
            self.times[begin:end],
            {name: values[begin:end] for name, values in self.values.items()},
            {name: values[begin:end] for name, values in self.arrays.items()},
        )

    def events(self) -> list[TelemetryEvent]:
        """Each reading by itself."""
        names, rows = tuple(self.values), zip(*self.values.values(), strict=True)
        return [
            TelemetryEvent(device, time, dict(zip(names, row, strict=True)))
            for device, time, row in zip(self.devices, self.times, rows, strict=True)
        ]

    def rows(self) -> list[tuple[Any, ...]]:
        """Device, time and values of each reading."""
        return list(zip(self.devices, self.times, *self.values.values(), strict=True))


class PlainEvents:
    """Reads lists of bodies; what comes out for a plain body is what ``EventParser.telemetry`` gives.

    A plain body has the whole key as ``device``, its time as text, and each metric as a number within its
    range or null. Of the others nothing is said: the parser reads them, or says which rule they break.

    :param schema: whose columns the bodies have; with counters, an uptime or renamed fields none are plain.
    :param parser: reads one body.
    """

    def __init__(self, schema: TelemetrySchema, parser: EventParser) -> None:
        self._parser = parser
        self._levels = tuple(column for column in schema.entity if column != DEVICE)
        self._fields = itemgetter(DEVICE, schema.time, *schema.metric_names)
        self._metrics = tuple(metric.name for metric in schema.metrics)
        rules = schema.cell_rules
        self._limits = tuple(
            (metric.low, metric.high, rules.get(metric.name, PLAIN).numbers) for metric in schema.metrics
        )
        self._times = schema.time_rules
        self._seconds: dict[str, float] = {}
        self._keys: dict[str, str] = {}
        self._is_possible = not (
            schema.rename or schema.uptime or any(metric.counter is not None for metric in schema.metrics)
        )

    def read(self, bodies: Sequence[Any]) -> list[TelemetryEvent | None]:
        """The reading of each body; None for those that are to be read one by one."""
        found = self.columns(bodies)
        return self.read_mixed(bodies) if found is None else list(found.events())

    def read_mixed(self, bodies: Sequence[Any]) -> list[TelemetryEvent | None]:
        """The same of bodies that have no columns."""
        if not self._is_possible or len(bodies) < _FEW:
            return [None] * len(bodies)
        half = len(bodies) // 2
        return [*self.read(bodies[:half]), *self.read(bodies[half:])]

    def columns(self, bodies: Sequence[Any]) -> PlainColumns | None:
        """Readings of bodies that are all plain; None if one is not, or they are few."""
        if not self._is_possible or len(bodies) < _FEW or set(map(type, bodies)) != {dict}:
            return None
        for level in self._levels:
            if any(level in body for body in bodies):
                return None
        try:
            texts, moments, *columns = zip(*map(self._fields, bodies), strict=True)
            devices = self._devices(texts)
            times = self._moments(moments)
            found = [_plain(column, *limits) for column, limits in zip(columns, self._limits, strict=True)]
        except (KeyError, InputError, OverflowError):
            return None
        if devices is None or times is None:
            return None
        values: dict[str, Sequence[float]] = {}
        arrays: dict[str, npt.NDArray[np.float64]] = {}
        for name, each in zip(self._metrics, found, strict=True):
            if each is None:
                return None
            values[name], arrays[name] = each
        return PlainColumns(devices, times, values, arrays)

    def _devices(self, texts: Sequence[Any]) -> list[str] | None:
        if set(map(type, texts)) != {str}:
            return None
        known, parser = self._keys, self._parser
        if len(known) > _REMEMBERED_KEYS:
            known.clear()
        if parser.takes_all:
            try:
                return list(map(known.__getitem__, texts))
            except KeyError:  # Of one that has sent nothing yet.
                pass
        for text in dict.fromkeys(texts):
            if len(text) > KEY_LIMIT:  # It may be a key between spaces.
                return None
            if text not in known or not parser.is_known(known[text]):
                known[text] = parser.device_of({DEVICE: text})
        return [known[text] for text in texts]

    def _moments(self, moments: Sequence[Any]) -> list[float] | None:
        if set(map(type, moments)) != {str}:
            return None
        known = self._seconds
        if len(known) > _REMEMBERED:
            known.clear()
        for text in dict.fromkeys(moments):
            if len(text) > _TIME_LIMIT:
                return None
            if text not in known:
                known[text] = seconds_of(text, *self._times)
        return [known[text] for text in moments]


def _plain(
    column: Sequence[Any], low: float, high: float, none: Sequence[float]
) -> tuple[Sequence[float], npt.NDArray[np.float64]] | None:
    """A column of numbers, NaN for null; None unless all are finite, within their range and values.

    :param none: numbers that mean no value.
    :raises OverflowError: for a whole number that no float can hold.
    """
    kinds = set(map(type, column))
    if not kinds <= _NUMBERS:
        return None
    values = np.array(column, dtype=np.float64)
    absent = len(values) - int(np.count_nonzero(np.isfinite(values)))
    if absent and absent != column.count(None):
        return None
    if ((values < low) | (values > high)).any():
        return None
    if none and np.isin(values, np.array(none, dtype=np.float64)).any():
        return None
    return column if kinds == {float} else values.tolist(), values
