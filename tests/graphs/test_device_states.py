"""What each device is doing: in answers, ``GET /devices`` and the metrics, by the clock of the endpoint."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from feature_sets.checks import InputError
from feature_sets.telemetry.events import TelemetryEvent
from feature_sets.telemetry.schema import TelemetrySchema
from graphs.protocol.device_state import SILENT_AFTER
from graphs.protocol.device_status import DeviceStatus
from graphs.protocol.records import TelemetryRecord
from graphs.state.device_activity import FORGOTTEN_SECONDS, DeviceActivity
from graphs.state.static_devices import GivenDevices, StaticDevices
from tests.graphs.conftest import DEVICES, START, Client, event, make_client, write_package
from tests.graphs.snapshots.conftest import taken


@pytest.fixture(scope="session")
def expecting(schema: TelemetrySchema) -> TelemetrySchema:
    return TelemetrySchema.from_dict({**schema.to_dict(), "expected_interval": "30s"})


@pytest.fixture(scope="session")
def paced(expecting: TelemetrySchema, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_package(tmp_path_factory.mktemp("paced"), expecting)


def record(device: str = "a/1", status: DeviceStatus = DeviceStatus.KNOWN) -> TelemetryRecord:
    return TelemetryRecord(TelemetryEvent(device, START, {}), 0, status)


def test_a_device_is_silent_after_three_expected_intervals(expecting: TelemetrySchema) -> None:
    activity = DeviceActivity(expecting, StaticDevices(GivenDevices(DEVICES), lambda: START), None)
    assert SILENT_AFTER == 3
    assert list(activity.all(START)) == [("a/1", "new"), ("a/2", "new")]
    assert activity.found(record(), START) == "new"
    activity.heard["a/1"] = START
    assert activity.now("a/1", START + 90) == "reporting"
    assert activity.now("a/1", START + 90.001) == "silent"
    assert activity.found(record(), START + 90.001) == "silent"
    assert activity.found(record(status=DeviceStatus.RETIRED), START) == "retired"
    assert activity.now("a/2", START + 1000) == "new"


def test_without_an_expected_interval_no_device_is_silent(schema: TelemetrySchema) -> None:
    activity = DeviceActivity(schema, None, None)
    activity.heard["a/1"] = START
    assert list(activity.all(START + 1e4)) == [("a/1", "reporting")]


@pytest.mark.parametrize("interval", ["0s", "often", 30])
def test_an_expected_interval_is_a_duration(schema: TelemetrySchema, interval: Any) -> None:
    with pytest.raises(InputError, match="expected_interval"):
        TelemetrySchema.from_dict({**schema.to_dict(), "expected_interval": interval})


def test_a_device_that_is_not_registered_is_forgotten_after_a_day(expecting: TelemetrySchema) -> None:
    activity = DeviceActivity(expecting, StaticDevices(GivenDevices(DEVICES), lambda: START), None)
    activity.heard |= {"a/1": START, "b/7": START}
    late = START + FORGOTTEN_SECONDS
    assert dict(activity.all(late)) == {"a/1": "silent", "a/2": "new", "b/7": "silent"}
    assert activity.found(record("b/7"), late) == "silent"
    for _ in range(2):  # Whether it is still in memory makes no difference.
        assert dict(activity.all(late + 1)) == {"a/1": "silent", "a/2": "new"}
        assert activity.found(record("b/7"), late + 1) == "new"
        activity.forget(late + 1)
    assert set(activity.heard) == {"a/1"}


def states(client: Client) -> dict[str, str]:
    return {row["device"]: row["state"] for row in client.get("/devices").json["devices"]}


def test_answers_tell_the_state_in_which_an_event_finds_its_device(paced: Path) -> None:
    client = make_client(paced, clock="arrival")
    sent = [event("a/1", seconds) for seconds in (0, 30, 120, 211, 215)]
    told = [answer["device_state"] for answer in client.post("/telemetry", sent).json]
    assert told == ["new", "reporting", "reporting", "silent", "reporting"]
    assert states(client) == {"a/1": "reporting", "a/2": "new"}
    client.post("/telemetry", [event("a/2", 400)])
    answer = client.get("/devices").json
    assert states(client) == {"a/1": "silent", "a/2": "reporting"}
    assert answer["states"] == {"retired": 0, "maintenance": 0, "new": 0, "silent": 1, "reporting": 1}
    assert answer["devices"][0]["last_heard"] == "2023-11-14T22:16:55.000Z"
    metrics = client.get("/metrics").json
    assert 'netops_devices{state="silent"} 1.0' in metrics
    assert 'netops_devices{state="reporting"} 1.0' in metrics


def test_an_event_that_is_not_counted_is_not_heard(paced: Path) -> None:
    client = make_client(paced)
    client.post("/telemetry", {**event("a/1"), "timestamp": "2100-01-01T00:00:00Z"})
    assert states(client) == {"a/1": "new", "a/2": "new"}
    client.post("/telemetry", event("a/1"))
    assert states(client)["a/1"] == "reporting"


def test_a_device_that_is_not_registered_has_a_state_when_it_is_heard(paced: Path) -> None:
    client = make_client(paced, unknown_devices="accept")
    answer = client.post("/telemetry", event("b/7")).json
    assert (answer["device_status"], answer["device_state"]) == ("unknown", "new")
    assert states(client) == {"a/1": "new", "a/2": "new", "b/7": "reporting"}


def test_a_restart_remembers_who_was_heard_beyond_what_the_journal_holds(paced: Path, redis_url: str) -> None:
    def start() -> Client:
        return make_client(paced, redis_url=redis_url, journal_key="heard", journal_max_events=4)

    client = start()
    client.post("/telemetry", event("a/1", 0))
    for step in range(300):  # Redis cuts a stream in steps of a hundred entries.
        client.post("/telemetry", event("a/2", step))
    before = client.get("/devices").json["devices"]
    client.shut_down()
    assert start().get("/devices").json["devices"] == before


def test_what_was_heard_is_saved_before_the_journal_drops_it(paced: Path, redis_url: str) -> None:
    client = make_client(paced, redis_url=redis_url, journal_key="often", journal_max_events=4000)
    for part in range(10):
        client.post("/telemetry", [event("a/1", part + at / 1000) for at in range(100)])
    again = make_client(paced, redis_url=redis_url, journal_key="often", journal_max_events=4000)
    assert again.step("device_states")._activity.heard == client.step("device_states")._activity.heard
    saved = client.step("device_states")._state.journal.load("heard")
    assert saved is not None and set(saved) == {"a/1"}


def test_with_snapshots_nothing_is_saved_while_events_are_answered(
    paced: Path, redis_url: str, tmp_path: Path
) -> None:
    def start() -> Client:
        return make_client(
            paced,
            redis_url=redis_url,
            journal_key="beside",
            journal_max_events=4,
            snapshot_directory=str(tmp_path),
        )

    client, saved = start(), []
    journal = client.step("device_states")._state.journal
    merge = journal.merge
    journal.merge = lambda name, merged: (saved.append(name), merge(name, merged))
    client.post("/telemetry", event("a/1", 0))
    for step in range(1300):
        client.post("/telemetry", event("a/2", step))
        if step % 300 == 299:
            taken(client)
    assert not saved
    left = {one.device for entry in journal.entries() for one in entry.events}
    assert left == {"a/2"}  # The journal has dropped what was said of the other.
    before = client.get("/devices").json["devices"]
    assert start().get("/devices").json["devices"] == before  # As after kill -9: nothing was ended.
    assert before[0]["last_heard"] is not None


def test_states_cost_nothing_that_fails_when_the_journal_is_away(paced: Path) -> None:
    client = make_client(paced)
    step = client.step("device_states")

    def away(name: str, merged: Any) -> None:
        from graphs.protocol.errors import ApiError

        raise ApiError(503, "journal", "must be reachable")

    step._state.journal.merge = away
    step._save_every = 1
    assert client.post("/telemetry", event("a/1")).json["status"] == "accepted"
    assert SimpleNamespace(**client.get("/devices").json).states["reporting"] == 1


def test_devices_are_told_in_pages(paced: Path) -> None:
    devices = {f"a/{number}": {"model_x": 1.0, "model_y": 0.0} for number in range(25)}
    client = make_client(paced, devices=devices)
    client.post("/telemetry", event("a/3"))
    told: list[str] = []
    page, path = {"next": ""}, "/devices?limit=10"
    while page["next"] is not None:
        page = client.get(f"{path}&after={page['next'].replace('/', '%2F')}" if page["next"] else path).json
        assert len(page["devices"]) <= 10 and page["states"]["new"] == 24
        told += [row["device"] for row in page["devices"]]
    assert told == sorted(devices)
    assert client.get("/devices").json["next"] is None
    for limit in ("0", "10001", "many", "-1", "1e3", "9" * 5000):
        refused = client.get(f"/devices?limit={limit}")
        assert (refused.status, refused.json["error"]["field"]) == (422, "limit")
