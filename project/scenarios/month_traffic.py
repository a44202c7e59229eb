"""A month of a small network, day by day, as it arrives."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np
import pandas as pd

from feature_sets.telemetry.derived import Derived, Ratio
from feature_sets.telemetry.frames import VALID_FROM
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.simulator import SimulatedNetwork, simulated_schema
from feature_sets.telemetry.window_settings import Windows

ARRIVAL = "received"
_KNOWN = "known"
_START = datetime(2024, 3, 4, tzinfo=UTC)
_TICK_MINUTES = 5
_TRANSIT = pd.Timedelta(seconds=2)
_LABEL_DELAY = pd.Timedelta(hours=1)
_LATE_SHARE, _MOST_LATE_SECONDS = 0.01, 3 * 3600
_REPEATED_SHARE = 0.005


@dataclass(frozen=True)
class Day:
    """What arrives in a day, UTC.

    :param number: from 1.
    :param live: whether it is sent to the endpoint; else it comes as a file at night.
    :param readings: device, event time, arrival and metrics, in order of arrival; a few for the second time.
    :param labels: device, event time and label, in the order in which they became known.
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

    Every second day is live. One reading in a hundred is late, by up to three hours, so that some cross
    midnight and some are too late to count. Each label is known an hour after its reading.

    :param days: how many.
    :param devices: of the network, the one that joins included; at least 4.
    :param seed: of everything random.
    :param joins: day on which the first device begins to report.
    :param retires: day after which the second device reports no more.
    :param changes: day from whose beginning on the third device is of another model.
    :param drifts: day from whose beginning on errors look as harmless surges did before.
    """

    days: int = 30
    devices: int = 10
    seed: int = 1
    joins: int = 8
    retires: int = 12
    changes: int = 15
    drifts: int = 20

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

    def midnight(self, day: int) -> pd.Timestamp:
        """The beginning of a day, counted from 1."""
        return pd.Timestamp(_START + timedelta(days=day - 1))

    def __iter__(self) -> Iterator[Day]:
        for number in range(1, self.days + 1):
            yield Day(
                number,
                live=number % 2 == 0,
                readings=_within(self._readings, ARRIVAL, self.midnight(number), self.midnight(number + 1)),
                labels=_within(self._labels, _KNOWN, self.midnight(number), self.midnight(number + 1)).drop(
                    columns=_KNOWN
                ),
                attributes=self._attributes[self._attributes[VALID_FROM] < self.midnight(number + 1)],
            )

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
    def _names(self) -> list[str]:
        names: list[str] = self._network.static()[DEVICE].tolist()
        return names

    @cached_property
    def _telemetry(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Readings and labels of the devices that report at their times."""
        made, time = self._network.generate(), self.schema.time
        joining, retiring = self._names[0], self._names[1]

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
        arrival = metrics[self.schema.time] + _TRANSIT + pd.to_timedelta(delay, unit="s")
        once = metrics.assign(**{ARRIVAL: arrival})
        again = once[random.random(len(once)) < _REPEATED_SHARE]
        again = again.assign(**{ARRIVAL: again[ARRIVAL] + pd.Timedelta(minutes=1)})
        return pd.concat([once, again]).sort_values([ARRIVAL, DEVICE], kind="stable", ignore_index=True)

    @cached_property
    def _labels(self) -> pd.DataFrame:
        _, labels = self._telemetry
        known = labels.assign(**{_KNOWN: labels[self.schema.time] + _LABEL_DELAY})
        return known.sort_values([_KNOWN, DEVICE], kind="stable", ignore_index=True)

    @cached_property
    def _attributes(self) -> pd.DataFrame:
        """Every state of every device, with the time from which it holds."""
        static = self._network.static().assign(**{VALID_FROM: self.midnight(1)})
        static.loc[static[DEVICE] == self._names[0], VALID_FROM] = self.midnight(self.joins)
        changed = static[static[DEVICE] == self._names[2]]
        models = sorted(set(static["model"]) - set(changed["model"]))
        changed = changed.assign(model=models[0], **{VALID_FROM: self.midnight(self.changes)})
        return pd.concat([static, changed], ignore_index=True)


def _within(frame: pd.DataFrame, column: str, start: pd.Timestamp, stop: pd.Timestamp) -> pd.DataFrame:
    return frame[(frame[column] >= start) & (frame[column] < stop)].reset_index(drop=True)
