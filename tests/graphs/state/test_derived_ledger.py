"""The ledger of labels beside predictions, positives and incidents: what it says is what history says."""

from __future__ import annotations

import random

import numpy as np
import pandas as pd
import pytest

from feature_sets.labels.derived_labels import Told, derived_labels
from feature_sets.labels.horizon import with_target
from feature_sets.rows.event_micros import column_micros, event_micros
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.telemetry.incident_events import Incident, IncidentEvent, IncidentStatus
from feature_sets.telemetry.incident_rows import no_incidents
from feature_sets.telemetry.schema import DEVICE
from graphs.protocol.label_status import LabelStatus
from graphs.protocol.records import Prediction
from graphs.state.derived_ledger import DerivedLedger
from graphs.state.incident_book import IncidentBook
from project.live_incidents import live_incidents
from tests.feature_sets.labels.forms import schema

NOW = 1_700_000_000.0
MADE = Prediction("model", "v1", np.array([0.5]), 1, 0.75, 0)


def make(of, deadline=600.0, features=None):
    book = IncidentBook(of, features or (lambda device, time: {}), 10_000)
    return DerivedLedger(of.labels, book, deadline, 60.0, of.horizon_seconds)


def incident(name="7", start=None, end=None, cancelled=None, device="osl/a", ended=None, **texts):
    return IncidentEvent(
        name,
        {DEVICE: device} if device else {},
        None if start is None else NOW + start,
        None if end is None else NOW + end,
        end is not None if ended is None else ended,
        cancelled,
        texts,
    )


class Played:
    """A ledger, and the label of each prediction as it was joined: seconds -> label."""

    def __init__(self, of, **kwargs):
        self.ledger, self.labels = make(of, **kwargs), {}

    def _take(self, pairs):
        for pair in pairs:
            key = (pair.device, round((event_micros(pair.time) - int(NOW * 1_000_000)) / 1_000_000, 6))
            assert key not in self.labels
            self.labels[key] = pair.label
        return pairs

    def predict(self, *seconds, device="osl/a"):
        for at in seconds:
            self._take(self.ledger.add_prediction(device, NOW + at, MADE, NOW + at))

    def label(self, seconds, label=1, device="osl/a"):
        status, pairs = self.ledger.add_label(device, NOW + seconds, label, NOW + seconds)
        self._take(pairs)
        return status

    def tell(self, *args, arrived=0.0, **kwargs):
        changed = self.ledger.add_incident(incident(*args, **kwargs), NOW + arrived)
        self._take(changed.pairs)
        return changed

    @property
    def at(self):
        return {at: label for (_, at), label in self.labels.items()}


def test_a_label_that_waits_for_the_next_prediction_counts_before_an_incident_that_comes_later():
    played = Played(schema(form="incidents", tolerance="4s"))
    played.predict(0, 10)
    assert played.label(12, 0) is LabelStatus.WAITING
    played.tell(start=0)
    assert played.at == {0: 1}
    assert played.label(22) is LabelStatus.WAITING
    played.predict(21)  # The label 22 is of this one, or of one in between.
    assert played.at == {0: 1, 10: 0}
    played.predict(22)
    assert played.at == {0: 1, 10: 0, 21: 1, 22: 1}
    assert played.label(24, 0) is LabelStatus.WAITING
    played.predict(23)
    played.predict(30)
    assert played.at == {0: 1, 10: 0, 21: 1, 22: 1, 23: 0, 30: 1}
    assert played.ledger.conflicting == 0


def test_a_label_beside_its_prediction_joins_when_the_next_one_shows_that_it_is_its_own():
    played = Played(schema(tolerance="10s"))
    played.predict(0)
    assert played.label(7) is LabelStatus.WAITING
    played.predict(60)
    assert played.at == {0: 1}
    assert played.label(67, 0) is LabelStatus.WAITING
    played.predict(65)  # A reading in between: the label is its own.
    assert played.at == {0: 1}
    played.predict(120)
    assert played.at == {0: 1, 65: 0}
    assert played.label(125, 1) is LabelStatus.WAITING
    assert played.label(0, 1) is LabelStatus.DUPLICATE


