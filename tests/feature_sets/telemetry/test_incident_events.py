"""Incidents with other values of some fields, and what their tickets said before."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from feature_sets.telemetry.incident_events import MOST_BEFORE, Incident

KNOWN = Incident("7", {"device": "a/1"}, 5.0, None, False, {"note": "x", "who": None}, "f", 2.0, True, ("d",))


def test_but_is_what_replace_gives_and_leaves_the_other_one() -> None:
    changes = {"end": 9.0, "cancelled": True, "before": ("e", "f")}
    found, wanted = KNOWN.but(**changes), replace(KNOWN, **changes)
    assert found == wanted and hash(found.id) == hash(wanted.id)
    assert [getattr(found, field.name) for field in fields(found)] == [
        getattr(wanted, field.name) for field in fields(wanted)
    ]
    assert KNOWN.end is None and KNOWN.before == ("d",)


def test_a_ticket_that_says_the_same_is_not_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Incident, "digest", lambda incident: pytest.fail("it says the same"))
    same = KNOWN.but(texts={"note": "x"}, cancelled=True, before=())  # A text that is not there is no text.
    assert same.repeats(KNOWN)
    assert same.following(KNOWN).before == ("d",)


def test_the_last_texts_of_a_ticket_are_remembered_once_each() -> None:
    at = [KNOWN.but(start=float(second), before=()) for second in range(MOST_BEFORE + 3)]
    last = at[0]
    for incident in at[1:]:
        last = incident.following(last)
    assert last.before == tuple(incident.digest() for incident in at[:-1])[-MOST_BEFORE:]
    assert at[-3].repeats(last) and not at[0].repeats(last)
    again = last.but(cancelled=True).following(last)
    assert again.before == last.before
