"""The ledger: what belongs together meets once, late, repeated, conflicting or not at all."""

from __future__ import annotations

import itertools
import random
from collections import Counter

import numpy as np
import pytest

from graphs.protocol.label_status import LabelStatus
from graphs.protocol.made_predictions import MadePredictions
from graphs.protocol.records import LabeledPair, Position, Prediction
from graphs.state.ledger import LabelOf, PredictionLedger
from graphs.state.ledger_chunk import LedgerChunk
from graphs.state.ledger_counts import Conflict
from graphs.state.settled import Settled

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


def test_a_ledger_of_nothing_but_labels_goes_on_from_what_was_saved() -> None:
    ledger = make()
    ledger.add_label("a", 10.0, 1, 15.0, AT)
    other = make()
    other.restore(ledger.saved(("x",)), ("x",))
    assert other.newest is None
    assert other.add_prediction("a", 10.0, made(), 16.0, AT) is not None


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


class Plain:
    """A ledger of dictionaries, looked through each time."""

    def __init__(self, deadline: float) -> None:
        self.deadline, self.newest = deadline, float("-inf")
        self.records: dict[tuple[str, float], list[int | None]] = {}
        self.expired: Counter[str] = Counter()

    def add_prediction(self, key: tuple[str, float], said: int) -> tuple[str, float, int, int] | None:
        self.newest = max(self.newest, key[1])
        for old in [old for old in self.records if old[1] < self.newest - self.deadline]:
            made, label = self.records.pop(old)
            if label is None or made is None:
                self.expired["waiting_for_label" if label is None else "waiting_for_prediction"] += 1
        if key[1] < self.newest - self.deadline:
            self.expired["waiting_for_label"] += 1
            return None
        record = self.records.setdefault(key, [None, None])
        if record[0] is None:
            record[0] = said
            return None if record[1] is None else (*key, said, record[1])
        return None

    def add_label(self, key: tuple[str, float], label: int) -> tuple[str, float, int, int] | None:
        if key[1] < self.newest - self.deadline:
            return None
        record = self.records.setdefault(key, [None, None])
        if record[1] is not None:
            return None
        record[1] = label
        return None if record[0] is None else (*key, record[0], label)

    def states(self) -> dict[str, int]:
        has = [(made is not None, label is not None) for made, label in self.records.values()]
        return {
            "waiting_for_label": has.count((True, False)),
            "waiting_for_prediction": has.count((False, True)),
            "joined": has.count((True, True)),
        }


def told(pair: LabeledPair) -> tuple[str, float, int, int]:
    assert pair.made.features.tolist() == [pair.time, float(pair.made.prediction)]
    assert pair.predicted_at == NOW + pair.made.missing
    return pair.device, pair.time, pair.made.prediction, pair.label


@pytest.mark.parametrize("seed", range(6))
def test_lists_and_single_predictions_give_what_a_dictionary_gives_also_after_a_snapshot(seed: int) -> None:
    generator = random.Random(seed)
    deadline = generator.choice([3.0, 40.0, 400.0])
    ledger, plain = PredictionLedger(deadline, 1e9), Plain(deadline)
    second = 0.0
    for step in range(150):
        second += generator.choice([0.0, 0.25, 3.0, 30.0])
        if generator.random() < 0.05:
            second += 10 * deadline
        names = [f"d{generator.randrange(12)}" for _ in range(generator.choice([1, 3, 40]))]
        spread = generator.choice([0.0, 5.0, 3 * deadline])
        keys = [(name, round(second - generator.uniform(0, spread), 2)) for name in names]
        if generator.random() < 0.4:
            for name, at in keys:
                label = generator.randrange(2)
                expected = plain.add_label((name, at), label)
                pair = ledger.add_label(name, at, label, NOW, Position(step, 0, 0))[1]
                assert (None if pair is None else told(pair)) == expected
            continue
        said = [generator.randrange(2) for _ in keys]
        features = np.array([(at, one) for (_, at), one in zip(keys, said, strict=True)], dtype=float)
        left_out = {place for place in range(len(keys)) if len(keys) > 1 and generator.random() < 0.1}
        events = [place for place in range(len(keys)) if place not in left_out]
        joined = [(place, plain.add_prediction(keys[place], said[place])) for place in events]
        expected_pairs = [(place, one) for place, one in joined if one is not None]
        columns = MadePredictions(
            "model",
            "v1",
            ("at", "said"),
            np.array(events, dtype=np.int64),
            features[events],
            np.array(said)[events],
            np.full(len(events), 0.75),
            np.full(len(events), step),
        )
        times = np.array([at for _, at in keys])
        # What a list itself forgets depends on its order: the step takes that one by one.
        if generator.random() < 0.5 and not ledger.forgets_some(times[events]):
            joined = ledger.note_predictions(names, times, columns, NOW + step, [])
            pairs = ledger.pairs_of(names, times, joined, Position(step, 0, 0))
            again = ledger.pairs_of(names, times, joined, Position(step, 0, 0))
            assert list(map(told, again)) == list(map(told, pairs))
        else:
            pairs = []
            for number, place in enumerate(events):
                made_one, position = columns.one(number), Position(step, 0, place)
                pair = ledger.add_prediction(*keys[place], made_one, NOW + step, position)
                pairs += [] if pair is None else [pair]
        assert [(pair.position.place, told(pair)) for pair in pairs] == expected_pairs
        assert (ledger.states, len(ledger)) == (plain.states(), len(plain.records))
        assert ledger.expired == plain.expired
        assert ledger.earliest == min((at for _, at in plain.records), default=None)
        if step % 40 == 39:
            saved, ledger = ledger.saved(("at", "said")), PredictionLedger(deadline, 1e9)
            ledger.restore(saved, ("at", "said"))
    assert plain.expired["waiting_for_label"] > 20


