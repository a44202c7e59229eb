"""A network whose errors begin to look different, as requests: a hundred a second, without a pause."""

from __future__ import annotations

import dataclasses
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from threading import Event
from typing import Any

import httpx
import numpy as np
import pandas as pd

from feature_sets.checks import check_integer
from feature_sets.telemetry.frames import Telemetry
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.telemetry.simulator import SimulatedNetwork, simulated_schema
from project.live_telemetry import label_bodies, telemetry_bodies

ARRIVAL = "received"
_START = datetime(2024, 3, 4, tzinfo=UTC)
_CHUNK_TICKS = 30
_LABEL_DELAY = pd.Timedelta(seconds=60)
_LEAST_DEVICES = 10
_TIMEOUT_SECONDS = 30.0
_TRIES = 20
_PAUSE_SECONDS = 0.25


@dataclass(frozen=True)
class DriftingNetwork:
    """A simulated network with recorded history, a stable stretch and a change for good.

    Until the change errors look as surges of load do in the simulated network, and surges as errors do; from
    then on it is the other way round. What a model had learned is worse than nothing then.

    :param devices: how many, at least 10.
    :param seed: of everything random.
    :param history: readings of each device that come as files.
    :param stable: further readings of each, live, before the change.
    :param unlearnable: whether, instead, labels belong to no reading any more from the change on.
    """

    devices: int = 20
    seed: int = 1
    history: int = 2000
    stable: int = 500
    unlearnable: bool = False

    def __post_init__(self) -> None:
        check_integer("devices", self.devices, at_least=_LEAST_DEVICES)

    def _network(self, **changes: Any) -> SimulatedNetwork:
        return SimulatedNetwork(
            devices=self.devices, start=_START, ticks=self.history, seed=self.seed, **changes
        )

    @cached_property
    def _before(self) -> SimulatedNetwork:
        """Errors look as surges of load do in the other."""
        return self._network(concept_drift_at=_START)

    @cached_property
    def _after(self) -> SimulatedNetwork:
        return self._network()

    @property
    def _last(self) -> int:
        """Tick with which the change begins."""
        return self.history + self.stable

    @property
    def drifts(self) -> datetime:
        """Event time of the change."""
        return self._after.time_of(self._last)

    @property
    def schema(self) -> TelemetrySchema:
        """The schema of the simulated network with an arrival, from which the endpoint takes its clock."""
        return dataclasses.replace(simulated_schema(), name="drift", arrival=ARRIVAL)

    def recorded(self) -> Telemetry:
        """What comes as files, each reading as it was made."""
        made = self._before.generate()
        metrics = made.metrics.assign(**{ARRIVAL: made.metrics[self.schema.time]})
        return dataclasses.replace(made, metrics=metrics)

    def _shuffled(self, made: Telemetry, first: int) -> Telemetry:
        """The same labels, dealt out to readings by chance."""
        labels, random = made.labels, np.random.default_rng([self.seed, first])
        column = labels[self.schema.label].to_numpy()
        shuffled = labels.assign(**{self.schema.label: random.permutation(column)})
        return dataclasses.replace(made, labels=shuffled)

    def live(self) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
        """Readings after that, each with the labels that became known since the one before; without end."""
        first, waiting = self.history, deque[tuple[Any, dict[str, Any]]]()
        while True:
            changed = first >= self._last
            network = self._after if changed and not self.unlearnable else self._before
            left = self._last - first if first < self._last else _CHUNK_TICKS
            made = network.generate(first_tick=first, ticks=min(left, _CHUNK_TICKS))
            if changed and self.unlearnable:
                made = self._shuffled(made, first)
            stamp = self.schema.time
            known = (made.labels[stamp] + _LABEL_DELAY).tolist()
            waiting.extend(zip(known, label_bodies(made.labels, self.schema), strict=True))
            times, bodies = made.metrics[stamp].tolist(), telemetry_bodies(made.metrics, self.schema)
            for moment, body in zip(times, bodies, strict=True):
                due = []
                while waiting and waiting[0][0] <= moment:
                    due.append(waiting.popleft()[1])
                yield body, due
            first += min(left, _CHUNK_TICKS)