def test_a_label_of_the_past_joins_at_once_and_too_late_a_one_never():
    played = Played(schema(tolerance="10s"))
    played.predict(0, 60, 120)
    assert played.label(7) is LabelStatus.JOINED
    assert played.label(7) is LabelStatus.DUPLICATE
    assert played.label(7, 0) is LabelStatus.CONFLICTING
    assert played.label(3, 0) is LabelStatus.CONFLICTING
    assert [(each.kept, each.other) for each in played.ledger.conflicts][-2:] == [(1, 0), (1, 0)]
    assert played.label(4, 1) is LabelStatus.DUPLICATE
    assert played.label(71) is LabelStatus.WAITING
    assert played.label(-601) is LabelStatus.EXPIRED
    assert played.ledger.add_label("osl/a", NOW + 200, 1, NOW + 139)[0] is LabelStatus.QUARANTINED
    assert played.at == {0: 1}
    assert played.ledger.conflicting == 2


def test_the_last_prediction_of_a_silent_device_gets_its_label_before_it_is_forgotten():
    played = Played(schema(tolerance="10s"))
    played.predict(0)
    assert played.label(7, 0) is LabelStatus.WAITING
    played.predict(601, device="osl/b")
    assert played.labels == {("osl/a", 0): 0}


def test_an_incident_labels_the_predictions_in_it_those_that_wait_and_those_that_come():
    played = Played(schema(form="incidents"))
    played.predict(0, 10, 20, 30)
    changed = played.tell(start=10, arrived=35)
    assert (changed.status, changed.labeled, changed.too_late) == (IncidentStatus.OPENED, 3, 0)
    played.predict(40)
    assert played.at == {10: 1, 20: 1, 30: 1, 40: 1}
    assert played.tell(end=45, device=None).status is IncidentStatus.CLOSED
    played.predict(44, 45, 50)
    assert played.at == {10: 1, 20: 1, 30: 1, 40: 1, 44: 1}
    assert played.tell(end=45, device=None).status is IncidentStatus.DUPLICATE
    assert played.tell(cancelled=True, device=None).status is IncidentStatus.CANCELLED
    played.predict(46)
    assert played.tell("8", end=45, device=None).status is IncidentStatus.WAITING
    assert played.tell(start=90, device=None, arrived=99).status is IncidentStatus.END_BEFORE_START
    assert played.tell("9", start=100, arrived=0).status is IncidentStatus.QUARANTINED


def test_pairs_whose_label_is_told_otherwise_later_are_counted_once_and_as_long_as_it_is_so():
    played = Played(schema(form="incidents", healthy_after="30s"))
    played.predict(0, 5, 10, 50)
    assert played.at == {0: 0, 5: 0, 10: 0}
    assert played.label(5, 0) is LabelStatus.DUPLICATE  # A row says so, and counts before incidents.
    assert played.tell(start=-5, end=20).too_late == 2
    assert played.ledger.contradicted == 2 and played.at == {0: 0, 5: 0, 10: 0}
    assert played.tell(start=-5, end=21).too_late == 2
    assert played.tell("8", start=8, end=12).too_late == 1
    assert played.ledger.contradicted == 2
    assert played.tell(end=4).status is IncidentStatus.CHANGED
    assert played.ledger.contradicted == 2  # The one in the other incident is so still.
    played.tell("8", cancelled=True)
    assert played.ledger.contradicted == 1
    assert played.label(10, 1) is LabelStatus.CONFLICTING
    assert (played.ledger.contradicted, played.ledger.conflicting) == (2, 1)
    # What an incident made an error, and is none by now.
    played.tell("9", start=45)
    assert played.at[50] == 1
    played.tell("9", cancelled=True)
    assert played.ledger.contradicted == 3


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize(
    "labels",
    [
        {"form": "incidents", "healthy_after": "1m"},
        {"form": "incidents", "healthy_after": "1m", "tolerance": "3s", "exclude_labels": {"kind": "test"}},
        {"form": "incidents", "healthy_after": "1m", "scope": ["site"]},
        {"form": "positives", "watched": "readings", "healthy_after": "1m"},
    ],
    ids=["incidents", "kind", "site", "positives"],
)
def test_as_many_pairs_are_contradicted_as_history_has_another_label_of(labels, seed):
    """Incidents and positives at any time, late and changed ones; at the end everything is remembered."""
    generator = random.Random(seed)
    of = schema(**labels)
    played, readings, statements, told = Played(of, deadline=10_000.0), [], [], []
    unlabeled = []
    for second in range(0, 600, 5):
        for device in ("osl/a", "bgo/a"):
            if generator.random() < 0.8:
                readings.append((device, second))
                unlabeled.append((device, second))
                played.predict(second, device=device)
        if of.labels.has_incidents and generator.random() < 0.3:
            name, start = str(generator.randrange(8)), second - generator.randrange(200)
            whom = generator.choice(["osl/a", "bgo/a"])
            names = {DEVICE: whom} if not of.labels.scope else {"site": whom[:3]}
            end = None if generator.random() < 0.2 else NOW + start + generator.randrange(90)
            kind, cancelled = generator.choice(["link", "test"]), generator.random() < 0.2
            event = IncidentEvent(name, names, NOW + start, end, True, cancelled, {"kind": kind})
            told.append((event, NOW + second))
            played._take(played.ledger.add_incident(event, NOW + second).pairs)
        if unlabeled and not of.labels.tolerance_seconds and generator.random() < 0.3:
            device, at = unlabeled.pop(generator.randrange(len(unlabeled)))
            label = 1 if of.labels.form == "positives" else generator.randint(0, 1)
            status = played.label(at, label, device=device)
            if status is not LabelStatus.CONFLICTING or label:  # What is refused becomes no history.
                statements.append((device, at, label))
    readings.append(("osl/a", 700))
    played.predict(700)
    history = _history_of(of, readings, statements, told)
    differing = {key for key, label in played.labels.items() if history.get(key, label) != label}
    assert played.ledger.contradicted == len(differing)


