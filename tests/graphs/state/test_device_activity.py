"""States of many devices: pages and counts are what one by one would give, and nothing is sorted again."""

from __future__ import annotations

import random
from collections import Counter
from types import SimpleNamespace

import pytest

from feature_sets.telemetry.schema import TelemetrySchema
from graphs.protocol.device_status import DeviceStatus
from graphs.state import device_activity, sorted_keys
from graphs.state.device_activity import DeviceActivity
from graphs.state.sorted_keys import SortedKeys

NOW = 1_700_000_000.0


class Registered:
    """Devices of which some are retired from a time on."""

    def __init__(self, generator: random.Random) -> None:
        self.known = {f"a/{number}": {} for number in generator.sample(range(500), 200)}
        self.retired = {
            name: NOW + generator.uniform(-10, 10) for name in generator.sample(list(self.known), 30)
        }

    @property
    def ever_retired(self):
        return self.retired

    def status(self, device: str, time: float) -> DeviceStatus:
        is_over = time >= self.retired.get(device, float("inf"))
        return DeviceStatus.RETIRED if is_over else DeviceStatus.KNOWN


@pytest.fixture(scope="session")
def paced(schema: TelemetrySchema) -> TelemetrySchema:
    return TelemetrySchema.from_dict({**schema.to_dict(), "expected_interval": "30s"})


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("calendar", [None, "idle", "open"])
def test_counts_are_those_of_each_device(paced: TelemetrySchema, seed: int, calendar: str | None) -> None:
    generator = random.Random(seed)
    devices = Registered(generator) if seed % 4 else None
    open_of = {f"a/{number}" for number in generator.sample(range(500), 20)}
    made = None
    if calendar is not None:
        made = SimpleNamespace(
            is_idle=lambda moment: calendar == "idle",
            at=lambda device, moment: "m" if calendar == "open" and device in open_of else None,
        )
    activity = DeviceActivity(paced, devices, made)  # type: ignore[arg-type]
    for number in generator.sample(range(600), 300):
        age = generator.choice((1.0, 90.0, 90.5, 86_400.0, 86_401.0, 200_000.0))
        activity.heard[f"a/{number}"] = NOW - age
    for moment in (NOW, NOW + 50_000):
        one_by_one = Counter(state for _, state in activity.all(moment))
        assert +activity.counts(moment) == one_by_one
        activity.forget(moment)
        assert +activity.counts(moment) == one_by_one


@pytest.mark.parametrize("seed", range(10))
def test_keys_are_in_order_while_both_dictionaries_change(seed: int) -> None:
    generator, keys, losses = random.Random(seed), SortedKeys(), 0
    first: dict[str, int] = {}
    second: dict[str, int] = {}
    for _ in range(200):
        what = generator.random()
        if what < 0.1 and second:
            del second[generator.choice(list(second))]
            losses += 1
        elif what < 0.15:
            first = dict.fromkeys(map(str, generator.sample(range(300), 50)), 0)
        else:
            chosen = generator.choice((first, second))
            chosen.update(dict.fromkeys(map(str, generator.sample(range(300), 3)), 0))
        if generator.random() < 0.5:
            assert keys.of(first, second, losses) == sorted({*first, *second})


def test_only_new_keys_are_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    keys, first, second = SortedKeys(), dict.fromkeys("fbd", 0), dict.fromkeys("ca", 0)
    assert keys.of(first, second) == list("abcdf")
    sizes: list[int] = []

    def noted(found):
        found = list(found)
        sizes.append(len(found))
        return sorted(found)

    monkeypatch.setattr(sorted_keys, "sorted", noted, raising=False)
    second["e"] = first["a"] = 0
    assert keys.of(first, second) == list("abcdef")
    assert keys.of(first, second) == list("abcdef")
    assert sizes == [1, 0]


def test_counts_of_many_devices_are_made_every_ten_seconds(
    paced: TelemetrySchema, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_activity, "_MANY", 2)
    activity = DeviceActivity(paced, None, None)
    activity.heard |= dict.fromkeys(("a", "b", "c"), NOW)
    assert activity.counts(NOW)["reporting"] == 3
    activity.heard["d"] = NOW
    assert activity.counts(NOW + 9)["reporting"] == 3
    assert activity.counts(NOW + 10)["reporting"] == 4
    assert activity.counts(NOW - 1)["reporting"] == 4  # The clock was set back.
