"""A month of a small network, day by day, as it arrives."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np
import pandas as pd

from feature_sets.checks import check_integer
from feature_sets.telemetry.derived import Derived, Ratio
from feature_sets.telemetry.frames import VALID_FROM
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.simulator import SimulatedNetwork, simulated_schema
from feature_sets.telemetry.window_settings import Windows
from project.replay.recording import KNOWN

ARRIVAL = "received"
_START = datetime(2024, 3, 4, tzinfo=UTC)
_TICK_MINUTES = 5
_FLUSH = "5min"
"""The collector hands on what it has every five minutes."""
_LABEL_DELAY = pd.Timedelta(minutes=50)
_LATE_SHARE, _MOST_LATE_SECONDS = 0.01, 3 * 3600
_LEAST_DEVICES = 4
_REPEATED_SHARE = 0.005


@dataclass(frozen=True)
class Day:
    """What arrives in a day, UTC.

    :param number: from 1.
    :param live: whether it is sent to the endpoint; else it comes as a file at night.
    :param readings: device, event time, arrival and metrics, in order of arrival; a few for the second time.
    :param labels: device, event time, label and ``KNOWN``, in that order.
    :param attributes: static columns of each device and ``valid_from``, as known at the end of the day.
    """

    number: int
    live: bool
    readings: pd.DataFrame
    labels: pd.DataFrame
    attributes: pd.DataFrame


@dataclass(frozen=True)
class Month:
    """A network in which a device joins, one is retired, one changes its model, and behavior changes.

    Once there is a model, every second day is live. One reading in a hundred is late, by up to three hours:
    some cross midnight, some are too late to count. Each label is known 50 minutes after its reading.

    :param days: how many.
    :param devices: of the network, the one that joins included; at least 4.
    :param seed: of everything random.
    :param begins: day after which the first model is trained.
    :param joins: day on which the first device begins to report.
    :param retires: day after which the second device reports no more.
    :param changes: day from whose beginning on the third device is of another model.
    :param drifts: day from whose beginning on errors look as harmless surges did before.
    """

    days: int = 30
    devices: int = 10
    seed: int = 1
    begins: int = 3
    joins: int = 8
    retires: int = 12
    changes: int = 15
    drifts: int = 20

    def __post_init__(self) -> None:
        check_integer("devices", self.devices, at_least=_LEAST_DEVICES)

    @cached_property
    def schema(self) -> TelemetrySchema:
        """The schema of the simulated network, with an arrival time and windows for a reading every 5 min."""
        return dataclasses.replace(
            simulated_schema(),
            name="month",
            arrival=ARRIVAL,
            windows=Windows(lengths=("30m", "2h"), period="5m"),
            derived=Derived(ratios=(Ratio("avg", "30m", "2h"),), variation=("2h",)),
        )

    @property
    def retiring(self) -> str:
        """The device that is retired."""
        return self.names[1]

    def midnight(self, day: int) -> pd.Timestamp:
        """The beginning of a day, counted from 1."""
        return pd.Timestamp(_START + timedelta(days=day - 1))

    def __iter__(self) -> Iterator[Day]:
        for number in range(1, self.days + 1):
            yield Day(
                number,
                live=number > self.begins and number % 2 == 0,
                readings=_within(self._readings, ARRIVAL, self.midnight(number), self.midnight(number + 1)),
                labels=_within(self._labels, KNOWN, self.midnight(number), self.midnight(number + 1)),
                attributes=self._attributes[self._attributes[VALID_FROM] < self.midnight(number + 1)],
            )

    def at_once(self) -> Day:
        """The whole month as files, the readings with the arrivals that an endpoint notes of the live ones.

        A request is an instant; an endpoint puts its readings a microsecond apart, see ``live_rows``.
        """
        parts = []
        for day in self:
            readings = day.readings
            if day.live and len(readings):
                # The k-th reading of a request arrives k microseconds after it.
                place = readings.groupby(ARRIVAL).cumcount()
                arrival = readings[ARRIVAL] + pd.to_timedelta(place, unit="us")
                readings = readings.assign(**{ARRIVAL: arrival})
            parts.append((readings, day.labels))
        readings, labels = (pd.concat(tables, ignore_index=True) for tables in zip(*parts, strict=True))
        known = self._attributes[self._attributes[VALID_FROM] < self.midnight(self.days + 1)]
        return Day(0, live=False, readings=readings, labels=labels, attributes=known)

    @cached_property
    def _network(self) -> SimulatedNetwork:
        return SimulatedNetwork(
            devices=self.devices,
            start=_START,
            tick=f"{_TICK_MINUTES}m",
            ticks=self.days * 24 * 60 // _TICK_MINUTES,
            seed=self.seed,
            concept_drift_at=self.midnight(self.drifts).to_pydatetime(),
        )

    @cached_property
    def names(self) -> list[str]:
        """Keys of the devices: the one that joins, the one that is retired, the one that changes, others."""
        names: list[str] = self._network.static()[DEVICE].tolist()
        return names

    @cached_property
    def _telemetry(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Readings and labels of the devices that report at their times."""
        made, time = self._network.generate(), self.schema.time
        joining, retiring = self.names[0], self.names[1]

        def present(frame: pd.DataFrame) -> pd.DataFrame:
            absent = (frame[DEVICE] == joining) & (frame[time] < self.midnight(self.joins))
            absent |= (frame[DEVICE] == retiring) & (frame[time] >= self.midnight(self.retires + 1))
            return frame[~absent].reset_index(drop=True)

        return present(made.metrics), present(made.labels)

    @cached_property
    def _readings(self) -> pd.DataFrame:
        random = np.random.default_rng([self.seed, 10])
        metrics, _ = self._telemetry
        late = random.random(len(metrics)) < _LATE_SHARE
        delay = np.where(late, random.integers(1, _MOST_LATE_SECONDS, len(metrics)), 0)
        arrival = (metrics[self.schema.time] + pd.to_timedelta(delay, unit="s")).dt.ceil(_FLUSH)
        once = metrics.assign(**{ARRIVAL: arrival})
        again = once[random.random(len(once)) < _REPEATED_SHARE]
        again = again.assign(**{ARRIVAL: again[ARRIVAL] + pd.Timedelta(_FLUSH)})
        return pd.concat([once, again]).sort_values([ARRIVAL, DEVICE], kind="stable", ignore_index=True)

    @cached_property
    def _labels(self) -> pd.DataFrame:
        _, labels = self._telemetry
        known = labels.assign(**{KNOWN: (labels[self.schema.time] + _LABEL_DELAY).dt.ceil(_FLUSH)})
        return known.sort_values([KNOWN, DEVICE], kind="stable", ignore_index=True)

    @cached_property
    def _attributes(self) -> pd.DataFrame:
        """Every state of every device, with the time from which it holds."""
        static = self._network.static().assign(**{VALID_FROM: self.midnight(1)})
        static.loc[static[DEVICE] == self.names[0], VALID_FROM] = self.midnight(self.joins)
        changed = static[static[DEVICE] == self.names[2]]
        models = sorted(set(static["model"]) - set(changed["model"]))
        changed = changed.assign(model=models[0], **{VALID_FROM: self.midnight(self.changes)})
        return pd.concat([static, changed], ignore_index=True)


def _within(frame: pd.DataFrame, column: str, start: pd.Timestamp, stop: pd.Timestamp) -> pd.DataFrame:
    return frame[(frame[column] >= start) & (frame[column] < stop)].reset_index(drop=True)
