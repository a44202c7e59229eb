"""``POST /maintenance``: opened, changed, closed, cancelled; and what it does to answers, pairs and drift."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drift.detectors.ddm import DDM
from drift.monitor import DriftMonitor
from feature_sets.telemetry.calendar import Maintenance
from feature_sets.telemetry.intervals import Scope
from feature_sets.telemetry.schema import TelemetrySchema
from graphs import device_states
from graphs.protocol.times import iso_time
from graphs.state import serving_state
from graphs.state.maintenance_calendar import Known, MaintenanceCalendar
from tests.graphs.conftest import DEVICES, START, Client, event, label, make_client, write_package


@pytest.fixture(scope="session")
def planned(schema: TelemetrySchema, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of telemetry with a calendar."""
    declared = TelemetrySchema.from_dict({**schema.to_dict(), "maintenance": {}})
    return write_package(tmp_path_factory.mktemp("planned"), declared)


@pytest.fixture
def client(planned: Path) -> Client:
    return make_client(planned)


def at(seconds: float) -> str:
    return iso_time(START + seconds)


def window(first: float, last: float | None = None, **more: Any) -> dict[str, Any]:
    return {"start": at(first), "end": None if last is None else at(last), **more}


def told(client: Client, device: str = "a/1", seconds: float = 0.0) -> tuple[str, int | None]:
    answer = client.post("/telemetry", event(device, seconds)).json
    assert answer["probability"] is not None and answer["status"] == "accepted"
    return answer["device_state"], answer["prediction"]


def test_a_device_in_maintenance_raises_no_alarm_and_its_probability_is_told(client: Client) -> None:
    answered = client.post("/maintenance", window(10, 30, id="chg-1", device="a/1", reason="upgrade"))
    assert (answered.status, answered.json) == (
        200,
        {
            "id": "chg-1",
            "scope": {"device": "a/1"},
            "start": at(10),
            "end": at(30),
            "reason": "upgrade",
            "status": "opened",
            "devices": 1,
        },
    )
    before = client.post("/telemetry", event("a/1", 0, cpu=100.0, latency=9000.0)).json
    assert (before["device_state"], before["prediction"]) == ("new", 1) and "maintenance" not in before
    inside = client.post("/telemetry", event("a/1", 10, cpu=100.0, latency=9000.0)).json
    assert (inside["device_state"], inside["maintenance"]) == ("maintenance", "chg-1")
    assert inside["prediction"] is None and inside["probability"] > 0.5
    assert told(client, "a/1", 30)[0] == "reporting"
    assert told(client, "a/2", 10)[0] == "new"
    metrics = client.get("/metrics").json
    assert 'netops_suppressed_predictions_total{prediction="1"} 1.0' in metrics
    assert 'netops_predictions_total{model="model",prediction="1",version="v3"}' in metrics
    assert 'netops_maintenance_changes_total{status="opened"} 1.0' in metrics
    assert client.get("/labeled").json["suppressed_predictions"] == 1


@pytest.mark.parametrize("then", ["goes on", "cancelled", "another one"])
@pytest.mark.parametrize("restarted", [False, True])
def test_a_repeat_of_an_event_in_maintenance_gets_its_first_answer(
    planned: Path, redis_url: str, tmp_path: Path, then: str, restarted: bool
) -> None:
    kept = {"redis_url": redis_url, "journal_key": f"silenced-{then}-{restarted}"}
    client = make_client(planned, **kept, snapshot_directory=str(tmp_path))
    client.post("/maintenance", window(10, 30, id="chg-1", device="a/1"))
    client.post("/telemetry", [event("a/1", at) for at in (0, 5)])
    inside = event("a/1", 10, cpu=100.0, latency=9000.0)
    first = client.post("/telemetry", inside).json
    # Both of one list, too: the second finds the first.
    twice = client.post("/telemetry", [event("a/1", 20), event("a/1", 20)]).json
    assert first["prediction"] is None and first["probability"] > 0.5
    if then != "goes on":
        client.post("/maintenance", {"id": "chg-1", "cancel": True})
    if then == "another one":
        client.post("/maintenance", window(0, 40, id="chg-2", device="a/1"))
    if restarted:
        client.shut_down()
        client = make_client(planned, **kept, snapshot_directory=str(tmp_path))
    again = [client.post("/telemetry", inside).json for _ in range(2)]
    assert again == [{**first, "status": "duplicate"}] * 2
    later = client.post("/telemetry", event("a/1", 20)).json
    assert twice[1] == later == {**twice[0], "status": "duplicate"}
    assert client.get("/labeled").json["waiting"] == 2


