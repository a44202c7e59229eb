"""Events of a backlog that were accepted a short time ago."""

from __future__ import annotations

import random

import numpy as np
import pytest

from graphs.state import accepted_before
from graphs.state.accepted_before import AcceptedBefore
from graphs.state.snapshots.saved_state import SavedState

NOW = 1_700_000_000.0
DEADLINE, TOLERANCE = 3600.0, 60.0


def known(most: int = 10**6) -> AcceptedBefore:
    return AcceptedBefore(DEADLINE, TOLERANCE, most)


def restored(found: AcceptedBefore, most: int = 10**6) -> AcceptedBefore:
    again = known(most)
    again.restore(SavedState.of_parts({"it": found.saved()}).part("it"))
    return again


def test_an_old_event_is_known_for_half_the_deadline_after_it_arrived() -> None:
    found = known()
    found.note("a", NOW - 7200, NOW, is_kept=True)
    assert found.has("a", NOW - 7200, NOW) and found.has("a", NOW - 7200, NOW + 1800)
    assert not found.has("a", NOW - 7200, NOW + 1800.001)
    assert not found.has("b", NOW - 7200, NOW) and not found.has("a", NOW - 7200.000001, NOW)


def test_what_the_ledger_knows_as_long_takes_no_room() -> None:
    # ......old.....|....the ledger knows it until NOW + K, whatever comes....|NOW
    found, edge = known(), DEADLINE / 2 - TOLERANCE
    found.note("a", NOW - edge, NOW, is_kept=True)
    found.note_all(["a", "b"], np.array([NOW - edge, NOW]), NOW)
    assert found.content() == [{}]
    found.note("a", NOW, NOW, is_kept=False)  # No prediction: no ledger knows it.
    found.note_all(["a", "b"], np.array([NOW - edge - 1, NOW]), NOW)
    assert len(found.content()[0]) == 2


def test_a_repetition_is_remembered_from_its_last_arrival() -> None:
    found = known()
    for later in (0.0, 1700.0):
        found.note("a", NOW - 7200, NOW + later, is_kept=True)
    assert found.has("a", NOW - 7200, NOW + 3400)


@pytest.mark.parametrize("run", [8, 100, 65_536])
def test_lists_and_lone_events_in_any_runs_are_as_a_plain_mapping_has_them(
    run: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accepted_before, "_RUN", run)
    chance, plain, found, now = random.Random(run), {}, known(), NOW
    for step in range(400):
        now += chance.randrange(0, 30)
        size = chance.choice((1, 1, 3, 70))
        devices = [f"d{chance.randrange(9)}" for _ in range(size)]
        times = [now - chance.randrange(0, 9000, 10) for _ in range(size)]
        if size == 1:
            found.note(devices[0], times[0], now, is_kept=True)
        else:
            found.note_all(devices, np.array(times), now)
        old = [one for one in zip(devices, times, strict=True) if now - one[1] > DEADLINE / 2 - TOLERANCE]
        plain.update(dict.fromkeys(old, now))
        if not step % 100:
            assert restored(found).content() == found.content()
            found = restored(found)
        for key in chance.sample(sorted(plain), min(20, len(plain))):
            assert found.has(*key, now) == (now - plain[key] <= DEADLINE / 2)


def test_of_too_many_those_that_arrived_first_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepted_before, "_RUN", 10)
    found = known(most=30)
    for number in range(50):
        found.note("a", NOW - 7200 + number, NOW + number, is_kept=True)
    assert [found.has("a", NOW - 7200 + number, NOW + 50) for number in (0, 19, 20, 49)] == [
        False,
        False,
        True,
        True,
    ]


@pytest.mark.parametrize("seed", range(20))
def test_a_restart_forgets_what_would_have_been_forgotten_and_nothing_else(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the clock goes back, and where there are too many."""
    monkeypatch.setattr(accepted_before, "_RUN", 100)
    monkeypatch.setattr(accepted_before, "_FEW", 4)
    chance, whole, now = random.Random(seed), known(most=500), NOW
    cut, asked, runs = known(most=500), [], 0
    for _ in range(300):
        now += chance.choice((5, 5, 5, 900, -700))
        size = chance.choice((1, 3, 9))
        devices = [f"d{chance.randrange(9)}" for _ in range(size)]
        times = [NOW - chance.randrange(4000, 9000, 10) for _ in range(size)]
        asked += zip(devices, times, strict=True)
        for each in (whole, cut):
            if size == 1:
                each.note(devices[0], times[0], now, is_kept=True)
            else:
                each.note_all(devices, np.array(times), now)
        if not chance.randrange(10):
            cut = restored(cut, most=500)
        if not chance.randrange(3):
            for key in chance.sample(asked, min(20, len(asked))):
                assert whole.has(*key, now) == cut.has(*key, now), key
        assert whole.content() == cut.content()
        runs = max(runs, len(whole.content()))
    assert runs > 2 and any(not whole.has(*key, now) for key in asked)


def test_few_runs_are_looked_through_however_many_lists_there_are() -> None:
    found = known()
    for number in range(300):
        found.note_all(["a"] * 64, np.arange(64) + NOW - 90_000 + 64 * number, NOW)
        assert not found.has("b", NOW, NOW)
    assert len(found._looked) < 10
    assert found.has("a", NOW - 90_000, NOW) and found.has("a", NOW - 90_000 + 64 * 300 - 1, NOW)


def test_an_earlier_snapshot_has_none_of_them() -> None:
    found = known()
    found.note("a", NOW - 7200, NOW, is_kept=True)
    found.restore(SavedState())
    assert not found.has("a", NOW - 7200, NOW)
