"""A tool sends a ticket again that was delivered already: what a person cancelled stays so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from feature_sets.telemetry.incident_events import Incident, IncidentEvent
from feature_sets.telemetry.schema import TelemetrySchema
from graphs.respond import STAYS_CANCELLED
from tests.graphs.conftest import START, Client, event, make_client, write_package
from tests.graphs.test_incident_tools import client_of, is_cancelled, statuses  # noqa: F401
from tests.graphs.test_incidents_route import SERVICENOW, issue, open_client, ticket, with_labels

NAME = "9d38"
CANCELLED = {"id": NAME, "cancelled": True}
CLOSED = ticket(closed_at="2023-11-14 22:13:36", state="7")
OURS = {"id": "1", "device": "a/1", "start": START, "end": None}


def stays(client: Client, body: dict[str, Any], name: str = NAME) -> bool:
    """Whether an incident is none after a body, as its answer says."""
    answer = client.post("/incidents", body).json
    is_told = STAYS_CANCELLED in answer.get("note", "")
    assert is_told is is_cancelled(client, name)
    return is_told


def test_a_ticket_that_repeats_itself_takes_no_cancellation_back(client_of: Any) -> None:  # noqa: F811
    client = client_of("servicenow")
    assert statuses(client, ticket(), CANCELLED, ticket()) == ["opened", "cancelled", "duplicate"]
    assert is_cancelled(client, NAME)
    client.post("/telemetry", [event(seconds=at) for at in (10, 14)])
    assert client.get("/labeled").json["joined"] == 0
    # What it did not say before is new.
    assert not stays(client, CLOSED)
    assert statuses(client, CANCELLED, CLOSED) == ["cancelled", "duplicate"]
    # An earlier message, which comes once more.
    assert stays(client, ticket())
    assert not stays(client, {"id": NAME, "cancelled": False})


def test_a_ticket_that_cancels_itself_may_take_that_back(client_of: Any) -> None:  # noqa: F811
    client = client_of("servicenow")
    assert statuses(client, ticket(), ticket(state="8")) == ["opened", "cancelled"]
    assert not stays(client, ticket())
    assert statuses(client, ticket(state="8"), CANCELLED) == ["cancelled", "changed"]
    assert stays(client, ticket(state="8")) and stays(client, ticket())
    part = {"issue": {"key": "NET-7", "fields": {"resolution": {"name": "Won't Do"}}}}
    client = client_of("jira")
    assert statuses(client, issue(), part) == ["opened", "cancelled"]
    assert not stays(client, issue(), "NET-7")


def test_a_whole_record_of_a_person_cancels_as_well(client_of: Any) -> None:  # noqa: F811
    client = client_of("servicenow")
    whole = {"id": NAME, "device": "a/1", "start": START + 10, "cancelled": True}
    assert statuses(client, ticket(), whole) == ["opened", "cancelled"]
    assert stays(client, ticket())


def test_a_cancellation_that_came_first_stays(client_of: Any) -> None:  # noqa: F811
    client = client_of("servicenow")
    assert statuses(client, CANCELLED, ticket(), ticket()) == ["waiting", "cancelled", "duplicate"]
    assert is_cancelled(client, NAME)


def test_without_a_mapping_a_record_with_its_start_is_a_ticket(
    schema: TelemetrySchema, tmp_path: Path
) -> None:
    client = open_client(tmp_path, with_labels(schema, form="incidents"))
    assert statuses(client, OURS, {"id": "1", "cancelled": True}) == ["opened", "cancelled"]
    assert stays(client, OURS, "1") and stays(client, {**OURS, "cancelled": False}, "1")
    answer = client.post("/incidents", [{"id": "1", "end": None}, {"id": "1", "cancelled": True}, OURS])
    assert [one["status"] for one in answer.json] == ["changed", "cancelled", "duplicate"]
    assert not stays(client, {**OURS, "end": START + 5, "cancelled": False}, "1")


def test_a_column_of_labels_only_that_is_sent_again_takes_nothing_back(
    schema: TelemetrySchema, tmp_path: Path
) -> None:
    client = open_client(tmp_path, with_labels(schema, form="incidents", only={"severity": ["high", "top"]}))
    sent = {**OURS, "severity": "high"}
    assert statuses(client, sent, {"id": "1", "cancelled": True}) == ["opened", "cancelled"]
    assert stays(client, sent, "1") and stays(client, {"id": "1", "severity": "high"}, "1")
    low = {"id": "1", "severity": "low"}
    assert statuses(client, {"id": "1", "cancelled": False}, low) == ["changed", "cancelled"]
    assert not stays(client, {"id": "1", "severity": "top"}, "1")


@pytest.mark.parametrize("stopped", [True, False])
def test_it_stays_so_after_a_restart_and_when_all_is_forgotten(
    schema: TelemetrySchema, redis_url: str, tmp_path: Path, stopped: bool
) -> None:
    of = with_labels(schema, {"incident_mapping": SERVICENOW}, form="incidents", healthy_after="1m")
    package = write_package(tmp_path, of)
    settings = {"redis_url": redis_url, "journal_key": f"resent-{stopped}", "journal_max_events": 40}
    client = make_client(package, **settings)
    statuses(client, ticket(), CLOSED, CANCELLED, ticket())
    if stopped:
        client.shut_down()
    client = make_client(package, **settings)
    assert stays(client, ticket())
    for step in range(300):  # Redis cuts a stream in steps of a hundred entries.
        client.post("/telemetry", event("a/1", 100 * step))
    assert client.step("labeled_join")._book.get(NAME) is None
    assert stays(client, CLOSED) and stays(client, ticket())
    client = make_client(package, **settings)
    assert stays(client, ticket())
    assert not stays(client, ticket(category="power"))


def test_a_journal_of_an_earlier_version_comes_to_what_it_came_to_then() -> None:
    row = IncidentEvent("1", {}, None, None, False, True, {}).row()
    del row["firm"]
    assert IncidentEvent.of_row(row).firm
    assert IncidentEvent.of_row({**row, "cancelled": False}).firm
    assert not IncidentEvent.of_row({**row, "names": {"device": "a"}, "start": 1.0}).firm
    opened = {**row, "ended": True, "cancelled": False}
    for again in (opened, {**opened, "firm": True}):  # What took an end back was not kept.
        assert IncidentEvent.of_row(again).reopens
        assert not IncidentEvent.of_row({**again, "end": 5.0}).reopens
        assert not IncidentEvent.of_row({**again, "names": {"device": "a"}, "start": 1.0}).reopens
    kept = Incident("1", {"device": "a"}, 1.0, cancelled=True).plain()
    assert Incident.of_plain({name: kept[name] for name in kept if name not in ("held", "before")}).held
