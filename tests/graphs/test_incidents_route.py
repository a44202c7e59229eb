"""``POST /incidents``, and incidents and positives at ``POST /labels``, through the whole graph."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from feature_sets.telemetry.schema import TelemetrySchema
from graphs.protocol.openapi import openapi_document
from graphs.respond import WITHOUT_DEVICES
from tests.graphs.conftest import START, Client, event, label, make_client, write_package
from tests.graphs.state.test_derived_ledger import MADE


def with_labels(
    schema: TelemetrySchema, content: dict[str, Any] | None = None, **labels: Any
) -> TelemetrySchema:
    return TelemetrySchema.from_dict({**schema.to_dict(), **(content or {}), "labels": labels})


def open_client(tmp_path: Path, schema: TelemetrySchema, **settings: Any) -> Client:
    return make_client(write_package(tmp_path, schema), **settings)


@pytest.fixture
def client(schema: TelemetrySchema, tmp_path: Path) -> Client:
    return open_client(tmp_path, with_labels(schema, form="incidents", healthy_after="1m"))


def told(
    status: str, labeled: int = 0, too_late: int = 0, name: str = "INC1", devices: int = 1
) -> dict[str, Any]:
    named = None if status == "waiting" else devices
    return {"id": name, "status": status, "labeled": labeled, "too_late": too_late, "devices": named}


def test_an_incident_opens_changes_closes_and_is_cancelled(client: Client) -> None:
    client.post("/telemetry", [event(seconds=at) for at in (0, 10, 20)])
    opened = {"id": "INC1", "device": "a/1", "start": START + 10, "kind": "link"}
    assert client.post("/incidents", opened).json == told("opened", labeled=2)
    client.post("/telemetry", event(seconds=30))
    assert client.post("/incidents", {"id": "INC1", "end": START + 35}).json == told("closed")
    assert client.post("/incidents", {"id": "INC1", "end": START + 35}).json == told("duplicate")
    client.post("/telemetry", [event(seconds=40), event(seconds=100)])
    summary = client.get("/labeled").json
    # Those at 0 and 40 are healthy, that at 100 is not old enough.
    assert (summary["joined"], summary["waiting"]) == (5, 1)
    assert client.post("/incidents", {"id": "INC1", "start": START - 5}).json == told("changed", too_late=1)
    assert client.post("/incidents", {"id": "INC1", "cancelled": True}).json == told("cancelled")
    assert client.post("/incidents", {"id": "INC2", "cancelled": True}).json == told("waiting", name="INC2")


def test_labels_may_be_rows_and_incidents_told_apart_by_their_fields(client: Client) -> None:
    client.post("/telemetry", [event(seconds=at) for at in (0, 10, 20)])
    sent = [
        label(seconds=0, is_error=1),
        {"site": "a", "box": "1", "start": START + 10, "end": None},
        label("a/2"),
    ]
    answers = client.post("/labels", sent).json
    assert [answer["status"] for answer in answers] == ["joined", "opened", "waiting"]
    assert answers[1] == told("opened", labeled=2, name=f"device=a/1@{int(START) + 10}")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"id": "1", "device": "a/1", "start": "soon"}, "start"),
        ({"id": "1", "device": "a/1", "start": START, "end": START - 1}, "end"),
        ({"id": "1", "device": "nobody", "start": START}, "device"),
        ({"id": ["1"], "device": "a/1", "start": START}, "id"),
        ({"id": 2**70 + 1, "device": "a/1", "start": START}, "id"),
        ({"id": float(2**53), "device": "a/1", "start": START}, "id"),
        ({"id": "1", "cancelled": "perhaps"}, "cancelled"),
        ({"id": "1", "kind": {"a": 1}}, "kind"),
        ({"device": "a/1"}, "start"),
        ({"start": START}, "device"),
        ({"id": "x" * 600, "start": START}, "id"),
        ({"id": "1", "device": 7.5, "start": START}, "device"),
        ({"id": "1", "device": "a/1", "start": START, "ennd": START + 60}, "ennd"),
        ([], None),
        ("text", "incident"),
    ],
)
def test_a_bad_incident_is_a_422_that_names_the_field(client: Client, body: Any, field: str | None) -> None:
    answered = client.post("/incidents", body)
    if field is None:
        assert (answered.status, answered.json) == (200, [])
    else:
        assert (answered.status, answered.json["error"]["field"]) == (422, field)


@pytest.mark.parametrize("body", [b"null", b" null ", b'""', b""])
@pytest.mark.parametrize(
    "path", ["/incidents", "/labels", "/telemetry", "/maintenance", "/v2/models/model/infer"]
)
def test_a_body_that_says_nothing_is_a_400(client: Client, path: str, body: bytes) -> None:
    for content_type in ("application/json", "text/plain"):
        answered = client.post(path, body, content_type=content_type)
        assert (answered.status, answered.json["error"]["field"]) == (400, "body")


def test_good_incidents_of_a_list_are_taken(client: Client) -> None:
    answered = client.post(
        "/incidents", [{"id": "1", "device": "a/1", "start": START}, {"id": "2", "start": "x"}]
    )
    assert answered.status == 422
    assert answered.json["errors"][0]["position"] == 1
    assert answered.json["results"] == [told("opened", name="1"), None]


def test_an_endpoint_whose_labels_are_rows_says_so(package: Path) -> None:
    answered = make_client(package).post("/incidents", {"id": "1", "device": "a/1", "start": START})
    assert answered.status == 422
    assert answered.json["error"] == {
        "field": "labels.form",
        "rule": "must be incidents in the schema to take one",
        "got": "rows",
    }


def test_a_positive_says_nothing_but_where_and_when(schema: TelemetrySchema, tmp_path: Path) -> None:
    of = with_labels(schema, form="positives", watched="readings", tolerance="5s", healthy_after="1m")
    client = open_client(tmp_path, of)
    client.post("/telemetry", [event(seconds=at) for at in (0, 10, 20)])
    assert client.post("/labels", {"device": "a/1", "timestamp": START + 14}).json["status"] == "joined"
    client.post("/telemetry", event(seconds=100))
    assert client.get("/labeled").json["joined"] == 3


@pytest.mark.parametrize(
    ("scope", "named"),
    [
        ({"site": "a"}, 4),
        ({"site": "a", "model": " "}, 4),  # As an empty cell of a file.
        ({"model": "x"}, 2),
        ({"site": "a", "model": "y"}, 2),
        ({"model": "z"}, 0),
    ],
)
def test_an_incident_names_devices_by_its_scope(
    schema: TelemetrySchema, tmp_path: Path, scope: dict[str, str], named: int
) -> None:
    client = open_client(tmp_path, with_labels(schema, form="incidents", scope=["site", "model"]))
    client.post("/telemetry", [event(device, at) for device in ("a/1", "a/2") for at in (0, 10)])
    answer = client.post("/incidents", {"id": "1", "start": START, **scope}).json
    assert (answer["labeled"], answer["devices"]) == (named, named // 2)
    # A value that no device has may be misspelled, or of a device that registers later.
    assert ("note" in answer) == (not named)
    counted = 'netops_unmatched_scopes_total{kind="incidents"} 1.0' in client.get("/metrics").json
    assert counted == (not named)


@pytest.mark.parametrize("mapped", [True, False])
def test_a_tool_that_posts_to_the_labels_is_told_the_way(
    schema: TelemetrySchema, tmp_path: Path, mapped: bool
) -> None:
    more = {"incident_mapping": ALERTMANAGER} if mapped else {}
    client = open_client(tmp_path, with_labels(schema, more, form="incidents") if mapped else schema)
    answered = client.post("/labels", {"status": "firing", "alerts": [alert("firing", NEVER)]})
    assert answered.status == 422 and "is taken at /incidents" in answered.json["error"]["rule"]
    assert "/incidents" not in client.post("/labels", {"is_error": 1}).json["error"]["rule"]


def test_with_a_horizon_predictions_before_an_incident_are_labeled_later(
    schema: TelemetrySchema, tmp_path: Path
) -> None:
    of = with_labels(schema, {"horizon": "1m"}, form="incidents", healthy_after="1m")
    client = open_client(tmp_path, of)
    client.post("/telemetry", [event(seconds=10 * at) for at in range(10)])
    assert client.post("/incidents", {"id": "INC1", "device": "a/1", "start": START + 50}).json == told(
        "opened"
    )
    assert client.post("/labels", {**label(seconds=500), "is_error": 1}).json["status"] == "kept"
    assert client.get("/labeled").json["joined"] == 0
    client.post("/telemetry", event(seconds=1000))
    assert client.get("/labeled").json["joined"] == 5


ALERTMANAGER = {
    "each": "alerts",
    "fields": {
        "id": "fingerprint",
        "start": "startsAt",
        "end": "endsAt",
        "kind": "labels.alertname",
        "device": "labels.instance",
    },
    "open": {"status": ["firing"]},
}
SERVICENOW = {
    "fields": {
        "id": "sys_id",
        "start": "opened_at",
        "end": "closed_at",
        "kind": "category",
        "device": "cmdb_ci.display_value",
    },
    "cancelled": {"state": ["8"]},
    "time_zone": "UTC",
}
JIRA = {
    "fields": {
        "id": "issue.key",
        "start": "issue.fields.created",
        "end": "issue.fields.resolutiondate",
        "kind": "issue.fields.issuetype.name",
        "device": "issue.fields.customfield_10050.0.value",
    },
    "cancelled": {"issue.fields.resolution.name": ["Won't Do", "Duplicate"]},
}


def alert(status: str, end: str, fingerprint: str = "f1") -> dict[str, Any]:
    return {
        "status": status,
        "labels": {"alertname": "LinkDown", "instance": "a/1"},
        "startsAt": "2023-11-14T22:13:30.000Z",
        "endsAt": end,
        "fingerprint": fingerprint,
    }


def ticket(**fields: Any) -> dict[str, Any]:
    given = {"sys_id": "9d38", "opened_at": "2023-11-14 22:13:30", "closed_at": "", "category": "network"}
    return {
        **given,
        "state": "2",
        "cmdb_ci": {"display_value": "a/1", "link": "https://example.com"},
        **fields,
    }


def issue(**fields: Any) -> dict[str, Any]:
    given = {
        "created": "2023-11-14T23:13:30.000+0100",
        "resolutiondate": None,
        "issuetype": {"name": "Incident"},
        "customfield_10050": [{"value": "a/1"}],
        "resolution": None,
    }
    body = {"id": "10002", "key": "NET-7", "fields": {**given, **fields}}
    return {"timestamp": 1_700_000_000_000, "webhookEvent": "jira:issue_updated", "issue": body}


NEVER = "0001-01-01T00:00:00Z"
SHAPES = {
    "alertmanager": (
        ALERTMANAGER,
        {"version": "4", "status": "firing", "alerts": [alert("firing", NEVER)]},
        {"version": "4", "status": "resolved", "alerts": [alert("resolved", "2023-11-14T22:13:36Z")]},
        {"version": "4", "alerts": []},
        "f1",
    ),
    "servicenow": (
        SERVICENOW,
        ticket(),
        ticket(closed_at="2023-11-14 22:13:36", state="7"),
        ticket(state="8"),
        "9d38",
    ),
    "jira": (
        JIRA,
        issue(),
        issue(resolutiondate="2023-11-14T22:13:36.000+0000", resolution={"name": "Done"}),
        issue(resolution={"name": "Won't Do"}),
        "NET-7",
    ),
}


@pytest.mark.parametrize("tool", SHAPES)
def test_an_incident_tool_posts_its_own_json(schema: TelemetrySchema, tmp_path: Path, tool: str) -> None:
    mapping, opened, closed, cancelled, name = SHAPES[tool]
    of = with_labels(schema, {"incident_mapping": mapping}, form="incidents")
    assert TelemetrySchema.from_dict(of.to_dict()) == of
    client = open_client(tmp_path, of)
    client.post("/telemetry", [event(seconds=at) for at in (0, 10)])

    def answer(body: Any) -> Any:
        answered = client.post("/incidents", body)
        assert answered.status == 200, answered.json
        found = answered.json
        return found[0] if isinstance(found, list) and found else found

    assert answer(opened) == told("opened", labeled=1, name=name)
    assert answer(opened) == told("duplicate", name=name)
    assert answer(closed) == told("closed", name=name)
    client.post("/telemetry", [event(seconds=20), event(seconds=14)])
    assert client.get("/labeled").json["joined"] == 2
    assert answer(cancelled) == (told("cancelled", name=name) if tool != "alertmanager" else [])
    own = {"id": "mine", "device": "a/1", "start": START, "end": START + 1}
    assert client.post("/incidents", own).json["status"] == "opened"


def test_a_field_of_a_tool_is_named_with_its_path(schema: TelemetrySchema, tmp_path: Path) -> None:
    client = open_client(tmp_path, with_labels(schema, {"incident_mapping": ALERTMANAGER}, form="incidents"))
    wrong = {**alert("firing", NEVER), "startsAt": "soon"}
    answered = client.post("/incidents", {"alerts": [wrong, alert("firing", NEVER, "f2"), 7]})
    assert answered.status == 422
    assert [error["field"] for error in answered.json["errors"]] == ["start (at startsAt)", "incident"]
    assert answered.json["results"][1]["status"] == "opened"


def test_the_openapi_document_knows_incidents(schema: TelemetrySchema) -> None:
    document = openapi_document(with_labels(schema, form="incidents"))
    OpenAPIV31SpecValidator(document).validate()
    schemas = document["components"]["schemas"]
    assert list(schemas["Incident"]["properties"])[:5] == ["id", "site", "box", "device", "start"]
    assert schemas["Label"]["anyOf"][1] == {"$ref": "#/components/schemas/Incident"}


def conversation(seed: int, steps: int = 120) -> list[tuple[str, Any]]:
    generator = random.Random(seed)
    requests: list[tuple[str, Any]] = []
    for step in range(steps):
        seconds = 10.0 * step
        requests.append(
            ("/telemetry", [event(device, seconds, cpu=step % 7 * 10) for device in ("a/1", "a/2")])
        )
        if generator.random() < 0.3:
            sent = {"id": str(step % 7), "device": f"a/{step % 2 + 1}", "start": START + seconds - 15}
            if generator.random() < 0.5:
                sent["end"] = START + seconds + generator.choice([0, 25])
            requests.append((generator.choice(["/incidents", "/labels"]), sent))
        if generator.random() < 0.2:
            requests.append(("/incidents", {"id": str(step % 5), "cancelled": True}))
        if step % 5 == 0:  # Its start comes later.
            name = f"early-{step % 20}"
            requests.append(("/incidents", {"id": name, "end": START + seconds + 40}))
            if step % 20 == 10:
                late = {"id": f"early-{step % 20 - 5}", "device": "a/1", "start": START + seconds - 60}
                requests.append(("/incidents", late))
        if generator.random() < 0.3:
            requests.append(("/labels", label("a/1", seconds - 13, step % 2)))
    return requests


@pytest.mark.parametrize("labels", [{"healthy_after": "1m"}, {"tolerance": "9s"}])
def test_a_restarted_graph_answers_like_one_that_never_stopped(
    schema: TelemetrySchema, redis_url: str, tmp_path: Path, labels: dict[str, str]
) -> None:
    (tmp_path / "model").mkdir()
    package = write_package(tmp_path / "model", with_labels(schema, form="incidents", **labels))

    def graph(name: str) -> Client:
        directory = tmp_path / f"{name}-{len(labels)}"
        return make_client(
            package,
            redis_url=redis_url,
            journal_key=f"incidents-{name}-{next(iter(labels))}",
            labeled_directory=str(directory),
            label_deadline_seconds=300,
            batch_rows=7,
            batch_seconds=3600,
        )

    steady, restarted = graph("steady"), graph("restarted")
    for number, (path, body) in enumerate(conversation(5)):
        if number in (40, 41, 90):
            restarted.shut_down()
        if number in (20, 41, 70, 110):
            restarted = graph("restarted")
        expected, got = steady.post(path, body), restarted.post(path, body)
        assert (got.status, got.json) == (expected.status, expected.json), f"request {number} to {path}"
    assert steady.get("/labeled").json["joined"] > 100
    written = []
    for client, name in ((steady, "steady"), (restarted, "restarted")):
        client.shut_down()
        files = sorted((tmp_path / f"{name}-{len(labels)}").glob("*.parquet"))
        frame = pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)
        keys = ["device", "timestamp"]
        assert not frame.duplicated(keys).any()
        written.append(
            frame.drop(columns=["predicted_at", "labeled_at"]).sort_values(keys, ignore_index=True)
        )
    pd.testing.assert_frame_equal(*written)


@pytest.mark.parametrize("stopped", [True, False])
def test_an_open_incident_outlives_what_the_journal_holds(
    schema: TelemetrySchema, redis_url: str, tmp_path: Path, stopped: bool
) -> None:
    package = write_package(tmp_path, with_labels(schema, form="incidents", healthy_after="1m"))

    def start() -> Client:
        key = f"open-{stopped}"
        return make_client(package, redis_url=redis_url, journal_key=key, journal_max_events=40)

    client = start()
    opened = {"id": "INC1", "device": "a/1", "start": START + 5}
    assert client.post("/incidents", opened).json == told("opened")
    client.post("/incidents", {"id": "INC2", "device": "a/2", "start": START})
    for step in range(300):  # Redis cuts a stream in steps of a hundred entries.
        client.post("/telemetry", event("a/1", step))
    if stopped:
        client.shut_down()
    again = start()
    assert again.step("journal")._journal.load("incidents") is not None
    for one in (client, again):
        joined = one.get("/labeled").json["joined"]
        one.step("labeled_join")._ledger.add_prediction("a/1", START + 301, MADE, START + 301)
        assert one.get("/labeled").json["joined"] == joined + 1
    assert again.post("/incidents", {"id": "INC1", "end": START + 302}).json == told("closed")
    again.post("/incidents", {"id": "INC2", "cancelled": True})
    again.shut_down()
    assert start().post("/incidents", {"id": "INC2", "cancelled": True}).json["status"] == "duplicate"


EARLY = {"id": "INC1", "end": START + 25}
OPENING = {"id": "INC1", "device": "a/1", "start": START + 5, "kind": "thermal"}


@pytest.mark.parametrize("empty", [{}, {"end": None}, {"end": "", "cancelled": False}])
@pytest.mark.parametrize("together", [True, False])
def test_an_end_that_comes_before_its_start_counts_as_if_it_came_after(
    schema: TelemetrySchema, tmp_path: Path, empty: dict[str, Any], together: bool
) -> None:
    kept = []
    for order in (1, -1):
        (tmp_path / str(order)).mkdir()
        client = open_client(tmp_path / str(order), with_labels(schema, form="incidents", healthy_after="1m"))
        client.post("/telemetry", [event(seconds=at) for at in (0, 10, 20, 30)])
        bodies = [OPENING | empty, EARLY][::order]
        if together:
            statuses = [one["status"] for one in client.post("/incidents", bodies).json]
        else:
            statuses = [client.post("/incidents", body).json["status"] for body in bodies]
        assert statuses == (["opened", "closed"] if order == 1 else ["waiting", "opened"])
        client.post("/telemetry", [event(seconds=at) for at in (40, 120)])
        kept.append(list(client.step("labeled_join")._book))
        summary = client.get("/labeled").json
        # From 10 to 20 they are errors, the others but the last one are healthy.
        assert (summary["joined"], summary["incidents_waiting_for_start"]) == (5, 0)
    assert kept[0] == kept[1]
    assert kept[0][0].end == START + 25


def test_an_incident_with_a_start_and_without_a_device_says_what_it_waits_for(client: Client) -> None:
    answer = client.post("/incidents", {"id": "A", "start": START}).json
    assert answer == {**told("waiting", name="A"), "note": WITHOUT_DEVICES}
    # Ends that come first are as they should be, and so is the device that comes then.
    assert "note" not in client.post("/incidents", {"id": "B", "end": START}).json
    assert client.post("/incidents", {"id": "A", "device": "a/1"}).json == told("opened", name="A")


def test_what_waits_for_a_start_is_merged_counted_and_bounded(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client.step("labeled_join")._book.early, "_most", 2)

    def status(**body: Any) -> str:
        return client.post("/incidents", body).json["status"]

    assert status(id="A", end=START + 5, kind="link") == "waiting"
    assert status(id="A", start=START + 6) == "end_before_start"
    assert status(id="A", start=START + 10**9) == "quarantined"
    assert status(id="A", end=START + 9) == "waiting"
    assert status(id="A", start=START + 6) == "waiting"
    assert status(id="A", device="a/1") == "opened"
    opened = client.step("labeled_join")._book.get("A")
    assert (opened.start, opened.end, opened.texts["kind"]) == (START + 6, START + 9, "link")
    assert status(id="B", end=START) == "waiting"
    assert status(id="B", device="a/1", start=START + 1) == "opened"
    assert client.step("labeled_join")._book.get("B").end is None
    assert status(id="C", cancelled=True) == status(id="D", cancelled=True) == "waiting"
    summary = client.get("/labeled").json
    assert (summary["incidents_waiting_for_start"], summary["refused_ends"]) == (2, 1)
    assert status(id="E", cancelled=True) == "waiting"
    summary = client.get("/labeled").json
    assert (summary["incidents_waiting_for_start"], summary["forgotten_incidents"]) == (2, 1)
    metrics = client.get("/metrics").json
    assert 'netops_ledger_size{state="incident_waiting_for_start"} 2' in metrics
    assert 'netops_ledger_outcomes_total{outcome="forgotten_incident"} 1' in metrics
    assert status(id="C", device="a/1", start=START) == "opened"
    assert status(id="D", device="a/1", start=START, end=None) == "cancelled"


def test_an_end_that_waits_outlives_what_the_journal_holds(
    schema: TelemetrySchema, redis_url: str, tmp_path: Path
) -> None:
    package = write_package(tmp_path, with_labels(schema, form="incidents", healthy_after="1m"))

    def start() -> Client:
        return make_client(package, redis_url=redis_url, journal_key="early", journal_max_events=40)

    client = start()
    assert client.post("/incidents", EARLY).json == told("waiting")
    for step in range(300):  # Redis cuts a stream in steps of a hundred entries.
        client.post("/telemetry", event("a/1", step))
    again = start()
    for one in (client, again):
        assert one.get("/labeled").json["incidents_waiting_for_start"] == 1
    assert again.post("/incidents", OPENING).json["status"] == "opened"
    assert again.step("labeled_join")._book.get("INC1").end == START + 25
    last = start()  # A kill: nobody has shut down.
    assert last.step("labeled_join")._book.get("INC1").end == START + 25
    assert last.get("/labeled").json["incidents_waiting_for_start"] == 0


def test_what_labels_only_leaves_out_of_files_is_no_incident_live(
    schema: TelemetrySchema, tmp_path: Path
) -> None:
    only = {"severity": ["Major", "critical"], "kind": ["outage"]}
    changed = with_labels(schema, form="incidents", healthy_after="1m", only=only)
    client = open_client(tmp_path, changed)
    fields = openapi_document(changed)["components"]["schemas"]["Incident"]["properties"]
    assert fields["severity"]["description"] == "it is none unless this is one of: Major, critical"
    client.post("/telemetry", [event(seconds=at) for at in (0, 10)])
    sent = {"id": "INC1", "device": "a/1", "start": START, "end": START + 5, "kind": "outage"}
    minor = {**sent, "severity": "minor"}
    assert client.post("/incidents", minor).json == told("cancelled")
    # As in files, the last one decides.
    assert client.post("/incidents", {**sent, "severity": "MAJOR"}).json == told("changed", labeled=1)
    assert client.post("/incidents", {"id": "INC1", "end": START + 6}).json["status"] == "changed"
    assert client.post("/incidents", {"id": "INC1", "severity": None}).json["status"] == "cancelled"
    assert client.post("/incidents", {**sent, "id": "2", "kind": "work"}).json == told("cancelled", name="2")
    # Without the columns there is nothing to leave it out by.
    bare = {"id": "3", "device": "a/1", "start": START + 10}
    assert client.post("/incidents", bare).json["status"] == "opened"
    # One of several columns does not say that the others are as they should be.
    assert client.post("/incidents", {**minor, "id": "4"}).json["status"] == "cancelled"
    client.post("/incidents", {"id": "4", "kind": "outage", "end": START + 6})
    assert client.step("labeled_join")._book.get("4").cancelled
    client.post("/incidents", {"id": "4", "kind": "outage", "severity": "critical"})
    assert not client.step("labeled_join")._book.get("4").cancelled