def _history_of(of, readings, statements, told):
    """The labels that history makes of all this: device and seconds -> label, without what is excluded."""
    rows = pd.DataFrame(readings, columns=[DEVICE, "timestamp"])
    rows["timestamp"] = _times(rows["timestamp"])
    given = pd.DataFrame(statements, columns=[DEVICE, "timestamp", "is_error"])
    given["timestamp"] = _times(given["timestamp"])
    given = given.assign(**dict.fromkeys(of.exclude_labels)).drop_duplicates([DEVICE, "timestamp"])
    frame = no_incidents(of)
    if of.labels.has_incidents:
        frame = live_incidents(frame, told, of).part.frame
    found = derived_labels(KeyedRows.of(rows, DEVICE, "timestamp"), Told(given, frame), of)
    if of.horizon_seconds:
        found = with_target(found, of).drop(columns="is_error").rename(columns={of.target: "is_error"})
        found = found[found["is_error"].notna()].astype({"is_error": "int64"})
    if of.exclude_labels:
        found = found[found["kind"] != "test"]
    micros = column_micros(found["timestamp"]) - int(NOW * 1_000_000)
    moments = (micros / 1_000_000).round(6).tolist()
    return dict(zip(zip(found[DEVICE], moments, strict=True), found["is_error"].tolist(), strict=True))


def test_what_lies_in_no_incident_is_healthy_after_a_while():
    played = Played(schema(form="incidents", healthy_after="1m"))
    played.predict(0, 10, 30)
    assert played.at == {}
    played.predict(70)
    assert played.at == {0: 0, 10: 0}
    changed = played.tell(start=5, end=35, arrived=70)
    assert (changed.labeled, changed.too_late) == (1, 1)
    assert played.at == {0: 0, 10: 0, 30: 1}


def test_an_error_matures_when_a_healthy_one_would_with_the_label_that_is_known_by_then():
    def matured():
        return [(round(pair.time - NOW), pair.label) for pair in played.ledger.take_mature()]

    played = Played(schema(form="incidents", healthy_after="1m", exclude_labels={"kind": "test"}))
    played.tell(start=5, arrived=5)
    played.predict(0, 10, 20, 30, 40, 50)
    assert played.at == {10: 1, 20: 1, 30: 1, 40: 1, 50: 1} and matured() == []
    played.tell(end=25, device=None, arrived=55)  # Who closes it says that it was over before that.
    played.tell("8", start=35, end=45, kind="test", arrived=56)  # An excluded one says nothing of it.
    played.predict(71)
    assert matured() == [(0, 0), (10, 1)]
    played.label(30, 1)  # A row counts before incidents.
    played.predict(200)
    assert matured() == [(20, 1), (30, 1), (50, 0), (71, 0)]
    assert played.at[50] == 1, "as a pair it stays what it was when they met"


def test_without_a_time_for_it_a_prediction_is_healthy_at_the_deadline():
    for text in (None, "0s"):
        labels = {"form": "incidents", **({"healthy_after": text} if text else {})}
        played = Played(schema(**labels))
        played.predict(0, 10, 600)
        assert played.at == {}
        played.predict(601)
        assert played.at == {0: 0}
        assert sum(played.ledger.expired.values()) == 0


