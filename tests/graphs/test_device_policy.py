"""Events of devices that are unknown or retired follow a policy, and changes are taken over while running."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from feature_sets.checks import InputError
from feature_sets.telemetry.schema import TelemetrySchema
from graphs.state import static_devices
from graphs.state.device_store import DevicePast, Features
from graphs.state.settings import ServingSettings
from tests.graphs.conftest import DEVICES, START, Client, event, label, make_client, write_package


class Registry:
    """What the feature store has of the devices."""

    content: dict[str, Features]
    changes: dict[str, DevicePast]

    def __init__(self, uri: str) -> None:
        pass

    def all(self) -> dict[str, Features]:
        return dict(self.content)

    def one(self, device: str) -> Features | None:
        return self.content.get(device)

    def past(self) -> dict[str, DevicePast]:
        return dict(self.changes)

    def refresh(self) -> None:
        pass


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> type[Registry]:
    Registry.content, Registry.changes = dict(DEVICES), {}
    monkeypatch.setattr(static_devices, "DeviceStore", Registry)
    return Registry


def opened(package: Path, **settings: Any) -> Client:
    return make_client(package, devices="store://feature-sets/tests/devices", **settings)


def counted(client: Client, device: str, policy: str) -> float:
    name = "netops_unregistered_devices_total"
    line = f'{name}{{device="{device}",policy="{policy}"}} '
    found = [row for row in client.get("/metrics").json.splitlines() if row.startswith(line)]
    return float(found[0].removeprefix(line)) if found else 0.0


def test_by_default_an_unknown_device_is_refused_and_counted(package: Path, registry: type[Registry]) -> None:
    client = opened(package)
    refused = client.post("/telemetry", [event("a/1"), event("a/9")])
    assert refused.status == 422
    assert refused.json["error"]["rule"] == "must be a known device"
    assert refused.json["results"][0]["device_status"] == "known"
    assert client.post("/labels", label("a/9")).status == 422
    assert counted(client, "unknown", "reject") == 2


def test_an_unknown_device_may_be_accepted_with_what_is_known_of_all(
    package: Path, registry: type[Registry]
) -> None:
    client = opened(package, unknown_devices="accept")
    answer = client.post("/telemetry", event("a/9")).json
    assert (answer["status"], answer["device_status"]) == ("accepted", "unknown")
    assert answer["prediction"] in (0, 1)
    # The model replaces what is missing: as for a device without attributes.
    registry.content["a/3"] = {}
    assert client.post("/telemetry", event("a/3")).json["probability"] == answer["probability"]
    assert client.post("/labels", label("a/9")).json["status"] == "joined"
    assert counted(client, "unknown", "accept") == 2
    assert client.post("/telemetry", event("a/1")).json["device_status"] == "known"


def test_an_unknown_device_is_looked_up_once_an_event_at_most(
    package: Path, registry: type[Registry], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = opened(package, unknown_devices="accept")
    asked: list[str] = []
    monkeypatch.setattr(Registry, "one", lambda _self, device: asked.append(device))
    # An interval has passed whenever the devices look at the clock.
    instants = itertools.count(2 * START, static_devices.INTERVAL_SECONDS)
    monkeypatch.setattr(client.step("preprocess")._state.devices, "_clock", lambda: next(instants))
    assert client.post("/telemetry", event("a/9")).json["device_status"] == "unknown"
    assert asked == ["a/9"]


@pytest.mark.parametrize("policy", ["reject", "accept"])
def test_a_retired_device_follows_the_policy_from_then_on(
    package: Path, registry: type[Registry], policy: str
) -> None:
    registry.changes = {"a/2": DevicePast(retired=((START + 60, True),))}
    client = opened(package, unknown_devices=policy)
    assert client.post("/telemetry", event("a/2", 59)).json["device_status"] == "known"
    answer = client.post("/telemetry", event("a/2", 60))
    if policy == "reject":
        assert answer.json["error"]["rule"] == "must be a device that is not retired"
    else:
        assert answer.json["device_status"] == "retired" and answer.json["prediction"] in (0, 1)
    assert counted(client, "retired", policy) == 1


def test_changes_are_taken_over_at_once_while_running(package: Path, registry: type[Registry]) -> None:
    client = opened(package)
    assert client.post("/telemetry", event("a/9")).status == 422
    registry.content["a/9"] = {"model_x": 1.0, "model_y": 0.0}
    # Asked for a moment ago, it is not looked up again so soon.
    assert client.post("/telemetry", event("a/9", 1)).status == 422
    assert client.post("/devices/reload", None).json == {"devices": 3, "incidents": 0, "maintenance": 0}
    assert client.post("/telemetry", event("a/9", 2)).json["device_status"] == "known"

    registry.changes["a/1"] = DevicePast(
        ((0.0, DEVICES["a/1"]), (START + 50, {"model_x": 0.0, "model_y": 1.0})), ((START + 100, True),)
    )
    client.post("/devices/reload", None)
    features = client.step("preprocess")._state.devices.features
    assert features("a/1", START + 49) == DEVICES["a/1"]
    assert features("a/1", START + 50) == {"model_x": 0.0, "model_y": 1.0}
    assert client.post("/telemetry", event("a/1", 100)).status == 422


def test_the_policy_is_checked_before_it_is_used() -> None:
    with pytest.raises(InputError, match="'unknown_devices': must be among reject, accept"):
        ServingSettings("path", unknown_devices="ignore")


def test_an_incident_of_a_device_that_registers_later_is_taken_and_of_it_then(
    registry: type[Registry], schema: TelemetrySchema, tmp_path: Path
) -> None:
    labels = {"form": "incidents", "healthy_after": "1m"}
    of = TelemetrySchema.from_dict({**schema.to_dict(), "labels": labels})
    client = opened(write_package(tmp_path, of))
    for route, name in (("/incidents", "INC1"), ("/labels", "INC2")):
        answer = client.post(route, {"id": name, "device": "a/9", "start": START + 10}).json
        assert (answer["status"], answer["devices"], "note" in answer) == ("opened", 0, True)
    assert client.post("/incidents", {"id": "INC2", "cancelled": True}).json["status"] == "cancelled"
    assert client.post("/telemetry", event("a/9")).status == 422
    registry.content = {**registry.content, "a/9": registry.content["a/1"]}
    client.post("/devices/reload", None)
    client.post("/telemetry", [event("a/9", at) for at in (0, 10, 20)])
    answer = client.post("/incidents", {"id": "INC1", "end": START + 25}).json
    assert (answer["status"], answer["devices"]) == ("closed", 1)
    client.post("/telemetry", event("a/9", 200))
    assert client.get("/labeled").json["joined"] == 3
