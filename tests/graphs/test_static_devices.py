"""Known devices: in memory, asked for again when an unknown one shows up, but not all the time."""

from __future__ import annotations

import pandas as pd

from graphs.static_devices import StaticDevices, features_by_device, static_devices


class Source:
    def __init__(self) -> None:
        self.content = {"a": {"model_x": 1.0}}
        self.asked = 0

    def __call__(self) -> dict[str, dict[str, float]]:
        self.asked += 1
        return self.content


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_known_device_costs_no_question() -> None:
    source = Source()
    devices = StaticDevices(source, Clock())
    assert "a" in devices and devices.features("a") == {"model_x": 1.0}
    assert source.asked == 1


def test_a_new_device_is_found_after_a_while_and_unknown_ones_cannot_flood_the_source() -> None:
    source, clock = Source(), Clock()
    devices = StaticDevices(source, clock, reload_seconds=10)
    source.content = {"a": {"model_x": 1.0}, "b": {"model_x": 0.0}}
    clock.now += 9.9
    assert all("b" not in devices for _ in range(100))
    assert source.asked == 1
    clock.now += 0.1
    assert "b" in devices
    assert all("c" not in devices for _ in range(100))
    assert source.asked == 2
    assert len(devices) == 2 and devices.names == {"model_x"}


def test_the_argument_of_a_step_may_be_the_features_themselves_or_nothing() -> None:
    assert static_devices(None, Clock()) is None
    devices = static_devices({"a": {"x": 1.0}}, Clock())
    assert devices is not None and "a" in devices and "b" not in devices


def test_rows_of_a_frame_become_features_by_device() -> None:
    frame = pd.DataFrame({"x": [1.0, 0.0, 0.5]}, index=["a", "b", "a"])
    assert features_by_device(frame) == {"a": {"x": 0.5}, "b": {"x": 0.0}}
