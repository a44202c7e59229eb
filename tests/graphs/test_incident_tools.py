"""What tools send of incidents: reopened ones, and bodies in which a path of the mapping finds nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from feature_sets.telemetry.schema import TelemetrySchema
from graphs.respond import STAYS_CANCELLED
from tests.graphs.conftest import START, Client, event
from tests.graphs.test_incidents_route import (
    ALERTMANAGER,
    JIRA,
    NEVER,
    SERVICENOW,
    alert,
    issue,
    open_client,
    ticket,
    with_labels,
)

MAPPINGS = {"alertmanager": ALERTMANAGER, "servicenow": SERVICENOW, "jira": JIRA}


@pytest.fixture
def client_of(schema: TelemetrySchema, tmp_path: Path) -> Any:
    def make(tool: str, **changes: Any) -> Client:
        mapping = {**MAPPINGS[tool], **changes}
        return open_client(tmp_path, with_labels(schema, {"incident_mapping": mapping}, form="incidents"))

    return make


def statuses(client: Client, *bodies: Any) -> list[str]:
    answers = [client.post("/incidents", body) for body in bodies]
    assert {answer.status for answer in answers} == {200}, [answer.json for answer in answers]
    return [answer.json["status"] for answer in answers]


def is_cancelled(client: Client, name: str) -> bool:
    return bool(client.step("labeled_join")._book.get(name).cancelled)


def test_a_reopened_ticket_is_one_again(client_of: Any) -> None:
    client = client_of("servicenow")
    reopened = [ticket(), ticket(state="8"), ticket(), ticket(closed_at="2023-11-14 22:13:36", state="7")]
    assert statuses(client, *reopened) == ["opened", "cancelled", "changed", "closed"]
    assert not is_cancelled(client, "9d38")
    client.post("/telemetry", [event(seconds=at) for at in (10, 14)])
    assert client.get("/labeled").json["joined"] == 2


def test_a_part_of_an_issue_changes_what_it_says(client_of: Any) -> None:
    client = client_of("jira")
    wont_do = issue(resolutiondate="2023-11-14T22:13:36.000+0000", resolution={"name": "Won't Do"})
    parts: list[tuple[dict[str, Any], bool]] = [
        ({"resolutiondate": None}, True),
        ({"resolution": None}, True),
        ({"resolution": {"name": "Done"}}, True),
        ({"issuetype": {"name": "Bug"}}, False),
    ]
    for number, (fields, again) in enumerate(parts):
        wont_do["issue"]["key"] = name = f"NET-{number}"
        assert statuses(client, wont_do) == ["cancelled"]
        answered = client.post("/incidents", {"issue": {"key": name, "fields": fields}}).json
        known = client.step("labeled_join")._book.get(name)
        assert (answered["status"], known.cancelled) == ("changed", not again)
        assert (STAYS_CANCELLED in answered["note"]) is not again
        assert (known.end is None) == ("resolutiondate" in fields)


def test_what_people_cancelled_stays_so_while_a_tool_repeats_itself(client_of: Any) -> None:
    client = client_of("alertmanager")
    firing = {"alerts": [alert("firing", NEVER)]}
    client.post("/incidents", firing)
    assert statuses(client, {"id": "f1", "cancelled": True}) == ["cancelled"]
    answer = client.post("/incidents", firing).json
    assert (answer["status"], answer["note"]) == ("duplicate", STAYS_CANCELLED)
    assert statuses(client, {"id": "f1", "end": None}) == ["changed"]
    assert not is_cancelled(client, "f1")


def without(body: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}


def test_a_path_that_finds_nothing_is_named(client_of: Any) -> None:
    nobody = without(SERVICENOW["fields"], "device")
    device = "device (at cmdb_ci.display_value)"
    at_jira = "device (at issue.fields.customfield_10050.0.value)"
    cases = [
        (client_of("servicenow"), ticket(cmdb_ci=""), device, "must not be empty"),
        (None, without(ticket(), "cmdb_ci"), device, "be found there"),
        (None, ticket(opened_at=""), "start (at opened_at)", "must not be empty"),
        (None, without(ticket(), "sys_id"), "id (at sys_id)", "be found there"),
        (client_of("jira"), issue(customfield_10050={"value": "a/1"}), at_jira, "be found there"),
        (client_of("servicenow", fields=nobody), ticket(), "site", "must be in incident_mapping.fields"),
    ]
    client = None
    for given, body, field, rule in cases:
        client = given or client
        assert client is not None
        answered = client.post("/incidents", body)
        assert (answered.status, answered.json["error"]["field"]) == (422, field)
        assert rule in answered.json["error"]["rule"]


def test_the_good_alerts_beside_one_without_a_device_are_taken(client_of: Any) -> None:
    client = client_of("alertmanager")
    nameless = {**alert("firing", NEVER, "f2"), "labels": {"alertname": "Cluster"}}
    body = {
        "alerts": [nameless, alert("firing", NEVER), nameless, {**alert("firing", NEVER), "startsAt": "x"}]
    }
    answered = client.post("/incidents", body)
    assert answered.status == 422
    assert [(error["position"], error["field"]) for error in answered.json["errors"]] == [
        (0, "device (at labels.instance)"),
        (2, "device (at labels.instance)"),
        (3, "start (at startsAt)"),
    ]
    assert [one and one["status"] for one in answered.json["results"]] == [None, "opened", None, None]
    only = client.post("/incidents", {"alerts": [nameless, nameless]})
    assert (only.status, only.json["results"]) == (422, [None, None])
    # Of one that is known, it may say no more than the end.
    resolved = {**alert("resolved", "2023-11-14T22:13:36Z"), "labels": {"alertname": "LinkDown"}}
    answer = client.post("/incidents", {"alerts": [resolved]}).json
    assert (answer["status"], answer["note"]) == (
        "closed",
        "incident_mapping finds nothing at labels.instance",
    )


def test_a_path_of_what_need_not_be_there_is_told_in_a_note(client_of: Any) -> None:
    fields = {**SERVICENOW["fields"], "end": "closed_att"}
    answered = client_of("servicenow", fields=fields, cancelled={"stat": ["8"]}).post("/incidents", ticket())
    assert answered.json["status"] == "opened"
    assert answered.json["note"] == "incident_mapping finds nothing at closed_att, stat"


def test_a_refused_incident_is_in_no_journal(schema: TelemetrySchema, redis_url: str, tmp_path: Path) -> None:
    of = with_labels(schema, {"incident_mapping": SERVICENOW}, form="incidents")
    client = open_client(tmp_path, of, redis_url=redis_url, journal_key="nameless")
    assert client.post("/incidents", ticket(cmdb_ci="")).status == 422
    assert client.post("/incidents", [ticket(cmdb_ci=""), ticket(cmdb_ci="")]).status == 422
    assert client.post("/incidents", {"id": "1", "device": "a/1", "start": START}).status == 200
    client.shut_down()
    again = open_client(tmp_path, of, redis_url=redis_url, journal_key="nameless")
    assert [one.id for one in again.step("labeled_join")._book] == ["1"]


@pytest.mark.parametrize("form", ["incidents", "rows"])
def test_a_mapping_that_is_mended_needs_no_new_model(
    schema: TelemetrySchema, tmp_path: Path, form: str
) -> None:
    typo = {**SERVICENOW, "fields": {**SERVICENOW["fields"], "device": "ci.name"}}
    more = {"incident_mapping": typo} if form == "incidents" else {}
    of = with_labels(schema, more, form=form)
    client = open_client(tmp_path, of, incident_mapping=SERVICENOW)
    assert client.post("/incidents", ticket()).status == (200 if form == "incidents" else 422)


def test_a_mapping_of_another_schema_leaves_that_of_the_model(
    schema: TelemetrySchema, tmp_path: Path
) -> None:
    of = with_labels(schema, {"incident_mapping": SERVICENOW}, form="incidents")
    other = {"fields": {"start": "at", "rack": "rack"}}
    assert open_client(tmp_path, of, incident_mapping=other).post("/incidents", ticket()).status == 200
    # Without a content there is none.
    assert open_client(tmp_path, of, incident_mapping={}).post("/incidents", ticket()).status == 422


def test_a_body_of_no_known_tool_is_told_what_the_mapping_finds_not(
    client_of: Any, schema: TelemetrySchema, tmp_path: Path
) -> None:
    webhook = {"receiver": "netops", "status": "firing", "alerts": [alert("firing", NEVER)]}
    table = {"result": [ticket()]}
    cases = [
        (client_of("alertmanager", each="alertz"), webhook, "incident_mapping finds no list at alertz"),
        (None, {"alerts": {}}, "incident_mapping finds no list at alertz"),
        (client_of("servicenow"), table, "incident_mapping finds nothing at sys_id, opened_at, closed_at"),
        (
            open_client(tmp_path, with_labels(schema, form="incidents")),
            webhook,
            "the JSON of an incident tool needs incident_mapping in the schema",
        ),
    ]
    client = None
    for given, body, hint in cases:
        client = given or client
        assert client is not None
        answered = client.post("/incidents", body)
        assert answered.status == 422 and hint in answered.json["error"]["rule"]
        own = client.post("/incidents", {"id": "1", "ennd": None})
        assert own.status == 422 and "incident_mapping" not in own.json["error"]["rule"]


def test_a_column_of_labels_only_is_mapped_and_leaves_issues_out(
    schema: TelemetrySchema, tmp_path: Path
) -> None:
    mapping = {**JIRA, "fields": {**JIRA["fields"], "severity": "issue.fields.priority.name"}}
    changed = with_labels(
        schema, {"incident_mapping": mapping}, form="incidents", only={"severity": ["High"]}
    )
    client = open_client(tmp_path, changed)
    low, high = issue(priority={"name": "Low"}), issue(priority={"name": "High"})
    assert statuses(client, low, low, high, low) == ["cancelled", "duplicate", "changed", "cancelled"]