def test_an_excluded_incident_labels_nothing_and_what_is_in_it_is_not_healthy():
    of = schema(form="incidents", healthy_after="1m", exclude_labels={"kind": "test"})
    played = Played(of)
    played.predict(0, 10)
    assert played.tell(start=5, kind="test").labeled == 0
    assert played.label(10, 1) is LabelStatus.KEPT
    played.predict(15, 100)
    assert played.at == {0: 0}
    assert played.tell(device=None, kind="link").labeled == 3
    assert played.at == {0: 0, 10: 1, 15: 1, 100: 1}


def test_a_label_that_is_excluded_keeps_its_prediction_from_being_healthy():
    played = Played(schema(form="incidents", healthy_after="1m", exclude_labels={"kind": "test"}))
    played.predict(0, 10)
    assert played.label(0, None) is LabelStatus.KEPT
    played.predict(100)
    assert played.at == {10: 0}


def test_with_a_horizon_a_prediction_is_labeled_when_it_is_known_what_followed():
    played = Played(schema(form="incidents", healthy_after="1m", horizon="30s"))
    played.predict(*range(0, 130, 10))
    played.tell(start=35, end=45, arrived=40)
    assert played.at == {0: 0}
    played.predict(130, 150, 160)
    # 0 sees as far as 30; 40 is in error itself.
    assert played.at == {0: 0, 10: 1, 20: 1, 30: 1}
    assert played.ledger.add_observed("osl/a", NOW + 60, NOW + 160) is LabelStatus.KEPT
    played.predict(*range(170, 300, 10))
    assert played.at == {
        0: 0,
        10: 1,
        20: 1,
        30: 1,
        70: 0,
        80: 0,
        90: 0,
        100: 0,
        110: 0,
        120: 0,
        130: 0,
        150: 0,
        160: 0,
        170: 0,
    }


@pytest.mark.parametrize("kind", ["link", "test"])
def test_with_a_horizon_an_incident_of_a_silent_device_is_what_followed(kind):
    played = Played(
        schema(form="incidents", healthy_after="1m", horizon="30s", exclude_labels={"kind": "test"})
    )
    played.predict(*range(0, 60, 10))
    played.tell(start=55, end=115, arrived=55, kind=kind)
    played.predict(*range(120, 300, 10))
    before = {at: label for at, label in played.at.items() if at < 120}
    # Of those before one that is left out nobody knows.
    assert before == {0: 0, 10: 0, 20: 0} | ({30: 1, 40: 1, 50: 1} if kind == "link" else {})


def test_a_positive_that_belongs_to_no_prediction_is_settled_as_an_error_of_its_own():
    played = Played(schema(form="positives", watched="readings", tolerance="1s"), deadline=100.0)
    settled = []
    played.ledger.on_settled, played.ledger.near = settled.append, lambda micros: frozenset({"osl/a"})
    played.predict(0, 5)
    played.label(5.5, 1)
    played.label(12, 1)
    played.label(13, 1, device="osl/b")  # Nothing of that one says anything of this.
    played.predict(15, 300)
    assert [(row.time - NOW, row.label) for row in settled] == [(0, 0), (5, 1), (12, 1), (15, 0)]


def test_memory_is_bounded_and_counts_add_up():
    of = schema(form="incidents", tolerance="5s")
    played = Played(of, deadline=50.0)
    for step in range(300):
        device = f"osl/{step % 3}"
        played.predict(step, device=device)
        played.label(step - 7 + 0.5, step % 2, device=device)
        played.tell(str(step), start=step - 3, end=step - 2, device=device, arrived=step)
        ledger = played.ledger
        assert len(ledger) <= 51 + 58
        states = ledger.states
        assert all(count >= 0 for count in states.values())
    assert len(ledger._book) < 60
    assert len(ledger._unlabeled) < 100
    assert ledger.joined == len(played.labels)


