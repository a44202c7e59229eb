"""An endpoint with a history, what is sent to it, and the same rows as a file would have them."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from feature_sets.rows.whole_numbers import whole_array
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.windows.whole_readings import wholes_of_list
from graphs.preprocess import Preprocess
from graphs.protocol.request import Request
from project.live_history import LiveJournal
from tests.feature_sets.ingestion.folders import MODELS, Folder, forget_all, states
from tests.feature_sets.ingestion.histories import (
    COUNTED,
    COUNTED_WITH_ARRIVAL,
    GROUPED,
    GROUPED_WITH_ARRIVAL,
    RELATIVE,
    RELATIVE_WITH_ARRIVAL,
    SCHEMA,
    WITH_ARRIVAL,
    State,
    counted,
    labels,
    readings,
)
from tests.graphs.conftest import Client, make_client, write_package

PLAIN = TelemetrySchema.from_dict({**SCHEMA.to_dict(), "horizon": "0s"})
ARRIVING = TelemetrySchema.from_dict({**WITH_ARRIVAL.to_dict(), "horizon": "0s"})
COUNTING = TelemetrySchema.from_dict({**COUNTED.to_dict(), "horizon": "0s"})
COUNTING_ARRIVING = TelemetrySchema.from_dict({**COUNTED_WITH_ARRIVAL.to_dict(), "horizon": "0s"})
RELATIVE_PLAIN = TelemetrySchema.from_dict({**RELATIVE.to_dict(), "horizon": "0s"})
RELATIVE_ARRIVING = TelemetrySchema.from_dict({**RELATIVE_WITH_ARRIVAL.to_dict(), "horizon": "0s"})
GROUPED_PLAIN = TelemetrySchema.from_dict({**GROUPED.to_dict(), "horizon": "0s"})
GROUPED_ARRIVING = TelemetrySchema.from_dict({**GROUPED_WITH_ARRIVAL.to_dict(), "horizon": "0s"})
INPUTS = ("cpu", "cpu_avg_1m", "latency", "latency_avg_1m", "latency_stddev_20s")
START = pd.Timestamp("2024-01-03T06:00:00Z")
TICK = 5


@dataclass
class Endpoint:
    """A serving graph on MLRun's mock server that keeps a journal and its archive.

    :param package: of the model.
    :param most: events that the journal keeps.
    """

    project: str
    redis_url: str
    package: Path
    archive: Path
    schema: TelemetrySchema
    most: int = 150
    settings: dict[str, Any] = field(default_factory=dict)
    served: dict[tuple[str, float], dict[str, float]] = field(default_factory=dict)
    replayed: dict[tuple[str, float], dict[str, float]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    by_windows: Counter[str] = field(default_factory=Counter)
    """Status of every reading by the windows alone; the ledger knows one that they have forgotten."""
    client: Client | None = None
    key: str = field(default_factory=lambda: f"live-{uuid.uuid4().hex}")

    def start(self) -> Client:
        """Begin, or begin anew as after a kill."""
        store = f"store://feature-sets/{self.project}"
        with pytest.MonkeyPatch.context() as patch:  # The journal is replayed while the graph is made.
            patch.setattr(Preprocess, "handle", self._watched(Preprocess.handle))
            self.client = make_client(
                self.package,
                devices=f"{store}/devices",
                history=f"{store}/device_metrics",
                redis_url=self.redis_url,
                journal_key=self.key,
                journal_max_events=self.most,
                archive_directory=str(self.archive),
                **self.settings,
            )
        # All this happens within seconds, and the journal is to drop what is older than a deadline.
        self.client.step("journal")._journal.bounds._keep_millis = 0
        step = self.client.step("preprocess")
        watched = self._watched(Preprocess.handle)
        step.handle = lambda request: watched(step, request)
        return self.client

    def _watched(self, handle: Any) -> Any:
        def watched(step: Preprocess, request: Request) -> None:
            handle(step, request)
            if not request.replayed:
                self.requests.append(request)
                self.by_windows.update(record.status for record in request.telemetry)
            found = self.replayed if request.replayed else self.served
            for record in request.telemetry:
                if record.features is not None:
                    found[(record.event.device, record.event.time)] = dict(record.features)

        return watched

    @property
    def journal(self) -> LiveJournal:
        return LiveJournal("serving", self.redis_url, self.key, self.archive)

    def send(self, path: str, body: Any) -> Any:
        assert self.client is not None
        return self.client.post(path, body)

    def accepted(self) -> pd.DataFrame:
        """Readings in the order in which they were taken in, each with its arrival, those quarantined too."""
        rows, arrived = [], 0
        for request in self.requests:
            for record in request.telemetry:
                arrived = max(round(request.arrival * 1e6), arrived + 1)
                moment = pd.Timestamp(round(record.event.time * 1e6), unit="us", tz="UTC")
                received = pd.Timestamp(arrived, unit="us", tz="UTC")
                rows.append(
                    {
                        DEVICE: record.event.device,
                        "timestamp": moment,
                        "received": received,
                        "status": record.status,
                        **record.event.metrics,
                    }
                )
        frame = pd.DataFrame(rows)
        for name in self.schema.whole_columns:
            frame[name] = whole_array(*wholes_of_list(name, frame[name].tolist(), 2**64 - 1))
        if self.schema.uptime is not None:
            name = self.schema.uptime.micros_column
            frame[name] = frame[name].astype("float64") / self.schema.uptime.unit_micros
        return frame.rename(
            columns=dict(zip(self.schema.reading_columns, self.schema.sent_fields, strict=True))
        )


def open_endpoint(
    tmp_path: Path,
    project: str,
    redis_url: str,
    schema: TelemetrySchema,
    inputs: tuple[str, ...] = INPUTS,
    **settings: Any,
) -> Endpoint:
    (tmp_path / "model").mkdir(exist_ok=True)
    package = write_package(tmp_path / "model", schema, inputs=inputs)
    return Endpoint(project, redis_url, package, tmp_path / "accepted", schema, settings=settings)


@dataclass
class Past:
    """What was ingested from files before anything arrived live."""

    rows: pd.DataFrame
    labels: pd.DataFrame

    @classmethod
    def random(cls, generator: np.random.Generator) -> Past:
        rows = readings(generator, 120)
        until = START - pd.Timedelta(seconds=TICK)
        times = pd.date_range(end=until, periods=40, freq=f"{TICK}s")
        recent = pd.DataFrame(
            {
                DEVICE: np.tile(list(MODELS), len(times)),
                "timestamp": times.repeat(len(MODELS)),
                "cpu": generator.normal(50, 10, len(times) * len(MODELS)),
                "latency": generator.gamma(2.0, 5.0, len(times) * len(MODELS)),
            }
        )
        delay = generator.choice([1, 2, 23], len(recent))
        recent["received"] = recent["timestamp"] + pd.to_timedelta(delay, unit="s")
        rows = pd.concat([rows, recent], ignore_index=True)
        return cls(rows, labels(generator, rows))

    def folder(self, path: Path, schema: TelemetrySchema) -> Folder:
        folder = Folder(path, schema)
        folder.static(MODELS)
        rows = self.rows if schema.arrival else self.rows.drop(columns="received")
        rows = counted(rows) if schema.counter_metrics else rows
        folder.add("metrics", "past", rows)
        folder.add("labels", "past", self.labels)
        return folder


def conversation(generator: np.random.Generator, ticks: int = 60) -> list[tuple[str, list[dict[str, Any]]]]:
    """Readings in order, late, too late, repeated, from the future, missing; labels early and late."""
    requests: list[tuple[str, list[dict[str, Any]]]] = []
    sent: list[dict[str, Any]] = []
    for tick in range(ticks):
        events = []
        for device in MODELS:
            at = START + pd.Timedelta(seconds=TICK * tick)
            if generator.random() < 0.15:  # It comes late, or too late.
                at -= pd.Timedelta(seconds=float(generator.choice([7.25, 21.5, 58.0, 61.5, 200.0])))
            cpu, latency = float(generator.normal(50, 10)), float(generator.gamma(2.0, 5.0))
            events.append(
                {
                    "device": device,
                    "timestamp": at.isoformat(),
                    "cpu": None if generator.random() < 0.1 else cpu,
                    "latency": latency,
                }
            )
        if generator.random() < 0.2:
            events.append({**events[0], "cpu": 1.0})
        if sent and generator.random() < 0.3:
            events.append(sent[int(generator.integers(len(sent)))])
        if generator.random() < 0.1:
            future = pd.Timestamp.now(tz="UTC") + pd.Timedelta(hours=1)
            events.append({**events[0], "timestamp": future.isoformat()})
        order = generator.permutation(len(events))
        events = [events[at] for at in order]
        sent += events
        requests.append(("/telemetry", events))
        known = [
            {
                "device": device,
                "timestamp": (
                    START + pd.Timedelta(seconds=TICK * (tick + int(generator.integers(-9, 3))))
                ).isoformat(),
                "is_error": int(generator.random() < 0.2),
                **({"repair": bool(generator.random() < 0.3)} if generator.random() < 0.5 else {}),
            }
            for device in MODELS
        ]
        requests.append(("/labels", known))
    return requests


def sent_by(schema: TelemetrySchema, requests: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """The requests as devices of a schema send them: with counters in JSON, if it has any."""
    if not schema.counter_metrics:
        return requests
    return [(path, _counters(body) if path == "/telemetry" else body) for path, body in requests]


def _counters(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    frame = pd.DataFrame(events)
    frame["timestamp"] = pd.to_datetime(frame["timestamp"], utc=True, format="ISO8601")
    frame = counted(frame)
    return [
        {**event, "cpu": None if cpu is pd.NA else int(cpu), "up": None if up != up else up}
        for event, cpu, up in zip(events, frame["cpu"], frame["up"], strict=True)
    ]


def label_rows(requests: list[tuple[str, list[dict[str, Any]]]]) -> pd.DataFrame:
    """Labels of a conversation, in order."""
    found = [label for path, body in requests if path == "/labels" for label in body]
    frame = pd.DataFrame(found)
    frame["timestamp"] = pd.to_datetime(frame["timestamp"], utc=True, format="ISO8601")
    return frame.assign(repair=frame["repair"].astype(object).where(frame["repair"].notna(), None))


def offline_rows(table: pa.Table, served: Iterable[tuple[str, float]]) -> pd.DataFrame:
    """Offline rows of the events that were served, by device and time."""
    frame = table.to_pandas()
    frame["timestamp"] = frame["timestamp"].dt.tz_localize("UTC")
    keys = [(device, pd.Timestamp(round(time * 1e6), unit="us", tz="UTC")) for device, time in served]
    return frame.set_index([DEVICE, "timestamp"]).loc[keys]


def at_once(
    folder: Folder, schema: TelemetrySchema, endpoint: Endpoint, requests: list[tuple[str, Any]]
) -> list[State]:
    """States after one ingestion of everything from files.

    :param folder: of what was ingested before, of this schema.
    """
    accepted = endpoint.accepted()
    if schema.arrival is None:  # Nobody knows then that these were from the future, or too late.
        accepted = accepted[~accepted["status"].isin(["quarantined", "too_late"])].drop(columns="received")
    for name in schema.sent_fields:
        if name not in accepted:
            accepted[name] = np.nan
    forget_all()
    # After "past" in the order of names, so that of equal ones those of the past stay.
    folder.add("metrics", "then", accepted.drop(columns="status"))
    folder.add("labels", "then", label_rows(requests))
    folder.ingest()
    return states(endpoint.redis_url)
