"""The ledger: what belongs together meets once, late, repeated, conflicting or not at all."""

from __future__ import annotations

import random

import numpy as np

from graphs.protocol.label_status import LabelStatus
from graphs.protocol.records import LabeledPair, Position, Prediction
from graphs.state.ledger import PredictionLedger
from graphs.state.ledger_counts import Conflict

AT = Position(1, 0, 0)
NOW = 1e9


def make(deadline_seconds: float = 3600.0, tolerance_seconds: float = 60.0) -> PredictionLedger:
    return PredictionLedger(deadline_seconds, tolerance_seconds)


def made(prediction: int = 1, features: float = 0.5) -> Prediction:
    return Prediction("model", "v1", np.array([features]), prediction, 0.75, 0)


def test_a_label_after_its_prediction_joins() -> None:
    ledger = make()
    assert ledger.add_prediction("a", 10.0, made(), 11.0, AT) is None
    status, pair = ledger.add_label("a", 10.0, 0, 15.0, Position(2, 0, 3))
    assert status is LabelStatus.JOINED
    assert pair == LabeledPair("a", 10.0, pair.made, 11.0, 0, 15.0, Position(2, 0, 3))
    assert pair.made.prediction == 1
    assert ledger.joined == 1


def test_a_label_before_its_prediction_waits_and_joins() -> None:
    ledger = make()
    assert ledger.add_label("a", 10.0, 1, 15.0, AT) == (LabelStatus.WAITING, None)
    assert ledger.states["waiting_for_prediction"] == 1
    pair = ledger.add_prediction("a", 10.0, made(), 16.0, Position(2, 0, 0))
    assert pair is not None and (pair.label, pair.labeled_at, pair.predicted_at) == (1, 15.0, 16.0)
    assert ledger.states == {"waiting_for_label": 0, "waiting_for_prediction": 0, "joined": 1}


def test_repeats_change_nothing_and_conflicts_keep_the_first_label() -> None:
    ledger = make()
    ledger.add_prediction("a", 10.0, made(1), 11.0, AT)
    assert ledger.add_prediction("a", 10.0, made(0), 12.0, AT) is None
    ledger.add_label("a", 10.0, 1, 15.0, AT)
    assert ledger.add_label("a", 10.0, 1, 16.0, AT) == (LabelStatus.DUPLICATE, None)
    assert ledger.add_label("a", 10.0, 0, 17.0, AT) == (LabelStatus.CONFLICTING, None)
    assert ledger.prediction("a", 10.0).prediction == 1
    assert (ledger.joined, ledger.conflicting) == (1, 1)
    assert list(ledger.conflicts) == [Conflict("a", 10.0, 1, 0, 17.0)]
    for second in range(150):
        ledger.add_label("a", 10.0, 0, 20.0 + second, AT)
    assert (ledger.conflicting, len(ledger.conflicts), ledger.conflicts[-1].told_at) == (151, 100, 169.0)
    other = make()
    other.restore(ledger.saved(("x",)), ("x",))
    assert other.conflicts == ledger.conflicts


def test_a_waiting_label_can_conflict_too() -> None:
    ledger = make()
    ledger.add_label("a", 10.0, 1, 15.0, AT)
    assert ledger.add_label("a", 10.0, 0, 16.0, AT)[0] is LabelStatus.CONFLICTING
    pair = ledger.add_prediction("a", 10.0, made(), 17.0, AT)
    assert pair is not None and pair.label == 1


def test_exactly_at_the_deadline_joins_and_just_after_it_has_expired() -> None:
    ledger = make(deadline_seconds=100)
    ledger.add_prediction("a", 1000.0, made(), NOW, AT)
    ledger.add_prediction("a", 1000.001, made(), NOW, AT)
    ledger.add_prediction("b", 1100.0, made(), NOW, AT)
    assert ledger.add_label("a", 1000.0, 1, NOW, AT)[0] is LabelStatus.JOINED
    ledger.add_prediction("b", 1100.002, made(), NOW, AT)
    assert ledger.add_label("a", 1000.001, 1, NOW, AT)[0] is LabelStatus.EXPIRED
    assert ledger.expired == {"waiting_for_label": 1}


def test_a_label_without_prediction_expires_as_a_label() -> None:
    ledger = make(deadline_seconds=100)
    ledger.add_label("a", 1000.0, 1, NOW, AT)
    ledger.add_prediction("b", 1101.0, made(), NOW, AT)
    assert ledger.expired == {"waiting_for_prediction": 1}
    assert len(ledger) == 1


def test_a_prediction_older_than_the_deadline_expires_at_once() -> None:
    ledger = make(deadline_seconds=100)
    ledger.add_prediction("b", 1101.0, made(), NOW, AT)
    assert ledger.add_prediction("a", 1000.0, made(), NOW, AT) is None
    assert ledger.expired == {"waiting_for_label": 1}
    assert len(ledger) == 1


def test_a_label_about_the_future_is_quarantined_and_takes_no_place() -> None:
    ledger = make(tolerance_seconds=60)
    assert ledger.add_label("a", 1060.5, 1, 1000.0, AT)[0] is LabelStatus.QUARANTINED
    assert ledger.add_label("a", 1060.0, 1, 1000.0, AT)[0] is LabelStatus.WAITING
    assert len(ledger) == 1


def test_nothing_within_the_deadline_is_forgotten_however_many_there_are() -> None:
    ledger = make(deadline_seconds=100_000)
    for second in range(100_001):
        ledger.add_prediction("a", float(second), made(), NOW, AT)
    assert len(ledger) == 100_001 and not ledger.expired
    assert ledger.earliest == 0.0 and ledger.prediction("a", 0.0) is not None
    ledger.add_prediction("a", 100_001.0, made(), NOW, AT)
    assert ledger.expired == {"waiting_for_label": 1} and ledger.earliest == 1.0


def test_joined_records_that_are_forgotten_did_not_expire() -> None:
    ledger = make(deadline_seconds=10)
    ledger.add_prediction("a", 0.0, made(), NOW, AT)
    ledger.add_label("a", 0.0, 1, NOW, AT)
    ledger.add_prediction("a", 100.0, made(), NOW, AT)
    assert not ledger.expired
    assert len(ledger) == 1


def test_every_prediction_ends_in_exactly_one_state_whatever_the_order() -> None:
    generator = random.Random(5)
    ledger = make(deadline_seconds=12)
    keys = [(device, float(second)) for device in "abc" for second in range(100)]
    sent = [("prediction", key) for key in keys] + [
        ("label", key) for key in keys if generator.random() < 0.8
    ]
    generator.shuffle(sent)
    sent.sort(key=lambda item: item[1][1] + generator.uniform(0, 30))
    pairs = predictions = labels = refused = 0
    for what, (device, second) in sent:
        if what == "prediction":
            predictions += 1
            pairs += ledger.add_prediction(device, second, made(), NOW, AT) is not None
        else:
            labels += 1
            status, pair = ledger.add_label(device, second, 1, NOW, AT)
            pairs += pair is not None
            refused += status is LabelStatus.EXPIRED
    states = ledger.states
    assert pairs == ledger.joined > 100
    assert predictions == pairs + ledger.expired["waiting_for_label"] + states["waiting_for_label"]
    assert labels == (
        pairs + refused + ledger.expired["waiting_for_prediction"] + states["waiting_for_prediction"]
    )
    assert sum(states.values()) == len(ledger) <= 3 * (12 + 31)