@dataclass
class TrafficReport:
    """What became of the requests.

    :param requests: answered with 200.
    :param failures: those that were not, in words.
    :param reconnects: attempts whose connection had been closed, and that were made again.
    :param statuses: of the readings and labels.
    :param newest: event time of the newest reading that was sent, ISO 8601.
    :param seconds: how long each request took.
    :param started: monotonic clock at the first one.
    :param lasted: seconds from the first to the last one.
    """

    requests: int = 0
    failures: list[str] = field(default_factory=list)
    reconnects: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    newest: str = ""
    seconds: list[float] = field(default_factory=list)
    started: float = 0.0
    lasted: float = 0.0

    @property
    def sent(self) -> int:
        """Requests, failed ones included."""
        return self.requests + len(self.failures)

    def to_dict(self) -> dict[str, Any]:
        """Plain figures."""
        took = np.array(self.seconds or [0.0]) * 1000
        return {
            "requests": self.requests,
            "failures": self.failures,
            "reconnects": self.reconnects,
            "per_second": self.requests / self.lasted if self.lasted else 0.0,
            "p50_ms": float(np.quantile(took, 0.5)),
            "p99_ms": float(np.quantile(took, 0.99)),
            "longest_ms": float(took.max()),
            "statuses": dict(self.statuses),
        }


def send(
    network: DriftingNetwork,
    address: str,
    report: TrafficReport,
    stop: Event,
    rate: float = 100.0,
    events: int = 3,
    clock: Callable[[], float] = time.monotonic,
    transport: httpx.BaseTransport | None = None,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Send readings and their late labels until told to stop; a request that fails is noted, never hidden.

    :param rate: requests a second.
    :param events: readings in each request.
    :param transport: of the HTTP client; None is the network.
    :param headers: of each request, such as that with the token.
    """
    report.started = clock()
    readings: list[dict[str, Any]] = []
    labels: list[dict[str, Any]] = []
    with httpx.Client(
        base_url=address, timeout=_TIMEOUT_SECONDS, transport=transport, headers=headers
    ) as client:
        for body, due in network.live():
            readings.append(body)
            labels.extend(due)
            if len(readings) < events:
                continue
            report.newest = readings[-1][network.schema.time]
            _post(client, "/telemetry", _arriving(readings, report.newest), report, clock)
            readings = []
            if report.sent % 10 == 9 and labels:
                # Every tenth request brings the labels that became known.
                _post(client, "/labels", _arriving(labels, report.newest), report, clock)
                labels = []
            report.lasted = clock() - report.started
            ahead = report.sent / rate - report.lasted
            if stop.wait(max(0.0, ahead)):
                return


def _arriving(bodies: list[dict[str, Any]], moment: str) -> list[dict[str, Any]]:
    """What a collector hands on in one request: all of it arrives with its newest reading."""
    return [{**body, ARRIVAL: moment} for body in bodies]


def _post(
    client: httpx.Client,
    path: str,
    body: list[dict[str, Any]],
    report: TrafficReport,
    clock: Callable[[], float],
) -> None:
    began = clock()
    for attempt in range(_TRIES):
        try:
            answer = client.post(path, json=body)
            break
        except httpx.TransportError as error:
            # A connection that rested may be closed by the other side at any time; a client opens another.
            report.reconnects += 1
            if attempt == _TRIES - 1:
                report.failures.append(f"POST {path}: {error!r}")
                return
            if attempt:
                time.sleep(_PAUSE_SECONDS)
    report.seconds.append(clock() - began)
    if answer.status_code != httpx.codes.OK:
        report.failures.append(f"POST {path}: {answer.status_code} {answer.text[:200]}")
        return
    report.requests += 1
    report.statuses.update(each["status"] for each in answer.json())