def test_what_waits_to_be_healthy_is_bounded_by_what_is_remembered():
    played = Played(schema(form="incidents", healthy_after="1h"), deadline=50.0)
    for step in range(2500):
        played.predict(step, device=f"osl/{step % 3}")
    assert len(played.ledger) <= 51 and len(played.ledger._unlabeled) <= 2 * 51 + 1000
    assert not played.labels and played.ledger.expired["waiting_for_label"] == 2500 - 51


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize(
    "labels",
    [
        {"tolerance": "7s"},
        {"form": "positives", "watched": "readings", "tolerance": "7s", "healthy_after": "2m"},
        {"form": "incidents", "healthy_after": "2m"},
        {"form": "incidents", "healthy_after": "2m", "tolerance": "3s", "exclude_labels": {"kind": "test"}},
        {"form": "incidents", "healthy_after": "2m", "scope": ["site"]},
        {"form": "incidents", "healthy_after": "1m", "horizon": "50s"},
        {"form": "incidents", "healthy_after": "1m", "horizon": "50s", "exclude_labels": {"kind": "test"}},
        {"form": "incidents", "healthy_after": "1m", "horizon": "50s", "scope": ["site"], "tolerance": "2s"},
    ],
    ids=["rows", "positives", "incidents", "kind", "site", "ahead", "kind ahead", "site ahead"],
)
def test_what_is_joined_is_what_history_says(labels, seed):
    """Readings and labels in order, incidents within the time after which a reading counts as healthy."""
    generator = random.Random(seed)
    of = schema(**labels)
    has_incidents, is_positive = of.labels.has_incidents, of.labels.form == "positives"
    devices = ["osl/a", "osl/b", "bgo/a"]
    events = []
    delay = generator.choice([0, 5, 60])
    for device in devices:
        at = 0.0
        for _ in range(60):
            at = round(at + generator.choice([1, 2, 5, 10, 40]) + generator.choice([0, 0.1, 0.000_001]), 6)
            events.append((at, 0, "reading", (device, at)))
            if not has_incidents and generator.random() < 0.3:
                told = round(at + generator.choice([0, 0.3, 2, 6.9]), 6)
                events.append(
                    (told + delay, 1, "label", (device, told, 1 if is_positive else generator.randint(0, 1)))
                )
    for number in range(12 if has_incidents else 0):
        start, length = generator.randint(-20, 500), generator.randint(0, 90)
        device, kind = generator.choice(devices), generator.choice(["link", "test"])
        names = {DEVICE: device} if not of.labels.scope else {"site": device[:3]}
        name = str(number)
        opened = IncidentEvent(name, names, NOW + start, None, False, None, {"kind": kind})
        # What is excluded is so from the first reading on; what was joined would not be taken back.
        late = 0 if of.exclude_labels else generator.randint(0, 10)
        events.append((start + late - of.labels.tolerance_seconds, -2, "incident", opened))
        # It is closed before readings after its end are taken for its own.
        closed = IncidentEvent(name, {}, None, NOW + start + length, True, None, {})
        events.append((start + length, -1, "incident", closed))
    events.sort(key=lambda event: (event[0], event[1]))
    events = _opened_first(events)
    played, readings, statements, told = Played(of), [], [], []
    for arrived, _, what, content in events:
        if what == "reading":
            readings.append(content)
            played.predict(content[1], device=content[0])
        elif what == "label":
            statements.append(content)
            played.label(content[1], content[2], device=content[0])
        else:
            told.append((content, NOW + arrived))
            played._take(played.ledger.add_incident(content, NOW + arrived).pairs)
    history = _history_of(of, readings, statements, told)
    newest = max(at for _, at in readings)
    # Labels of a device that is silent since are settled when its predictions are forgotten.
    played.predict(newest + 800, device="osl/z")
    settled = {key: label for key, label in history.items() if key[1] < newest - 150}
    assert len(settled) > 10
    assert {key: label for key, label in played.labels.items() if key[1] < newest - 150} == settled


def _opened_first(events):
    """No incident is closed before it was opened."""
    opened, kept = set(), []
    waiting = {}
    for event in events:
        content = event[3]
        if event[2] == "incident" and content.start is None and content.id not in opened:
            waiting[content.id] = event
            continue
        kept.append(event)
        if event[2] == "incident" and content.start is not None:
            opened.add(content.id)
            if content.id in waiting:
                kept[-1] = (
                    event[0],
                    event[1],
                    "incident",
                    content._replace(end=waiting[content.id][3].end, ended=True),
                )
    return kept


def _times(seconds):
    micros = (seconds.astype(float) * 1_000_000).round().astype("int64") + int(NOW * 1_000_000)
    return pd.to_datetime(micros, unit="us", utc=True).astype("datetime64[ns, UTC]")


