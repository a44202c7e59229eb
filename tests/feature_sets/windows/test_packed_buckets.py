"""Devices with few readings take little memory, and nobody can tell from their features."""

from __future__ import annotations

import random

import numpy as np
import pytest

from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.online import OnlineWindows
from feature_sets.windows.snapshot import pack, unpack
from feature_sets.windows.window_state import WindowState

OPERATIONS = ("avg", "min", "max", "stddev", "first", "last", "count", "median")
SPARSE = WindowDefinition("device", "at", ("load", "heat"), OPERATIONS, ("1m", "5m"), "10s", "30s")
START = 1_700_000_000.0


def events(generator: random.Random, second: float, every: float) -> list[dict[str, object]]:
    """Readings of devices of which each has its own interval, some late, some without a value."""
    found = []
    for number in range(12):
        if generator.random() < every / (1 + 5 * number):
            at = START + second - generator.choice([0, 0, 0, 7, 25])
            values = [generator.choice([generator.gauss(50, 20), None]) for _ in range(2)]
            found.append({"device": f"d{number}", "at": at, "load": values[0], "heat": values[1]})
    return found


def stream(threads: int, is_packed: bool, monkeypatch: pytest.MonkeyPatch) -> tuple[list, bytes, int]:
    """Answers, the snapshot, and how many devices are packed at the end."""
    now, generator, answers = [START], random.Random(7), []
    with monkeypatch.context() as patch:
        if not is_packed:
            patch.setattr(WindowState, "_pack", lambda self, rows: None)
        online = OnlineWindows(SPARSE, lambda: now[0], threads=threads)
        for step in range(300):
            now[0] = START + 3.0 * step
            some = events(generator, 3.0 * step, 1.0 if step < 150 or step > 220 else 0.1)
            answers += online.update(some) if step % 3 else [online.update(one) for one in some]
            if step == 200:
                online.evict(400.0)
    states = online._state._states
    return (
        answers,
        online.snapshot(),
        sum(int((state._devices[: state._rows, 7] < 0).sum()) for state in states),
    )


@pytest.mark.parametrize("threads", [1, 2])
def test_answers_and_snapshots_are_those_of_blocks_to_the_last_bit(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed, blocks = (stream(threads, is_packed, monkeypatch) for is_packed in (True, False))
    assert len(packed[0]) > 300
    assert repr(packed[0]) == repr(blocks[0])
    assert packed[1] == blocks[1]
    assert packed[2] > 3 and blocks[2] <= 1  # A row that was given up.
    restored = OnlineWindows(SPARSE, lambda: START + 900.0, threads=3 - threads)
    restored.restore(packed[1])
    assert restored.snapshot() == packed[1]


def test_a_snapshot_of_the_version_before_with_all_buckets_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = stream(2, True, monkeypatch)[1]
    header, arrays = unpack(snapshot)
    devices, places = arrays["devices"], arrays["places"]
    every = np.zeros((len(devices), 2, 30, arrays["buckets"].shape[2]))
    every[:, :, :, 1] = np.inf
    every[np.repeat(np.arange(len(devices)), devices[:, 4]), :, places] = arrays["buckets"]
    rest = {name: array for name, array in arrays.items() if name not in ("devices", "places", "buckets")}
    before = pack({**header, "version": 2}, {"devices": devices[:, :4], "buckets": every, **rest})
    restored = OnlineWindows(SPARSE, lambda: START + 900.0)
    restored.restore(before)
    assert restored.snapshot() == snapshot


def test_a_reading_a_minute_takes_a_fraction_of_the_blocks() -> None:
    now = [START]
    online = OnlineWindows(
        WindowDefinition("device", "at", ("a", "b", "c", "d"), ("avg", "stddev", "max"), ("1m", "5m"), "10s"),
        lambda: now[0],
    )
    devices, sizes = 20_000, []
    for minute in range(12):
        for begin in range(0, devices, 1000):
            now[0] = START + 60.0 * minute + begin / devices * 60
            some = [
                {"device": f"d{number}", "at": now[0], "a": 1.0, "b": 2.0, "c": 3.0, "d": float(number)}
                for number in range(begin, begin + 1000)
            ]
            assert online.update(some)[7]["d_max_5m"] == begin + 7.0
        sizes.append(online.memory_bytes)
    assert sizes[-1] == sizes[7]
    assert sizes[-1] / devices < 1700 < 4 * 30 * 5 * 8
