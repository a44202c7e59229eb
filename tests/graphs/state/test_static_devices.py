"""Known devices: in memory; a new one is looked up once, and made-up ones cannot flood the store."""

from __future__ import annotations

import pytest

from graphs.state.device_store import DevicePast
from graphs.state.static_devices import StaticDevices, static_devices


class Source:
    def __init__(self) -> None:
        self.content = {"a": {"model_x": 1.0}}
        self.asked: list[str] = []
        self.changes: dict[str, DevicePast] = {}
        self.refreshed = 0

    def all(self) -> dict[str, dict[str, float]]:
        return dict(self.content)

    def one(self, device: str) -> dict[str, float] | None:
        self.asked.append(device)
        return self.content.get(device)

    def past(self) -> dict[str, DevicePast]:
        return self.changes

    def refresh(self) -> None:
        self.refreshed += 1


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_known_device_costs_no_question() -> None:
    source = Source()
    devices = StaticDevices(source, Clock())
    assert "a" in devices and devices.features("a", 0.0) == {"model_x": 1.0}
    assert source.asked == []


def test_a_new_device_is_looked_up_once_and_kept() -> None:
    source = Source()
    devices = StaticDevices(source, Clock())
    source.content["b"] = {"model_x": 0.0}
    assert all("b" in devices for _ in range(100))
    assert source.asked == ["b"]
    assert len(devices) == 2 and devices.names == {"model_x"}


def test_an_unknown_device_is_asked_for_again_in_the_next_interval() -> None:
    source, clock = Source(), Clock()
    devices = StaticDevices(source, clock, interval_seconds=10)
    assert all("b" not in devices for _ in range(100))
    source.content["b"] = {}
    clock.now += 9.9
    assert "b" not in devices
    clock.now += 0.1
    assert "b" in devices
    assert source.asked == ["b", "b"]


def test_made_up_devices_cannot_flood_the_store() -> None:
    source = Source()
    devices = StaticDevices(source, Clock(), lookups=20)
    assert not any(f"made up {number}" in devices for number in range(1000))
    assert len(source.asked) == 20
    assert "a" in devices


@pytest.mark.parametrize("device", ["a", "b"])
def test_the_argument_of_a_step_may_be_the_features_themselves_or_nothing(device: str) -> None:
    assert static_devices(None, Clock()) is None
    devices = static_devices({"a": {"x": 1.0}}, Clock())
    assert devices is not None and (device in devices) == (device == "a")
