"""A seeded network of fake devices, with faults and drift planted at stated times.

The same settings give the same rows, in whatever chunks they are asked for: every random number is drawn
from a counter (Philox), so that tick one million costs no more than tick one.
The levels are those of the metric configuration in mlrun/demo-network-operations
(company, data_center, device; normal metrics; errors of a length and a rate in ticks), with episodes
that build up and fade, harmless surges of load beside them, a daily cycle and noise with a memory.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import yaml

from feature_sets.telemetry.correlated_noise import BLOCK, correlated_noise
from feature_sets.telemetry.counter_random import counter_random
from feature_sets.telemetry.episodes import Episodes
from feature_sets.telemetry.frames import Telemetry
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.schema_rules import duration_seconds
from feature_sets.telemetry.static_devices import COMPANY_LIMIT, MODEL_COUNT, StaticDevice, static_devices

Floats = npt.NDArray[np.float64]

_SURGE_RATE = 0.08
"""Share of ticks in a harmless surge on a network without errors; else they are as common as errors."""

_DAY = 86400.0


@dataclass(frozen=True)
class MetricBehaviour:
    """How one metric behaves, in its own unit; see ``simulated_metrics.yaml`` for the fields."""

    mean: float
    spread: float
    noise: float
    daily: float
    error: float
    surge: float
    shift: float
    decimals: int


def simulated_schema() -> TelemetrySchema:
    """The schema of the simulated network."""
    return TelemetrySchema.from_yaml(Path(__file__).with_name("simulated_network.yaml"))


def metric_behaviours(schema: TelemetrySchema) -> tuple[MetricBehaviour, ...]:
    """Behaviour of each metric of the simulated network's schema, in its order.

    :raises ValueError: if the table does not describe exactly the schema's metrics.
    """
    table = yaml.safe_load(Path(__file__).with_name("simulated_metrics.yaml").read_text(encoding="utf-8"))
    if set(table) != set(schema.metric_names):
        raise ValueError(
            f"simulated_metrics.yaml: must describe {sorted(schema.metric_names)}, got {sorted(table)}"
        )
    return tuple(MetricBehaviour(**table[name]) for name in schema.metric_names)


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
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name}: must be a whole number of at least 1, got {value!r}")
        if self.companies > COMPANY_LIMIT:
            raise ValueError(f"companies: must be at most {COMPANY_LIMIT}, got {self.companies!r}")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 2**32:
            raise ValueError(f"seed: must be a whole number from 0 to 2^32 - 1, got {self.seed!r}")
        if not 0 <= self.error_rate <= 0.3:
            raise ValueError(f"error_rate: must be a share from 0 to 0.3, got {self.error_rate!r}")
        if duration_seconds(self.tick, "tick") < 1:
            raise ValueError(f"tick: must be at least 1s, got {self.tick!r}")
        for name in ("start", "concept_drift_at", "covariate_drift_at"):
            moment = getattr(self, name)
            if moment is None and name != "start":
                continue
            if not isinstance(moment, datetime) or moment.tzinfo is None:
                raise ValueError(f"{name}: must be a time with a zone, got {moment!r}")

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
            raise ValueError(
                f"generate: must be given ticks from 0 on, got first_tick={first_tick}, ticks={ticks}"
            )
        blocks = [
            self._cut(number, first_tick, first_tick + count)
            for number in range(first_tick // BLOCK, (first_tick + count - 1) // BLOCK + 1 if count else 0)
        ]
        width = len(self._behaviours)
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
    def _behaviours(self) -> tuple[MetricBehaviour, ...]:
        return metric_behaviours(self.schema)

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
        of_model = np.random.default_rng([self.seed, 3]).standard_normal((MODEL_COUNT, len(self._behaviours)))
        own = counter_random(self.seed, "levels", 0).standard_normal((self.devices, len(self._behaviours)))
        models = np.array([device.model_index for device in self._fleet])
        mixed = (of_model[models] + own) * math.sqrt(0.5)
        return np.stack([b.mean + b.spread * mixed[:, i] for i, b in enumerate(self._behaviours)])

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
    noise = correlated_noise(network.seed, number, network.devices, len(network._behaviours))
    values = np.empty((BLOCK, network.devices, len(network._behaviours)))
    for i, (metric, behaviour) in enumerate(zip(network.schema.metrics, network._behaviours, strict=True)):
        level = network._levels[i][:, None] + behaviour.daily * daily + behaviour.shift * shifted
        bend = behaviour.error * as_error + behaviour.surge * as_surge
        metric_values = np.clip(level + behaviour.noise * noise[i] + bend, metric.low, metric.high)
        values[:, :, i] = np.round(metric_values, behaviour.decimals).T
    return values, at_height.T.astype(np.int64)


def _seconds_until(moment: datetime | None, start: datetime) -> float:
    return math.inf if moment is None else (moment - start).total_seconds()


def write_folder(path: str | Path, telemetry: Telemetry, schema: TelemetrySchema | None = None) -> None:
    """Write ``metrics.parquet``, ``labels.parquet`` and ``static.parquet``; the key is split into its levels.

    :param path: folder; made when absent.
    :param schema: schema whose entity columns the key is made of; without it the simulated network's.
    """
    schema = schema or simulated_schema()
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    for field_ in fields(telemetry):
        frame: pd.DataFrame = getattr(telemetry, field_.name)
        codes, keys = pd.factorize(frame[DEVICE])
        levels = [str(key).split(schema.separator, len(schema.entity) - 1) for key in keys]
        parts = {
            column: np.array([level[i] for level in levels], dtype=object)[codes]
            for i, column in enumerate(schema.entity)
        }
        out = pd.concat([pd.DataFrame(parts), frame.drop(columns=DEVICE).reset_index(drop=True)], axis=1)
        out.to_parquet(folder / f"{field_.name}.parquet", index=False)
