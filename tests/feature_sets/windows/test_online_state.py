"""The online engine's state: forgotten, saved, restored, and no larger than needed."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from feature_sets.checks import InputError
from feature_sets.windows.event_status import COUNTED, STATUSES
from feature_sets.windows.online import OnlineWindows
from feature_sets.windows.sharded_state import ShardedState
from feature_sets.windows.snapshot import pack, unpack
from tests.feature_sets.windows.engines import FakeClock, engine
from tests.feature_sets.windows.streams import DEFINITION, START, event


def test_idle_devices_are_forgotten_by_the_clock_and_start_anew() -> None:
    clock = FakeClock(START)
    online = OnlineWindows(DEFINITION, clock)
    online.update([event(0, device="a"), event(0, device="b")])
    clock.now = START + 50
    online.update(event(50, device="b"))
    clock.now = START + 60
    assert online.evict(60) == []
    clock.now = START + 60.000001
    assert online.evict(60) == ["a"]
    assert online.devices == ("b",)
    assert online.update(event(55, 4.0, device="a"))["load_count_1m"] == 1.0


def test_newest_times_are_told_without_the_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    online = OnlineWindows(DEFINITION, FakeClock(START), threads=2)
    assert online.newest == {}
    online.update([event(4, device="a"), event(0, device="b"), event(2, device="a"), event(3, device="c")])
    keys, arrays = online._state.content()
    wanted = dict(zip(keys, arrays["devices"][:, 1].tolist(), strict=True))
    monkeypatch.setattr(ShardedState, "content", lambda state: pytest.fail("the windows are not asked for"))
    assert online.newest == wanted and len(wanted) == 3


@pytest.mark.parametrize("idle", [59.9, 0, -1, math.nan])
def test_forgetting_within_the_longest_window_is_refused(idle: float) -> None:
    with pytest.raises(ValueError, match="idle_seconds: must be at least the longest window, 60 s"):
        engine().evict(idle)


def test_memory_does_not_grow_with_time() -> None:
    online = engine(ahead=1e7)
    sizes = set()
    for step in range(600):
        online.update(event(5.0 * step))
        if step >= 20:
            sizes.add((online.memory_bytes, len(online.snapshot())))
    assert len({memory for memory, _ in sizes}) == 1
    assert max(size for _, size in sizes) - min(size for _, size in sizes) <= 200


def test_only_what_is_too_short_is_lengthened() -> None:
    online = OnlineWindows(DEFINITION, FakeClock(START + 1e6), threads=1)
    online.update([event(number) for number in range(60)])
    (state,) = online._state._states
    # Rings of 8, 16, 32 and 64, of which the last is in use, and room for the median of one.
    assert len(state._times) == len(state._readings) == 8 + 16 + 32 + 64
    assert len(state._scratch) == 64
    online.restore(online.snapshot())
    (state,) = online._state._states
    assert (len(state._times), len(state._scratch)) == (64, 0)
    assert online.update(event(59.5, 3.0))["load_median_1m"] == 1.0
    assert (len(state._times), len(state._scratch)) == (64, 64)


def test_state_of_devices_that_were_forgotten_is_used_again() -> None:
    clock = FakeClock(START)
    online = OnlineWindows(DEFINITION, clock, threads=1)
    online.update([event(0, device=f"d{number:02}") for number in range(40)])
    memory = online.memory_bytes
    clock.now = START + 1000
    online.update([event(900, float(number), device=f"d{number:02}") for number in range(7)])
    assert len(online.evict(60)) == 33
    rows = online.update([event(1000, 5.0, device=f"e{number:02}") for number in range(33)])
    assert {row["load_sum_1m"] for row in rows} == {5.0}
    assert online.memory_bytes == memory
    assert online.update(event(900.5, 2.0, device="d06"))["load_sum_1m"] == 8.0


def test_a_snapshot_of_another_version_or_definition_is_refused() -> None:
    snapshot = engine().snapshot()
    header, arrays = unpack(snapshot)
    with pytest.raises(InputError, match="'version': must be 3, got 4"):
        engine().restore(pack({**header, "version": 4}, arrays))
    with pytest.raises(InputError, match=r"'definition\.period': must be '20s', got '10s'"):
        engine(replace(DEFINITION, period="20s")).restore(snapshot)


def test_a_damaged_snapshot_is_refused_and_the_state_stays() -> None:
    online = engine()
    online.update([event(0), event(1)])
    snapshot = online.snapshot()
    middle = len(snapshot) // 2
    damaged = {
        "'checksum': must fit": snapshot[:middle] + bytes([snapshot[middle] ^ 1]) + snapshot[middle + 1 :],
        "'checksum': must fit the": snapshot[:-9],
        "'snapshot': must begin with": b"PK" + snapshot[2:],
        "'snapshot': must begin": snapshot[:12],
        "'snapshot': must be bytes": {"version": 1},
    }
    for words, content in damaged.items():
        with pytest.raises(InputError, match=words):
            online.restore(content)  # type: ignore[arg-type]
    assert online.update(event(2))["load_count_1m"] == 3


def test_restoring_replaces_what_was_there() -> None:
    empty = engine().snapshot()
    online = engine()
    online.update(event(0))
    online.restore(empty)
    assert online.devices == ()
    assert online.counts["accepted"] == 0


def test_statuses_with_features_are_the_counted_ones() -> None:
    assert set(COUNTED) < set(STATUSES)