def test_a_list_of_labels_of_which_no_pairs_can_be_made_is_joined_when_it_comes_again(monkeypatch) -> None:
    ledger = make(400.0, 60.0)
    labels = [LabelOf(f"d{number}", 30.0 * number, 1) for number in range(12)]
    for device, at, _ in labels:
        ledger.add_prediction(device, at, made(1, at), NOW, Position(1, 0, 0))
    with monkeypatch.context() as patched:
        patched.setattr(LedgerChunk, "predictions", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            ledger.add_labels(labels, 330.0, Position(2, 0, 0))
    statuses, pairs = ledger.add_labels(labels, 330.0, Position(2, 0, 0))
    assert statuses == 12 * [LabelStatus.JOINED] and len(pairs) == 12
    assert ledger.states["joined"] == 12


@pytest.mark.parametrize("seed", range(8))
def test_a_list_of_labels_gives_what_they_give_one_by_one(seed: int) -> None:
    generator = random.Random(seed)
    deadline = generator.choice([3.0, 40.0, 400.0])
    lists, singles = make(deadline, 60.0), make(deadline, 60.0)
    second, seen = 0.0, Counter[LabelStatus]()
    for step in range(120):
        second += generator.choice([0.0, 0.25, 3.0, 30.0])
        spread = generator.choice([0.0, 5.0, 3 * deadline])
        keys = [
            (f"d{generator.randrange(12)}", round(second - generator.uniform(0, spread), 1)) for _ in "abc"
        ]
        for device, at in keys:
            for ledger in (lists, singles):
                ledger.add_prediction(device, at, made(step % 2, at), NOW + step, Position(step, 0, 0))
        ahead = [61.0 if generator.random() < 0.02 else 0.0 for _ in range(generator.choice([1, 8, 40]))]
        labels = [
            LabelOf(
                *(generator.choice(keys) if generator.random() < 0.5 else (f"d{number}", second - number)),
                generator.randrange(2),
            )
            for number in range(len(ahead))
        ]
        if step % 3:  # Nothing in them that depends on their order.
            labels = list({label[:2]: label for label in labels}.values())
        labels = [told._replace(time=told.time + more) for told, more in zip(labels, ahead, strict=False)]
        first = Position(step, 1, 0)
        statuses, pairs = lists.add_labels(labels, second, first)
        one_by_one = [
            singles.add_label(*told, second, first._replace(place=place)) for place, told in enumerate(labels)
        ]
        assert statuses == [status for status, _ in one_by_one]
        assert repr(pairs) == repr([pair for _, pair in one_by_one if pair is not None])
        assert (lists.states, lists.joined, len(lists)) == (singles.states, singles.joined, len(singles))
        assert (lists.conflicting, lists.conflicts) == (singles.conflicting, singles.conflicts)
        seen.update(statuses)
    assert set(seen) == {*LabelStatus} - {LabelStatus.KEPT}
    one, other = lists.saved(("at",)), singles.saved(("at",))
    assert one.plain == other.plain and one.arrays.keys() == other.arrays.keys()
    assert all(np.array_equal(one.arrays[name], other.arrays[name]) for name in one.arrays)


def test_names_of_devices_without_a_record_are_forgotten() -> None:
    ledger = make(deadline_seconds=10)
    for second in range(40):
        for number in range(1000):
            ledger.add_prediction(f"{second}-{number}", float(second), made(), NOW, AT)
    assert len(ledger) == 11_000 and len(ledger._records._names) < 33_000
    assert all(ledger.prediction(f"{second}-7", float(second)) is not None for second in range(29, 40))


def test_what_is_forgotten_is_told_once_and_in_order_though_who_is_told_fails() -> None:
    told: list[tuple[str, int | None]] = []
    calls = itertools.count(1)

    def settled(row: Settled) -> None:
        if next(calls) in (2, 4):
            raise MemoryError
        told.append((row.device, row.label))

    ledger = make(deadline_seconds=10.0)
    ledger.on_settled = settled
    for place, device in enumerate("abcde"):
        ledger.add_prediction(device, float(place), made(), 11.0, AT)
    ledger.add_label("b", 1.0, 1, 11.0, AT)
    for _ in range(2):
        with pytest.raises(MemoryError):
            ledger.add_prediction("f", 100.0, made(), 100.0, AT)
        assert ledger.prediction("f", 100.0) is None and ledger.expired["waiting_for_label"] == 4
    assert ledger.add_prediction("f", 100.0, made(), 100.0, AT) is None
    assert told == [("a", None), ("b", 1), ("c", None), ("d", None), ("e", None)]
    assert ledger.states == {"waiting_for_label": 1, "waiting_for_prediction": 0, "joined": 0}


DAY = 86_400.0


def labels_each_day(ledger: PredictionLedger, first: int, days: int, late_by: float) -> None:
    """Fifty predictions a day, each with a label told so many seconds after it."""
    for day in range(first, first + days):
        for number in range(50):
            at = DAY * (day + number / 50)
            ledger.add_prediction("a", at, made(), at, AT)
            ledger.advance(at + late_by)
            ledger.add_label("a", at, 0, at + late_by, AT)


def test_an_outage_of_row_labels_is_told_for_two_weeks_and_not_for_a_year() -> None:
    ledger = make(600.0)
    labels_each_day(ledger, 1, 3, late_by=1000.0)
    labels_each_day(ledger, 4, 12, late_by=60.0)
    assert ledger.missed.lost >= 20
    labels_each_day(ledger, 16, 4, late_by=60.0)
    lost, told, late_by = ledger.missed
    assert (lost, late_by) == (0, None) and 13 * 50 <= told <= 16 * 50
    assert ledger.late == 150  # Since the first deployment, as the route tells.
    other = make(600.0)
    other.restore(ledger.saved(("x",)), ("x",))
    assert other.missed == ledger.missed and other.saved_counts() == ledger.saved_counts()


def test_row_labels_that_come_late_after_a_year_are_told_within_days() -> None:
    ledger = make(600.0)
    labels_each_day(ledger, 1, 365, late_by=60.0)
    labels_each_day(ledger, 366, 2, late_by=1000.0)
    lost, told, late_by = ledger.missed
    assert lost == 100 and told <= 16 * 50 and late_by == 1000.0


def test_row_labels_of_which_few_come_are_told_of_the_newest_twenty() -> None:
    ledger = make(600.0)
    for day in range(1, 200, 10):
        at = day * DAY
        ledger.add_prediction("a", at, made(), at, AT)
        ledger.advance(at + 1000.0)
        ledger.add_label("a", at, 0, at + 1000.0, AT)
    assert ledger.missed == (20, 20, 1000.0)


def test_late_labels_that_an_earlier_release_counted_are_displaced_by_newer_ones() -> None:
    ledger = make(600.0)
    labels_each_day(ledger, 1, 3, late_by=1000.0)
    saved = ledger.saved(("x",))
    for name in ("days", "reached"):
        del saved.plain["counts"][name]
    other = make(600.0)
    other.restore(saved, ("x",))
    assert other.missed.lost == 150
    labels_each_day(other, 4, 17, late_by=60.0)
    assert other.missed.lost == 0


def test_how_late_labels_are_is_told_of_the_newest_too() -> None:
    ledger = make(600.0)
    labels_each_day(ledger, 1, 3, late_by=10_000.0)
    labels_each_day(ledger, 4, 20, late_by=60.0)
    labels_each_day(ledger, 24, 1, late_by=1000.0)
    assert ledger.missed[::2] == (50, 1000.0)
    assert ledger.late_by == 10_000.0


def test_a_list_over_midnight_counts_what_its_events_count_one_by_one() -> None:
    lists, singles = make(600.0), make(600.0)
    for ledger in (lists, singles):
        ledger.add_prediction("a", DAY - 700.0, made(), NOW, AT)
    names, times = ["b", "c"], np.array([DAY - 60.0, DAY + 60.0])
    predictions = (np.array([0, 1]), np.zeros((2, 1)), np.array([1, 1]), np.full(2, 0.75), np.zeros(2, int))
    lists.note_predictions(names, times, MadePredictions("model", "v1", ("x",), *predictions), NOW, [])
    for name, at in zip(names, times.tolist(), strict=True):
        singles.add_prediction(name, at, made(), NOW, AT)
    assert lists.saved_counts() == singles.saved_counts()
