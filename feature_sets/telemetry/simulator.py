"""A seeded network of fake devices, with faults and drift planted at stated times.

The same settings give the same rows, in whatever chunks they are asked for: every random number is drawn
from a counter (Philox), so that tick one million costs no more than tick one.
The levels are those of the metric configuration in mlrun/demo-network-operations
(company, data_center, device; normal metrics; errors of a length and a rate in ticks), with episodes
that build up and fade, harmless surges of load beside them, a daily cycle and noise with a memory.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.checks import InputError, check_integer, check_number, duration_seconds
from feature_sets.telemetry.frames import Telemetry
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.simulation.correlated_noise import BLOCK, correlated_noise
from feature_sets.telemetry.simulation.counter_random import counter_random
from feature_sets.telemetry.simulation.episodes import Episodes
from feature_sets.telemetry.simulation.metric_behavior import MetricBehavior, metric_behaviors
from feature_sets.telemetry.simulation.static_devices import (
    COMPANY_LIMIT,
    MODEL_COUNT,
    StaticDevice,
    static_devices,
)

Floats = npt.NDArray[np.float64]

_SURGE_RATE = 0.08
"""Share of ticks in a harmless surge on a network without errors; else they are as common as errors."""

_DAY = 86400.0


def simulated_schema() -> TelemetrySchema:
    """The schema of the simulated network."""
    return TelemetrySchema.load()


@dataclass(frozen=True)
class SimulatedNetwork:
    """A network of fake devices that all report once a tick.

    :param devices: how many devices.
    :param companies: how many companies own them.
    :param data_centers: data centers of each company.
    :param start: event time of tick 0; has a time zone.
    :param tick: time between two readings of a device. A device reads at its own fixed offset into the tick.
    :param ticks: length of the history, which ``generate`` gives when not told how much; more can be had.
    :param seed: same seed and settings, same rows.
    :param error_rate: share of a device's ticks that are in error, 0 to 0.3.
    :param error_length: ticks that an error lasts at its height, without those of build-up and fading.
    :param concept_drift_at: from then on errors look as harmless surges did before, and the other way round.
    :param covariate_drift_at: from then on all levels are shifted; errors stay as they are.
    """

    devices: int = 20
    companies: int = 2
    data_centers: int = 2
    start: datetime = datetime(2024, 1, 1, tzinfo=UTC)
    tick: str = "10s"
    ticks: int = 2000
    seed: int = 1
    error_rate: float = 0.08
    error_length: int = 20
    concept_drift_at: datetime | None = None
    covariate_drift_at: datetime | None = None

    def __post_init__(self) -> None:
        for name in ("devices", "companies", "data_centers", "ticks", "error_length"):
            most = COMPANY_LIMIT if name == "companies" else None
            object.__setattr__(self, name, check_integer(name, getattr(self, name), at_least=1, at_most=most))
        object.__setattr__(self, "seed", check_integer("seed", self.seed, at_least=0, at_most=2**32 - 1))
        check_number("error_rate", self.error_rate, at_least=0, at_most=0.3)
        if duration_seconds(self.tick, "tick") < 1:
            raise InputError("tick", "must be at least 1s", self.tick)
        for name in ("start", "concept_drift_at", "covariate_drift_at"):
            moment = getattr(self, name)
            if moment is None and name != "start":
                continue
            if not isinstance(moment, datetime) or moment.tzinfo is None:
                raise InputError(name, "must be a time with a zone", moment)

    @cached_property
    def schema(self) -> TelemetrySchema:
        """The schema that the rows follow."""
        return simulated_schema()

    @property
    def tick_seconds(self) -> int:
        """Length of a tick in seconds."""
        return duration_seconds(self.tick)

    def time_of(self, tick: int) -> datetime:
        """Event time at which a tick begins."""
        return self.start + timedelta(seconds=tick * self.tick_seconds)

    def static(self) -> pd.DataFrame:
        """Static facts: one row a device, sorted by ``device``, with the schema's static columns."""
        facts = {
            DEVICE: [self.schema.separator.join(device.path) for device in self._fleet],
            "model": [device.model for device in self._fleet],
            "country": [device.country for device in self._fleet],
        }
        frame = pd.DataFrame(facts)[[DEVICE, *self.schema.static]]
        return frame.sort_values(DEVICE, ignore_index=True)

    def generate(self, first_tick: int = 0, ticks: int | None = None) -> Telemetry:
        """Readings, labels and static facts of a range of ticks.

        Two chunks that follow each other equal the one chunk that covers both.

        :param first_tick: first tick of the chunk, from 0.
        :param ticks: how many; without it, those up to the end of the history.
        """
        count = self.ticks - first_tick if ticks is None else ticks
        if first_tick < 0 or count < 0:
            raise InputError(
                "generate", "must be given ticks from 0 on", {"first_tick": first_tick, "ticks": ticks}
            )
        blocks = [
            self._cut(number, first_tick, first_tick + count)
            for number in range(first_tick // BLOCK, (first_tick + count - 1) // BLOCK + 1 if count else 0)
        ]
        width = len(self._behaviors)
        values = np.concatenate([b[0] for b in blocks]) if blocks else np.empty((0, self.devices, width))
        errors = np.concatenate([b[1] for b in blocks]) if blocks else np.empty((0, self.devices), np.int64)
        order = np.lexsort((self._names, self._offsets))
        values, errors = values[:, order], errors[:, order]
        origin = np.datetime64(self.start.astimezone(UTC).replace(tzinfo=None), "ms")
        moments = (np.arange(first_tick, first_tick + count) * self.tick_seconds * 1000)[:, None]
        stamps = (origin + (moments + self._offsets[order][None, :]).astype("timedelta64[ms]")).ravel()
        keys = {
            DEVICE: np.tile(self._names[order], count),
            self.schema.time: pd.DatetimeIndex(stamps.astype("datetime64[ns]"), tz="UTC"),
        }
        columns = {name: values[:, :, i].ravel() for i, name in enumerate(self.schema.metric_names)}
        return Telemetry(
            metrics=pd.DataFrame({**keys, **columns}),
            labels=pd.DataFrame({**keys, self.schema.label: errors.ravel()}),
            static=self.static(),
        )

    @cached_property
    def _fleet(self) -> list[StaticDevice]:
        return static_devices(self.devices, self.companies, self.data_centers, self.seed)

    @cached_property
    def _behaviors(self) -> tuple[MetricBehavior, ...]:
        return metric_behaviors(self.schema)

    @cached_property
    def _names(self) -> npt.NDArray[np.object_]:
        return np.array([self.schema.separator.join(device.path) for device in self._fleet], dtype=object)

    @cached_property
    def _offsets(self) -> npt.NDArray[np.int64]:
        """Milliseconds into the tick at which each device reads."""
        share = np.random.default_rng([self.seed, 2]).random(self.devices)
        return (share * self.tick_seconds * 1000).astype(np.int64)

    @cached_property
    def _levels(self) -> Floats:
        """Level of each metric of each device, shape (metrics, devices): half its model's, half its own."""
        of_model = np.random.default_rng([self.seed, 3]).standard_normal((MODEL_COUNT, len(self._behaviors)))
        own = counter_random(self.seed, "levels", 0).standard_normal((self.devices, len(self._behaviors)))
        models = np.array([device.model_index for device in self._fleet])
        mixed = (of_model[models] + own) * math.sqrt(0.5)
        return np.stack([b.mean + b.spread * mixed[:, i] for i, b in enumerate(self._behaviors)])

    def _cut(self, number: int, first: int, stop: int) -> tuple[Floats, npt.NDArray[np.int64]]:
        values, errors = _block(self, number)
        inside = slice(max(first - number * BLOCK, 0), min(stop - number * BLOCK, BLOCK))
        return values[inside], errors[inside]

    def _episodes(self, stream: str) -> Episodes:
        rate = self.error_rate or _SURGE_RATE
        return Episodes(self.seed, stream, self.devices, rate, self.error_length)


@lru_cache(maxsize=2)
def _block(network: SimulatedNetwork, number: int) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Metrics, shape (BLOCK, devices, metrics), and errors, shape (BLOCK, devices), of one block."""
    ticks = np.arange(number * BLOCK, (number + 1) * BLOCK)
    seconds = ticks[None, :] * network.tick_seconds + network._offsets[:, None] / 1000.0
    error, at_height = network._episodes("errors").heights(ticks)
    surge, _ = network._episodes("surges").heights(ticks)
    if network.error_rate == 0:
        error, at_height = np.zeros_like(error), np.zeros_like(at_height)
    swapped = seconds >= _seconds_until(network.concept_drift_at, network.start)
    shifted = seconds >= _seconds_until(network.covariate_drift_at, network.start)
    as_error, as_surge = np.where(swapped, surge, error), np.where(swapped, error, surge)
    daily = np.sin(2 * math.pi * (network.start.timestamp() % _DAY + seconds) / _DAY)
    noise = correlated_noise(network.seed, number, network.devices, len(network._behaviors))
    values = np.empty((BLOCK, network.devices, len(network._behaviors)))
    for i, (metric, behavior) in enumerate(zip(network.schema.metrics, network._behaviors, strict=True)):
        level = network._levels[i][:, None] + behavior.daily * daily + behavior.shift * shifted
        bend = behavior.error * as_error + behavior.surge * as_surge
        metric_values = np.clip(level + behavior.noise * noise[i] + bend, metric.low, metric.high)
        values[:, :, i] = np.round(metric_values, behavior.decimals).T
    return values, at_height.T.astype(np.int64)


def _seconds_until(moment: datetime | None, start: datetime) -> float:
    return math.inf if moment is None else (moment - start).total_seconds()