def test_what_was_said_in_a_maintenance_is_forgotten_with_the_rest(planned: Path) -> None:
    client = make_client(planned, label_deadline_seconds=100.0, ledger_max_size=3)
    client.post("/maintenance", window(0, None, id="open", device="a/1"))
    first = client.post("/telemetry", [event("a/1", at) for at in (10, 20, 30)]).json
    silenced = client.step("labeled_join")._silenced
    assert (len(silenced.ledger), len(silenced._names)) == (3, 3)
    assert client.post("/telemetry", event("a/1", 30)).json == {**first[2], "status": "duplicate"}
    # The time of the others ends it.
    assert client.post("/telemetry", event("a/2", 150)).status == 200
    again = client.post("/telemetry", event("a/1", 20)).json
    assert (again["status"], again["probability"]) == ("duplicate", None)
    assert (len(silenced.ledger), len(silenced._names)) == (0, 0)


def test_a_maintenance_of_everything_refuses_no_telemetry_and_its_earliest_answers_are_forgotten(
    planned: Path, redis_url: str, tmp_path: Path
) -> None:
    kept = {"redis_url": redis_url, "journal_key": "silenced-many", "ledger_max_size": 8}
    kept["label_deadline_seconds"] = 100.0
    client = make_client(planned, **kept, snapshot_directory=str(tmp_path))
    client.post("/maintenance", window(0, None, id="open", device="a/1"))
    said = [client.post("/telemetry", event("a/1", at)).json for at in range(10, 300, 10)]
    assert {one["status"] for one in said} == {"accepted"}
    for restarted in (False, True):
        if restarted:
            client.shut_down()
            client = make_client(planned, **kept, snapshot_directory=str(tmp_path))
        silenced = client.step("labeled_join")._silenced
        assert len(silenced.ledger) == len(silenced._names) == len(silenced._by_time) <= 8
        for back in (1, 5):
            again = client.post("/telemetry", event("a/1", 300 - 10 * back)).json
            assert again == {**said[-back], "status": "duplicate"}
        assert client.post("/telemetry", event("a/1", 200)).json["probability"] is None


def test_windows_count_the_readings_of_a_maintenance(client: Client, planned: Path) -> None:
    other = make_client(planned)
    client.post("/maintenance", window(0, 40, site="a"))
    for seconds in (0, 10, 20, 50):
        one = client.post("/telemetry", event("a/1", seconds, cpu=seconds)).json
        two = other.post("/telemetry", event("a/1", seconds, cpu=seconds)).json
        assert one["probability"] == two["probability"]


def test_an_entry_is_changed_closed_and_cancelled_by_its_id(client: Client) -> None:
    opened = client.post("/maintenance", {"site": "a", "start": at(0)}).json
    assert (opened["end"], opened["reason"], opened["devices"]) == (None, "", 2)
    name = opened["id"]
    assert client.post("/maintenance", {"site": "a", "start": at(0)}).json["status"] == "unchanged"
    assert told(client, seconds=5)[0] == "maintenance"

    closed = client.post("/maintenance", {"id": name, "end": at(50), "reason": "done"}).json
    assert (closed["status"], closed["end"], closed["scope"]) == ("changed", at(50), {"site": "a"})
    assert told(client, seconds=40)[0] == "maintenance"
    assert told(client, seconds=50)[0] == "reporting"

    moved = client.post("/maintenance", {"id": name, "device": "a/2", "start": at(20), "end": at(90)}).json
    assert (moved["scope"], moved["reason"], moved["devices"]) == ({"device": "a/2"}, "done", 1)
    assert told(client, "a/1", 60)[0] == "reporting"
    assert told(client, "a/2", 60)[0] == "maintenance"
    (entry,) = client.get("/maintenance").json["entries"]
    assert entry == {name: moved[name] for name in ("id", "scope", "start", "end", "reason")}

    cancelled = client.post("/maintenance", {"id": name, "cancel": True}).json
    assert cancelled == {"id": name, "status": "cancelled", "devices": None}
    assert client.get("/maintenance").json == {"entries": []}
    assert told(client, "a/2", 70)[0] == "reporting"
    again = client.post("/maintenance", {"id": name, "cancel": True})  # As by who got no answer.
    assert (again.status, again.json) == (200, {"id": name, "status": "unchanged", "devices": None})
    assert client.get("/maintenance").json == {"entries": []}
    assert client.post("/maintenance", {"id": name, "site": "a", "start": at(0)}).json["status"] == "opened"


