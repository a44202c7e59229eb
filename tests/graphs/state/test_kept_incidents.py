"""Incidents beside the journal: a replay has before each entry what was said before it."""

from __future__ import annotations

import json

from feature_sets.telemetry.early_incidents import take
from feature_sets.telemetry.incident_events import Incident, IncidentEvent, IncidentStatus
from feature_sets.telemetry.incidents_that_count import LIVE
from feature_sets.telemetry.schema import TelemetrySchema
from graphs.state import kept_incidents
from graphs.state.incident_book import IncidentBook
from graphs.state.kept_incidents import SENT, KeptIncidents
from graphs.state.told_labels import told_event


def incident(name: str, end: float | None = None) -> Incident:
    return Incident(name, {"device": "a/1"}, 10.0, end, texts={"kind": None})


def again(kept: KeptIncidents) -> KeptIncidents:
    loaded = KeptIncidents(lambda name: True)
    loaded.load(json.loads(json.dumps(kept.content())))
    return loaded


def test_a_replay_is_given_what_was_said_before_each_entry() -> None:
    kept = KeptIncidents(lambda name: True)
    kept.note((1, 0), incident("a"))
    kept.note((2, 0), incident("b"))
    kept.note((3, 1), incident("a", 20.0))
    loaded = again(kept)
    assert [list(loaded.before(place)) for place in ((2, 0), (3, 1))] == [[incident("a")], [incident("b")]]
    loaded.note((3, 1), incident("a", 20.0))  # The entry says it again.
    assert list(loaded.before(None)) == [incident("a", 20.0)]
    assert loaded.content() == kept.content()


def test_what_is_over_or_was_changed_again_is_forgotten_first(monkeypatch) -> None:
    monkeypatch.setattr(kept_incidents, "_KEPT", 3)
    kept = KeptIncidents(lambda name: not name.startswith("over"))
    kept.note((0, 0), incident("open"))
    for step in range(1, 50):
        kept.note((step, 0), incident("changed", step))
        kept.note((step, 1), incident(f"over {step}"))
    found = list(again(kept).before(None))
    assert len(found) == 5
    assert found[0] == incident("open") and incident("changed", 49) in found


def test_nothing_was_kept() -> None:
    loaded = KeptIncidents(lambda name: True)
    loaded.load(None)
    assert not list(loaded.before(None)) and loaded.is_saved


def test_an_id_that_an_earlier_version_kept_as_it_was_sent_is_closed_by_what_it_is_called_now(
    schema: TelemetrySchema,
) -> None:
    of = TelemetrySchema.from_dict({**schema.to_dict(), "labels": {"form": "incidents"}})
    book = IncidentBook(of, lambda device, time: {}, 100)
    book.restore([incident("7.0").plain(), incident("INC8.0").plain()])
    book.early.restore({**book.early.saved(), "waiting": [ended("9.0", 30.0).row()]})
    status, found = take(book.get("7"), book.early, ended("7", 20.0), 100.0)
    assert (status, found) == (IncidentStatus.CLOSED, incident("7", 20.0))
    assert book.get("INC8.0") is not None and "9" in book.early

    kept = KeptIncidents(lambda name: True)
    kept.load({"changes": [[[1, 0], incident("7.0").plain()], [[2, 0], ended("9.0", 30.0).row()]]})
    assert [told.id for told in kept.before(None)] == ["7", "9"]
    before = {"changes": [[[1, 0], incident("7.0").plain()]]}
    assert len(kept.merged(before, (0, 0))["changes"]) == 2
    assert IncidentEvent.of_row(ended("7.0", 20.0).row()).id == "7", "as of a journal"


def ended(name: str, end: float) -> IncidentEvent:
    return IncidentEvent(name, {}, None, end, True, None, {})


class Book(dict[str, Incident]):
    """As much of a book of incidents as is asked here."""

    def put(self, incident: Incident) -> None:
        self[incident.id] = incident


def test_an_incident_that_was_forgotten_is_known_again_as_it_was_sent_last() -> None:
    kept, book = KeptIncidents(lambda name: False), Book()
    kept.note((1, 0), incident("a", 20.0))
    sent = IncidentEvent("a", {}, None, 30.0, True, None, {})
    assert not kept.tells(sent, book) and book["a"].end == 20.0
    # Another process told an earlier state anew, and did not know of the change before it.
    kept.note((2, 0), incident("a", 30.0))
    book.put(incident("a", 30.0))
    assert kept.tells(told_event(incident("a", 20.0), SENT), book) and book["a"].end == 30.0
    # A history that says so cancels it.
    assert not kept.tells(told_event(incident("a", 30.0), LIVE)._replace(cancelled=True), book)
