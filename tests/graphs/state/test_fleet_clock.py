"""No device alone moves time on for the others, and none that is silent holds it back."""

from __future__ import annotations

import random

import numpy as np
import pytest

from graphs.protocol.label_status import LabelStatus
from graphs.protocol.records import Position, Prediction
from graphs.state.due_times import DueTimes, Past
from graphs.state.fleet_clock import NEVER, FleetClock
from graphs.state.ledger import PredictionLedger

AT = Position(1, 0, 0)
MADE = Prediction("model", "v1", np.array([0.5]), 1, 0.75, 0)
HOUR = 3600.0


def test_the_clock_is_the_one_that_looks_at_all_devices() -> None:
    for seed in range(20):
        chance = random.Random(seed)
        clock, heard, other = FleetClock(), dict[str, float](), FleetClock()
        apart: list[dict[str, float]] = [{}, {}]
        for _ in range(60):
            device, time = chance.choice("abcde"), float(chance.randrange(40))
            half = chance.randrange(2)
            (clock, other)[half].advance(device, time)
            apart[half][device] = max(time, apart[half].get(device, time))
            heard[device] = max(time, heard.get(device, time))
            for one, known in ((clock, apart[0]), (other, apart[1])):
                for each in "abcdef":
                    assert one.of(each) == _reached(known, each)
        clock.follow(other)
        assert [clock.of(each) for each in "abcdef"] == [_reached(heard, each) for each in "abcdef"]
        restored = FleetClock.restored({"clock": clock.saved()})
        assert restored.saved() == clock.saved() == clock.copy().saved()


def _reached(heard: dict[str, float], device: str) -> float:
    newest = sorted(heard.values())
    common = newest[-2:][0] if newest else NEVER
    return max(heard.get(device, common), common)


def test_a_clock_of_an_earlier_version_goes_on_from_the_newest_event_of_any_device() -> None:
    clock = FleetClock.restored({"newest": 50.0})
    assert clock.of("a") == 50.0 and not clock.advance("a", 40.0)
    assert clock.advance("b", 60.0) and (clock.of("b"), clock.of("a")) == (60.0, 50.0)
    assert FleetClock.restored({"newest": None}).common == NEVER


def test_a_device_whose_clock_is_ahead_expires_no_label_of_another() -> None:
    ledger = PredictionLedger(HOUR, 60.0)
    for second in range(0, 600, 10):
        ledger.add_prediction("ahead", 3 * HOUR + second, MADE, 0.0, AT)
        for device in ("a", "b"):
            ledger.add_prediction(device, float(second), MADE, 0.0, AT)
    assert not ledger.expired
    for device in ("a", "b"):
        assert ledger.add_label(device, 0.0, 0, HOUR, AT)[0] is LabelStatus.JOINED
    # Its own labels have their deadline by its own time.
    ledger.add_prediction("ahead", 4.1 * HOUR, MADE, 0.0, AT)
    assert ledger.add_label("ahead", 3 * HOUR, 0, 4 * HOUR, AT)[0] is LabelStatus.EXPIRED
    assert ledger.add_label("ahead", 3 * HOUR + 590, 0, 4 * HOUR, AT)[0] is LabelStatus.JOINED
    assert ledger.expired == {"waiting_for_label": 36}


def test_a_device_that_goes_on_alone_forgets_its_own_and_two_forget_what_is_left_of_a_silent_one() -> None:
    ledger = PredictionLedger(100.0, 60.0)
    for second in range(50):
        ledger.add_prediction("silent", float(second), MADE, 0.0, AT)
    for second in range(50, 5000):
        ledger.add_prediction("a", float(second), MADE, 0.0, AT)
        assert len(ledger) <= 50 + 101
    ledger.add_prediction("b", 5000.0, MADE, 0.0, AT)
    assert len(ledger) == 102 and ledger.earliest == 4899.0


def test_what_the_only_device_forgot_of_another_one_is_new_when_that_begins() -> None:
    ledger = PredictionLedger(100.0, 1e9)
    ledger.add_label("b", 10.0, 1, 0.0, AT)
    ledger.add_label("b", 10.1, 1, 0.0, AT)
    ledger.add_prediction("a", 110.05, MADE, 0.0, AT)
    assert ledger.expired == {"waiting_for_prediction": 1} and len(ledger) == 2
    assert ledger.add_prediction("b", 10.0, MADE, 0.0, AT) is None  # Time goes back to that of two.
    assert ledger.states == {"waiting_for_label": 2, "waiting_for_prediction": 1, "joined": 0}
    assert ledger.add_label("b", 10.0, 0, 0.0, AT)[0] is LabelStatus.JOINED
    assert ledger.add_prediction("b", 10.1, MADE, 0.0, AT) is not None
    assert len(ledger) == 3


@pytest.mark.parametrize("seed", range(10))
def test_times_that_wait_are_given_out_as_if_all_were_looked_at(seed: int) -> None:
    chance = random.Random(seed)
    due, plain = DueTimes(), list[tuple[int, str]]()
    for _ in range(300):
        if chance.random() < 0.6:
            moment = chance.randrange(100), chance.choice("abc")
            due.put(*moment)
            plain.append(moment)
            continue
        until = chance.randrange(60)
        past = Past(until, chance.choice("abcd"), until + chance.choice([0, 30]))
        common = sorted({each for each in plain if each[0] < past.until})
        own = sorted({each for each in plain if each not in common and each[1] == past.leader})
        expected = [*common, *(each for each in own if each[0] < past.own_until)]
        found = []
        while (first := due.due(past)) is not None:
            found.append(first)
            due.take(first)
        assert found == expected
        plain = [each for each in plain if each not in expected]
        assert (sorted(due), len(due)) == (sorted(plain), len(plain))
        assert due.earliest() == min((each[0] for each in plain), default=None)
        due = DueTimes(due) if chance.random() < 0.1 else due


def test_memory_of_times_is_bounded_where_one_device_goes_on_alone() -> None:
    due = DueTimes([(0, "silent")])
    for micros in range(1, 10_000):
        due.put(micros, "a")
        while (first := due.due(Past(-1, "a", micros - 50))) is not None:
            due.take(first)
    assert len(due) == 52 and len(due._firsts) <= 1004