def test_a_list_of_changes_is_taken_in_its_order_beside_refused_ones(client: Client) -> None:
    answered = client.post(
        "/maintenance",
        [
            window(0, 10, id="x", site="a"),
            window(0, 10, site="a", ends=3),
            {"id": "x", "end": at(20)},
            {"id": "x", "cancel": True},
            {"id": "x", "cancel": True},
        ],
    )
    assert answered.status == 422
    assert [error["position"] for error in answered.json["errors"]] == [1]
    statuses = [row and row["status"] for row in answered.json["results"]]
    assert statuses == ["opened", None, "changed", "cancelled", "unchanged"]


def test_a_new_entry_without_a_start_begins_now(client: Client) -> None:
    opened = client.post("/maintenance", {"device": "a/1"}).json
    assert opened["start"] > "2026" and opened["end"] is None


@pytest.mark.parametrize(
    ("body", "field", "rule"),
    [
        (3, "event", "must be a JSON object"),
        (window(0, 10), "scope", "must be at least one of device, site, box, model"),
        (window(0, 10, site=None), "scope", "must be at least one of"),
        (window(10, 10, site="a"), "end", "must be later than the start"),
        (window(0, 10, site=["a"]), "site", "must be text, a number or a truth value"),
        (window(0, 10, site="a", begin=3), "field", "must be one of id, device, site, box, model, start"),
        ({"site": "a", "start": "20240101"}, "start", "these digits may be either"),
        ({"site": "a", "start": at(0), "end": True}, "end", "must be ISO 8601 text"),
        ({"site": "a", "id": 7}, "id", "must be text of 1 to 200 characters"),
        ({"site": "a", "id": "file:abc"}, "id", "must not be of an entry of a file"),
        ({"site": "a", "id": "\ud800"}, "id", "must be whole Unicode characters"),
        ({"id": "nobody", "cancel": True}, "id", "this one was never opened, or is forgotten"),
        ({"id": "x", "cancel": 1}, "cancel", "must be true or false"),
        ({"id": "nobody", "end": at(10)}, "scope", "must be at least one of"),
        ({"site": "a", "reason": "x" * 1001}, "reason", "must have at most 1000 characters"),
        ({"site": "a", "box": "1", "device": "b/1"}, "device", "must be the key that site, box make"),
    ],
)
def test_a_bad_change_is_a_422_that_names_the_field(
    client: Client, body: object, field: str, rule: str
) -> None:
    answered = client.post("/maintenance", body)
    assert (answered.status, answered.json["error"]["field"]) == (422, field)
    assert rule in answered.json["error"]["rule"]
    assert client.get("/maintenance").json == {"entries": []}


def test_a_schema_without_a_calendar_refuses_it_and_answers_as_before(package: Path) -> None:
    client = make_client(package)
    answered = client.post("/maintenance", window(0, 10, site="a"))
    assert (answered.status, answered.json["error"]["field"]) == (422, "maintenance")
    answer = client.post("/telemetry", event()).json
    assert "device_state" not in answer and "maintenance" not in answer