def test_incidents_that_change_or_end_do_not_fill_the_memory():
    of = schema(form="incidents")
    book = IncidentBook(of, lambda device, time: {}, 100)
    book.put(Incident("open", {DEVICE: "osl/a"}, NOW))
    for step in range(5000):
        book.put(Incident("open", {DEVICE: "osl/a"}, NOW + step % 9, NOW + 9000))
        book.put(Incident(str(step), {DEVICE: "osl/a"}, NOW + step, NOW + step))
        book.forget(NOW + step)
    assert len(book) <= 3
    assert len(book._by_start) + len(book._by_end) < 1500
    book.forget(NOW + 9001)
    assert len(book) == 0


def test_a_new_incident_that_was_over_before_the_deadline_is_a_late_label_once():
    played = Played(schema(form="incidents", exclude_labels={"kind": "test"}))
    played.predict(0, 700, 1000)  # The deadline is 600 s.

    def status(*args, **kwargs):
        return played.tell(*args, arrived=1000, **kwargs).status

    assert status("early", start=300, end=401) is IncidentStatus.OPENED
    assert (played.ledger.late, played.ledger.late_by) == (0, None)
    assert status("late", start=0, end=390) is IncidentStatus.OPENED
    assert (played.ledger.late, played.ledger.late_by) == (1, 610.0)
    assert status("late", start=0, end=390) is IncidentStatus.DUPLICATE
    assert status("late", start=0, end=380) is IncidentStatus.CHANGED
    assert status("open", start=0) is IncidentStatus.OPENED
    assert status("open", end=100) is IncidentStatus.CLOSED  # It was known in time.
    assert status("none", start=0, end=10, cancelled=True) is IncidentStatus.CANCELLED
    assert status("left out", start=0, end=10, kind="test") is IncidentStatus.OPENED
    assert played.ledger.late == 1


def test_errors_told_late_are_counted_and_go_on_after_a_restart():
    of = schema(form="incidents")
    ledger = make(of, deadline=600.0)
    ledger.add_prediction("osl/a", NOW + 5000, MADE, NOW + 5000)
    ledger.add_incident(incident("1", 0, 10), NOW + 5000)
    ledger.add_incident(incident("2", 4990), NOW + 5000)
    saved = ledger.saved_counts()
    after = make(of, deadline=600.0)
    after.restore_counts(saved)
    assert after.saved_counts() == saved
    assert after.missed == ledger.missed == (1, 2, 5000.0)
    # A snapshot of before had no such counts.
    older = make(of, deadline=600.0)
    older.restore_counts({name: value for name, value in saved.items() if name != "errors"})
    assert older.missed == (0, 0, None)


def test_an_incident_that_was_none_does_not_count_among_errors_told_late_or_in_time():
    played = Played(schema(form="incidents", exclude_labels={"kind": "test"}))
    played.predict(5000)

    def missed(*args, **kwargs):
        nonlocal played
        changed = played.tell(*args, arrived=5000, **kwargs)
        after = Played(schema(form="incidents", exclude_labels={"kind": "test"}))
        after.ledger.restore_counts(played.ledger.saved_counts())
        assert after.ledger.missed == played.ledger.missed
        return changed.is_late, played.ledger.missed

    assert missed("1", start=0, end=10) == (True, (1, 1, 5000.0))
    assert missed("2", start=1000) == (True, (2, 2, 5000.0))
    assert missed("3", start=4990) == (False, (2, 3, 5000.0))
    assert missed("1", cancelled=True, device=None) == (False, (1, 2, 4000.0))  # The ledger had forgotten it.
    assert missed("1", cancelled=True, device=None)[1] == (1, 2, 4000.0)
    assert missed("2", cancelled=True, device=None) == (False, (0, 1, None))
    assert missed("3", cancelled=True, device=None) == (False, (0, 0, None))
    assert missed("2", cancelled=False, device=None) == (True, (1, 1, 4000.0))  # Taken as healthy meanwhile.
    assert missed("2", kind="test", device=None) == (False, (0, 0, None))
    assert missed("4", start=0, cancelled=True)[1] == missed("5", cancelled=True)[1] == (0, 0, None)
    assert missed("5", start=0)[1] == (0, 0, None)
    # What a snapshot of before has counted stays, as it does not say of which incidents.
    errors = {"timely": 0, "late": 1, "delays": [9.0], "forgotten": []}
    saved = {**played.ledger.saved_counts(), "errors": errors}
    older = make(schema(form="incidents"))
    older.restore_counts(saved)
    older.add_incident(incident("1", 0, cancelled=True), NOW)
    assert older.missed == (1, 1, 9.0)
    told = {"timely": 5, "late": 2, "delays": [7.0, 9.0], "told": {"a": None, "b": 7.0}, "forgotten": []}
    older = make(schema(form="incidents"))
    older.restore_counts({**saved, "errors": told})
    assert older.missed == (2, 7, 9.0)
    older.add_incident(incident("b", 0, cancelled=True), NOW)
    assert older.missed == (1, 6, 9.0)


