"""Graphs with snapshots, and a conversation with everything that a replay rebuilds."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from drift.detectors.ddm import DDM
from drift.detectors.page_hinkley import PageHinkley
from drift.monitor import DriftMonitor
from feature_sets.groups import Groups
from feature_sets.telemetry.links import BEGINNING, OPEN
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from graphs.state.live_groups import LiveGroups
from graphs.state.serving_state import ServingState
from tests.graphs.conftest import START, Client, label, make_client, write_package

DETECTORS = DriftMonitor([DDM(), PageHinkley()], cool_down=5).to_dict()
RELATIVE = {"operations": ["avg"], "windows": ["1m"], "same_hour": ["5m"], "of_max": ["5m"], "after": 2}
DERIVED = {
    "relative": RELATIVE,
    "neighbors": {"operations": ["avg"], "windows": ["1m"], "statistics": ["max"], "max_age": "1m"},
    "peers": {"by": "model", "max_age": "30s"},
}
INPUTS = (
    *("cpu", "cpu_avg_1m", "octets", "octets_avg_5m", "cpu_avg_1m_relative", "model_x"),
    "cpu_avg_1m_neighbors_max",
)
LINKS = {("a/0", "a/1"): ((BEGINNING, OPEN),), ("a/1", "a/2"): ((BEGINNING, OPEN),)}
MODELS = pd.DataFrame({DEVICE: ["a/0", "a/1", "a/2", "a/3"], "model": ["x", "x", "x", "y"]})
FORMS: dict[str, dict[str, Any]] = {
    "rows": {"form": "rows"},
    "beside": {"form": "rows", "tolerance": "7s"},
    "incidents": {"form": "incidents", "healthy_after": "2m", "tolerance": "3s"},
}
DEVICES = {f"a/{number}": {"model_x": number % 2, "model_y": 1 - number % 2} for number in range(4)}
_keys = itertools.count()

Request = tuple[str, str, Any]


def schema_of(base: TelemetrySchema, form: str) -> TelemetrySchema:
    """Everything that keeps state: a counter, levels, a calendar, states of devices, labels, and others."""
    return TelemetrySchema.from_dict(
        {
            **base.to_dict(),
            "metrics": {
                "cpu": {"unit": "%", "range": [0, 100]},
                "octets": {"kind": "counter", "max_rate": 1e6},
            },
            "derived": DERIVED,
            "topology": {},
            "maintenance": {},
            "expected_interval": "10s",
            "labels": FORMS[form],
            "arrival": "received" if form == "beside" else None,
        }
    )


def conversation(form: str, seed: int, steps: int = 60) -> list[Request]:
    """Requests in order, late, repeated, from the future; labels early, late and conflicting."""
    generator = random.Random(seed)
    found: list[Request] = [("PUT", "/drift/detectors", DETECTORS)]
    octets = dict.fromkeys(DEVICES, 0)

    def reading(device: str, seconds: float) -> dict[str, Any]:
        octets[device] = generator.choice([0, octets[device] + generator.randrange(10**6)])
        cpu = generator.choice([generator.uniform(0, 100), None, 250.0])
        return {"device": device, "timestamp": START + seconds, "cpu": cpu, "octets": octets[device]}

    for step in range(steps):
        seconds = 10.0 * step
        events = [reading(device, seconds) for device in DEVICES if generator.random() < 0.8]
        if generator.random() < 0.3:
            events.append(reading("a/1", seconds - 45))
        if events and generator.random() < 0.3:
            events.append(events[0])
        if generator.random() < 0.1:
            events.append(reading("a/2", 10**9))
        found += [("POST", "/telemetry", one) for one in events] if step % 3 else []
        found += [] if step % 3 else [("POST", "/telemetry", events)]
        shift = generator.choice([-20, 0, 10, 3])
        labels = [label(device, seconds + shift, generator.randrange(2)) for device in DEVICES]
        found.append(("POST", "/labels", labels if generator.random() < 0.7 else labels[0]))
        if form == "incidents" and generator.random() < 0.3:
            number = generator.randrange(8)
            body = {"id": str(number), "device": f"a/{number % 4}", "start": START + seconds - 30}
            more = generator.choice([{}, {"end": START + seconds}, {"cancelled": True}])
            found.append(("POST", "/incidents", {**body, **more}))
            early = {"id": str(generator.randrange(12)), "end": START + seconds - 5}
            found.append(("POST", "/incidents", early))
        if generator.random() < 0.15:
            number = generator.randrange(3)
            change = {"id": f"chg-{number}", "device": f"a/{number}", "start": START + seconds}
            change["end"] = START + seconds + 35
            found.append(("POST", "/maintenance", change))
    return found


class Network:
    """One journal with its folders; processes begin and end on it."""

    def __init__(self, package: Path, redis_url: str, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.snapshots = folder / "snapshots"
        self._package = package
        self._settings = {
            "devices": DEVICES,
            "redis_url": redis_url,
            "journal_key": f"tests:snapshots:{next(_keys)}",
            "label_deadline_seconds": 200,
            "labeled_directory": str(folder / "labeled"),
            "batch_seconds": 3600,
            "snapshot_seconds": 3600,
            "snapshot_directory": str(self.snapshots),
            **settings,
        }

    def start(self, **settings: Any) -> Client:
        return make_client(self._package, **{**self._settings, **settings})


def taken(client: Client) -> None:
    """Take a snapshot now, and wait until it is written."""
    taker = client.step("respond")._taker
    taker._take(client.step("journal")._journal.place, False)
    taker.wait()


class Linked:
    """Links and peers as a store has them."""

    def __init__(self, schema: TelemetrySchema) -> None:
        self._schema = schema

    def read(self) -> Groups:
        return Groups(self._schema, LINKS, MODELS)


def linked_groups(state: ServingState) -> LiveGroups:
    tells_arrival = state.arrivals is not None
    return LiveGroups(state.schema, source=Linked(state.schema), tells_arrival=tells_arrival)  # type: ignore[arg-type]


@pytest.fixture
def network(
    schema: TelemetrySchema, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Network]:
    monkeypatch.setattr(LiveGroups, "of", linked_groups)

    def made(form: str = "rows", **settings: Any) -> Network:
        (tmp_path / "model").mkdir(exist_ok=True)
        package = write_package(tmp_path / "model", schema_of(schema, form), inputs=INPUTS)
        return Network(package, settings.pop("redis_url", redis_url), tmp_path, **settings)

    return made