def test_the_token_guards_it(planned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETOPS_TEST_TOKEN", "secret")
    client = make_client(planned, token_secret="NETOPS_TEST_TOKEN")
    body = window(0, 10, site="a")
    assert client.post("/maintenance", body).status == 401
    headers = {"Authorization": "Bearer secret", "Content-Type": "application/json"}
    assert client.post("/maintenance", body, headers=headers).status == 200


def test_nothing_is_learned_from_a_device_in_maintenance(planned: Path, tmp_path: Path) -> None:
    client = make_client(planned, labeled_directory=str(tmp_path), batch_seconds=3600)
    client.send("PUT", "/drift/detectors", DriftMonitor([DDM()]).to_dict())
    client.post("/maintenance", window(10, 30, device="a/1"))
    for seconds in (0, 10, 20, 30):
        client.post("/telemetry", event("a/1", seconds))
    statuses = [client.post("/labels", label("a/1", seconds)).json["status"] for seconds in (0, 10, 20, 30)]
    assert statuses == ["joined", "kept", "kept", "joined"]
    # Opened after the prediction and before its label: that is not learned from either.
    client.post("/telemetry", event("a/2", 40))
    client.post("/maintenance", window(35, 50, device="a/2"))
    assert client.post("/labels", label("a/2", 40)).json["status"] == "kept"
    # A label that was there before.
    client.post("/labels", label("a/1", 60))
    client.post("/maintenance", window(55, 70, device="a/1"))
    client.post("/telemetry", event("a/1", 60))
    assert client.get("/labeled").json["joined"] == 2
    assert client.get("/drift").json["n"] == 2
    client.shut_down()
    assert sum(1 for _ in tmp_path.glob("*.parquet")) == 1


def test_with_a_horizon_a_label_that_looks_into_a_maintenance_is_not_learned_from(
    schema: TelemetrySchema, tmp_path: Path
) -> None:
    ahead = TelemetrySchema.from_dict({**schema.to_dict(), "maintenance": {}, "horizon": "60s"})
    client = make_client(write_package(tmp_path, ahead))
    client.post("/telemetry", [event("a/1", 0), event("a/1", 10), event("a/1", 100)])
    client.post("/maintenance", window(70, 100, device="a/1"))
    labels = [{**label("a/1", seconds), ahead.target: 0} for seconds in (0, 10, 100)]
    assert [row["status"] for row in client.post("/labels", labels).json] == ["joined", "kept", "joined"]


def test_an_incident_labels_nothing_that_is_in_maintenance(schema: TelemetrySchema, tmp_path: Path) -> None:
    told = TelemetrySchema.from_dict({**schema.to_dict(), "maintenance": {}, "labels": {"form": "incidents"}})
    client = make_client(write_package(tmp_path, told))
    client.send("PUT", "/drift/detectors", DriftMonitor([DDM()]).to_dict())
    client.post("/maintenance", window(100, 120, device="a/1"))
    client.post("/telemetry", [event("a/1", seconds) for seconds in (90, 100, 110, 120)])
    client.post("/maintenance", window(115, 125, device="a/1"))  # After the prediction, before the incident.
    answer = client.post("/incidents", {"device": "a/1", "start": at(85), "end": at(130)})
    assert answer.status == 200, answer.json
    assert client.get("/drift").json["n"] == 0  # A healthy reading of that time would not be known, either.
    labeled, metrics = client.get("/labeled").json, client.get("/metrics").json
    assert [labeled[name] for name in ("joined", "excluded_pairs", "suppressed_predictions")] == [2, 1, 2]
    assert "netops_excluded_pairs_total 1.0" in metrics
    client.post("/telemetry", event("a/1", 90 + 3600))
    assert client.get("/drift").json["n"] == 0
    client.post("/telemetry", event("a/1", 91 + 3600))
    assert client.get("/drift").json["n"] == 1


def conversation() -> list[tuple[str, Any]]:
    """Changes among readings and labels."""
    requests: list[tuple[str, Any]] = [("/maintenance", window(20, None, id="open", device="a/1"))]
    for step in range(12):
        seconds = 10.0 * step
        requests.append(("/telemetry", [event(device, seconds, cpu=10.0 * step) for device in DEVICES]))
        requests.append(("/labels", [label(device, seconds, step % 2) for device in DEVICES]))
        if step == 4:
            requests.append(("/maintenance", {"id": "open", "end": at(70)}))
        if step == 6:
            requests.append(("/maintenance", [window(65, 95, id="two", site="a")]))
        if step == 7:
            requests.append(("/maintenance", {"id": "two", "cancel": True}))
    return requests


def graph(planned: Path, redis_url: str, key: str, **settings: Any) -> Client:
    return make_client(planned, redis_url=redis_url, journal_key=key, label_deadline_seconds=300, **settings)


@pytest.mark.parametrize("seed", range(3))
def test_a_restarted_graph_answers_like_one_that_never_stopped(
    planned: Path, redis_url: str, seed: int
) -> None:
    steady = graph(planned, redis_url, f"steady-m{seed}")
    restarted = graph(planned, redis_url, f"restarted-m{seed}")
    for number, (path, body) in enumerate(conversation()):
        if number % 5 == seed:
            restarted = graph(planned, redis_url, f"restarted-m{seed}")
        assert steady.post(path, body).json == restarted.post(path, body).json
        assert steady.get("/labeled").json == restarted.get("/labeled").json
        assert steady.get("/maintenance").json == restarted.get("/maintenance").json
    states = [client.get("/devices").json["devices"] for client in (steady, restarted)]
    assert [row["state"] for row in states[0]] == [row["state"] for row in states[1]]


def test_an_entry_outlives_what_the_journal_drops(planned: Path, redis_url: str, tmp_path: Path) -> None:
    def start() -> Client:
        return graph(planned, redis_url, "dropped-m", journal_max_events=4)

    client = start()
    client.post("/maintenance", window(0, None, id="open", device="a/1"))
    for step in range(300):  # Redis cuts a stream in steps of a hundred entries.
        client.post("/telemetry", event("a/2", step))
    client.post("/maintenance", window(0, None, id="other", device="a/2"))
    client.shut_down()
    again = start()
    assert [entry["id"] for entry in again.get("/maintenance").json["entries"]] == ["open", "other"]
    assert told(again, "a/1", 400)[0] == "maintenance"


def test_of_two_processes_none_loses_the_change_of_the_other(
    planned: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = (graph(planned, redis_url, "both-m") for _ in range(2))
    journal = one.step("device_states")._state.journal
    merge = journal.merge

    def late(name: str, merged: Any) -> None:
        """Between the entry of a change and its document the other process makes its own."""
        monkeypatch.setattr(journal, "merge", merge)
        assert other.post("/maintenance", {"id": "second", "site": "a", **window(100, 200)}).status == 200
        merge(name, merged)

    monkeypatch.setattr(journal, "merge", late)
    assert one.post("/maintenance", {"id": "first", "site": "a", **window(0, 50)}).status == 200
    kept = journal.load("maintenance")
    assert {row[2] for row in kept["changes"]} == {"first", "second"}
    assert one.post("/maintenance", {"id": "third", "site": "a", **window(300, 400)}).status == 200
    assert [row[2] for row in journal.load("maintenance")["changes"]] == ["first", "second", "third"]


def test_a_scope_that_names_no_device_is_noted_and_counted(client: Client) -> None:
    answer = client.post("/maintenance", window(0, 10, site="nowhere")).json
    assert (answer["status"], answer["devices"]) == ("opened", 0)
    assert answer["note"].startswith("no registered device has the values of this scope")
    assert "note" not in client.post("/maintenance", window(0, 10, site="a")).json
    assert 'netops_unmatched_scopes_total{kind="maintenance"} 1.0' in client.get("/metrics").json


def test_entries_that_were_over_long_ago_are_forgotten_by_events_and_by_the_clock(
    planned: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_states, "_DAYS_KEPT", 1)
    day = 86_400.0
    client = make_client(planned, redis_url=redis_url, journal_key="forgotten", journal_max_events=50)
    for number in range(40):
        client.post("/telemetry", event("a/1", number * day / 8))
        start = number * day / 8
        client.post("/maintenance", window(start, start + 60, id=f"{number}", device="a/2"))
        client.post("/maintenance", {"id": f"{number}", "device": "a/2", "end": at(start + 90)})
        if number % 4 == 0:
            client.post("/maintenance", {"id": f"{number}", "cancel": True})
    step = client.step("device_states")
    kept = {entry["id"] for entry in client.get("/maintenance").json["entries"]}
    assert {f"{number}" for number in range(33, 40) if number % 4} <= kept
    assert "1" not in kept and len(kept) < 10
    assert len(step._changes) < 30 and len(step._calendar._posted) < 12
    again = make_client(planned, redis_url=redis_url, journal_key="forgotten", journal_max_events=50)
    assert {entry["id"] for entry in again.get("/maintenance").json["entries"]} == kept
    # Events of long ago, as of a recording, keep what is of their time, whatever the clock says.
    old = make_client(planned)
    old.post("/maintenance", window(0, 60, id="then", device="a/1"))
    assert told(old, seconds=10)[0] == "maintenance"


class Source:
    """What a history knows, which grows while nobody looks."""

    def __init__(self) -> None:
        self.entries: dict[str, Maintenance] = {}

    def read(self) -> Known:
        return Known(dict(self.entries), None)


def of_file(first: float, last: float, device: str = "a/1") -> Maintenance:
    return Maintenance((("device", device),), round((START + first) * 1e6), round((START + last) * 1e6))


def with_history(
    planned: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch, key: str
) -> tuple[Source, Callable[[], Client]]:
    """A history, and what starts an endpoint that reads it."""
    source = Source()
    monkeypatch.setattr(serving_state, "StoredCalendar", lambda *_: source)
    settings = {"redis_url": redis_url, "journal_key": key, "labels": "store://feature-sets/p/l"}
    return source, lambda: make_client(planned, **settings)


def test_who_is_covered_is_counted_only_where_somebody_waits_for_the_answer(
    planned: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[str] = []
    covers = MaintenanceCalendar.covers

    def counting(calendar: MaintenanceCalendar, scope: Scope, device: str) -> bool:
        counted.append(device)
        return covers(calendar, scope, device)

    monkeypatch.setattr(MaintenanceCalendar, "covers", counting)
    source, start = with_history(planned, redis_url, monkeypatch, "counted")
    source.entries = {f"file:{number}": of_file(number, number + 1) for number in range(50)}
    client = start()
    assert len(client.get("/maintenance").json["entries"]) == 50
    assert counted == []
    assert client.post("/maintenance", window(100, 130, device="a/1")).json["devices"] == 1
    assert sorted(counted) == sorted(DEVICES)
    assert len(start().get("/maintenance").json["entries"]) == 51
    assert len(counted) == len(DEVICES)


def test_a_replay_has_what_the_history_knew_then_and_not_what_it_knows_by_now(
    planned: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, start = with_history(planned, redis_url, monkeypatch, "knew")

    def joined(client: Client) -> int:
        return client.get("/labeled").json["joined"]

    source.entries["file:first"] = of_file(0, 5)
    client = start()
    client.post("/telemetry", [event(seconds=0), event(seconds=10), event(seconds=20)])
    client.post("/labels", [label(seconds=0), label(seconds=10)])
    assert joined(client) == 1
    source.entries = {"file:second": of_file(0, 25), "live": of_file(60, 70)}
    again = start()
    assert joined(again) == 1
    assert {entry["id"] for entry in again.get("/maintenance").json["entries"]} == {"file:second", "live"}
    assert again.post("/labels", label(seconds=20)).json["status"] == "kept"
    again.post("/maintenance", {"id": "live", "end": at(65)})
    # What was posted here counts, whatever the history still has; what is as it was is not journaled again.
    assert again.post("/devices/reload", None).json["maintenance"] == 0
    assert told(again, seconds=66)[0] == "reporting"
    source.entries = {}
    assert again.post("/devices/reload", None).json["maintenance"] == 1
    third = start()
    assert joined(third) == 1
    assert [entry["id"] for entry in third.get("/maintenance").json["entries"]] == ["live"]


def test_a_journal_of_an_earlier_version_is_replayed_with_the_calendar_as_it_was_by_that(
    planned: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, start = with_history(planned, redis_url, monkeypatch, "earlier")

    client = start()
    client.post("/telemetry", [event(seconds=0), event(seconds=10)])
    client.post("/maintenance", {"id": "1", "device": "a/2", "start": at(0)})
    client.post("/labels", [label(seconds=0), label(seconds=10)])
    journal = client.step("journal")._journal
    saved = journal.load("maintenance")
    journal.merge("maintenance", lambda _: {"changes": [change[:4] for change in saved["changes"]]})
    source.entries["file:first"] = of_file(0, 5)
    again = start()
    assert again.get("/labeled").json["joined"] == 1
    source.entries["file:first"] = of_file(0, 15)
    for _ in range(2):
        again = start()
        assert again.get("/labeled").json["joined"] == 1
    assert told(again, seconds=14)[0] == "maintenance"


def test_an_entry_is_kept_until_what_it_covers_would_be_healthy(
    schema: TelemetrySchema, tmp_path: Path
) -> None:
    day = 86_400.0
    labels = {"form": "incidents", "healthy_after": "40d"}
    told = TelemetrySchema.from_dict({**schema.to_dict(), "maintenance": {}, "labels": labels})
    client = make_client(write_package(tmp_path, told), clock="arrival")
    client.send("PUT", "/drift/detectors", DriftMonitor([DDM()]).to_dict())
    client.post("/telemetry", [event("a/1", 0), event("a/2", 0)])
    client.post("/maintenance", window(-10, 10, device="a/1"))  # After the prediction.
    for number in range(1, 41):
        client.post("/telemetry", event("a/1", number * day))
    assert client.get("/drift").json["n"] == 1