DAY = 86_400.0


def told_each_day(ledger, first, days, late_by):
    """Errors of two a day, told so many seconds after their readings."""
    for day in range(first, first + days):
        for half in (0.0, 0.5):
            at = (day + half) * DAY
            ledger.add_prediction("osl/a", NOW + at, MADE, NOW + at)
            ledger.add_incident(incident(f"{day} {half}", at - late_by, at - late_by + 1), NOW + at)


def test_an_outage_of_labels_is_told_for_two_weeks_and_not_for_a_year():
    ledger = make(schema(form="incidents"), deadline=600.0)
    told_each_day(ledger, 0, 3, late_by=5000)
    told_each_day(ledger, 3, 11, late_by=60)
    assert ledger.missed == (6, 28, 5000.0)
    told_each_day(ledger, 14, 3, late_by=60)
    assert ledger.missed == (1, 29, 5000.0)
    told_each_day(ledger, 17, 1, late_by=60)
    assert ledger.missed == (0, 29, None)


def test_errors_that_come_late_after_a_year_are_told_within_days():
    ledger = make(schema(form="incidents"), deadline=600.0)
    told_each_day(ledger, 0, 365, late_by=60)
    told_each_day(ledger, 365, 2, late_by=5000)
    assert ledger.missed == (4, 29, 5000.0)
    after = make(schema(form="incidents"), deadline=600.0)
    after.restore_counts(ledger.saved_counts())
    assert after.missed == ledger.missed
    # What is rare counts longer: the newest twenty.
    told_each_day(after, 1000, 1, late_by=60)
    assert after.missed == (4, 20, 5000.0)


def test_of_incidents_told_late_the_newest_thousand_can_still_turn_out_to_be_none():
    ledger = make(schema(form="incidents"))
    ledger.add_prediction("osl/a", NOW + 5000, MADE, NOW + 5000)
    for number in range(1001):
        ledger.add_incident(incident(str(number), 0), NOW + 5000)
    for number in range(1001):
        ledger.add_incident(incident(str(number), 0, cancelled=True), NOW + 5000)
    assert ledger.missed == (0, 0, None)


@pytest.mark.parametrize("sent_before", [(), (400, 410)], ids=["told first", "after live readings"])
def test_what_the_history_says_of_a_silence_joins_predictions_that_nothing_live_decides(sent_before):
    """Of a, seconds 20 and 30 are followed in a file alone; b goes on; an incident of c is known live."""
    played = Played(schema(form="incidents", healthy_after="1m", horizon="20s"))
    ledger, until = played.ledger, int((NOW + 100) * 1_000_000)
    played.predict(0, 10, 20, 30)
    played.predict(0, 10, 20, 30, device="osl/c")
    played.predict(*range(0, 441 if sent_before else 91, 10), device="osl/b")
    played.tell(start=45, device="osl/c")
    played.predict(*sent_before)

    def asked():
        found = [(device, micros / 1_000_000 - NOW) for device, micros in ledger.unfollowed(until)]
        return [(device, at) for device, at in found if at <= 90]

    assert asked() == [("osl/a", 20), ("osl/a", 30), ("osl/c", 20)]
    mature = ledger.take_mature()
    assert [played.label(at, 0) for at in (20, 30)] == [LabelStatus.JOINED] * 2
    assert asked() == [("osl/c", 20)]
    played.predict(420, 440, 460, 600)
    mature += ledger.take_mature()
    joined = {at: label for (device, at), label in played.labels.items() if device == "osl/a" and at <= 30}
    assert joined == {0: 0, 10: 0, 20: 0, 30: 0}
    times = sorted(round(pair.time - NOW) for pair in mature if pair.device == "osl/a")
    assert [at for at in times if at <= 30] == [0, 10, 20, 30], "each once"
