"""A step that fails at an entry of the journal: whatever others have taken of it, all have it in the end."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

import graphs.finish
import graphs.labeled_join
import graphs.restart
from drift.grouped_monitor import GroupedMonitor
from feature_sets.derived_features import DerivedFeatures
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.windows.online import OnlineWindows
from graphs.detect_drift import DetectDrift
from graphs.device_states import DeviceStates
from graphs.labels_by_request import LabelsByRequest
from graphs.onnx_model import OnnxModel
from graphs.preprocess import Preprocess
from graphs.protocol.errors import ApiError
from graphs.protocol.routes import Kind
from graphs.state.derived_ledger import DerivedLedger
from graphs.state.device_activity import DeviceActivity
from graphs.state.labeled_batches import LabeledBatches
from graphs.state.ledger import PredictionLedger
from graphs.state.ledger_chunk import LedgerChunk
from graphs.state.live_groups import LiveGroups
from graphs.state.live_levels import LiveLevels
from graphs.state.maintenance_calendar import MaintenanceCalendar
from graphs.state.serving_state import ServingState, serving_state
from tests.graphs.conftest import START, Client, event, label, make_client, write_package
from tests.graphs.snapshots.conftest import DETECTORS, Network, conversation, schema_of, taken
from tests.graphs.snapshots.state_walk import differences, state_of

Networks = Callable[..., Network]

PLACES = {
    "windows": (OnlineWindows, "update"),
    "derived": (DerivedFeatures, "add_to"),
    "levels": (LiveLevels, "add_to"),
    "groups": (LiveGroups, "add_to"),
    "activity": (DeviceActivity, "found"),
    "calendar": (MaintenanceCalendar, "put"),
    "model": (OnnxModel, "probability"),
    "prediction": (PredictionLedger, "add_prediction"),
    "label": (PredictionLedger, "add_label"),
    "pair": (LedgerChunk, "prediction"),
    "names": (LabelsByRequest, "note"),
    "batches": (LabeledBatches, "add"),
    "counts": (graphs.labeled_join, "count_pairs"),
    "detectors": (GroupedMonitor, "update"),
    "alerts": (DetectDrift, "_report"),
}
"""What a step has inside, by step in the order of the graph: it fails before it has done anything.

A pair is made between the ledger's note of its second half and the request that has it.
"""


class Failing:
    """Raises at each so many calls, once it is on."""

    def __init__(self, real: Callable[..., Any], every: int, error: Exception) -> None:
        self._real, self._every, self._error = real, every, error
        self.is_on, self.calls, self.failures = False, 0, 0

    def __get__(self, owner: Any, kind: type) -> Callable[..., Any]:
        return lambda *given, **named: self(owner, *given, **named)

    def __call__(self, *given: Any, **named: Any) -> Any:
        if self.is_on:
            self.calls += 1
            if self.calls % self._every == 0:
                self.failures += 1
                raise self._error
        return self._real(*given, **named)


def answered(client: Client) -> dict[str, Any]:
    """What tells how much was taken."""
    found = client.get("/labeled").json
    counts = {name: found[name] for name in ("joined", "remembered", "conflicting", "expired")}
    wanted = ("netops_events_total", "netops_labels_total", "netops_labeled_pairs_total")
    lines = [line for line in client.get("/metrics").json.splitlines() if line.startswith(wanted)]
    return {**counts, "lines": sorted(line for line in lines if not line.endswith(" 0.0"))}


@pytest.mark.parametrize("kind", ["defect", "refusal"])
@pytest.mark.parametrize("place", PLACES)
def test_what_a_step_failed_at_is_in_all_steps_before_the_next_entry(
    network: Networks, monkeypatch: pytest.MonkeyPatch, place: str, kind: str
) -> None:
    owner, name = PLACES[place]
    error = RuntimeError("no memory") if kind == "defect" else ApiError(503, "store", "must be there")
    failing = Failing(getattr(owner, name), 2 if place in ("calendar", "alerts") else 7, error)
    monkeypatch.setattr(owner, name, failing)
    where = network()
    live, statuses = where.start(), set()
    failing.is_on = True
    for method, path, body in conversation("rows", 3):
        statuses.add(live.send(method, path, body).status)
    failing.is_on = False
    live.get("/labeled")
    assert failing.failures > 0 and serving_state(live.server.context).unfinished.request is None
    assert statuses <= {200, 202, 500, 503} and statuses != {200}
    expected = where.start(snapshot_directory=None)
    assert differences(state_of(live), state_of(expected)) == []
    assert answered(live) == answered(expected)


@pytest.mark.parametrize("place", ["prediction", "label", "names"])
@pytest.mark.parametrize("at", [1, 2])
def test_a_label_that_waits_for_its_reading_is_not_lost_where_the_reading_fails(
    package: Any, redis_url: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, place: str, at: int
) -> None:
    def made() -> Client:
        return make_client(package, redis_url=redis_url, journal_key=str(tmp_path))

    owner, name = PLACES[place]
    failing = Failing(getattr(owner, name), at, MemoryError())
    monkeypatch.setattr(owner, name, failing)
    client = made()
    labels = [{"request_id": f"r-1#{number}", "is_error": 1} for number in (0, 2)]
    assert [each["status"] for each in client.post("/labels", labels).json] == ["waiting", "waiting"]
    failing.is_on = True
    readings = [event("a/1", seconds) for seconds in (0, 10, 20, 30)]
    status = client.post("/telemetry", readings, headers={"X-Request-Id": "r-1"}).status
    failing.is_on = False
    assert status == (500 if failing.failures else 200)
    assert failing.failures == (0 if (place, at) == ("names", 2) else 1)
    live = answered(client)
    assert live["joined"] == 2 and live == answered(made())


def test_a_list_of_labels_that_fails_is_joined_before_the_next_entry(
    package: Any, redis_url: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made() -> Client:
        return make_client(package, redis_url=redis_url, journal_key=str(tmp_path))

    failing = Failing(PredictionLedger.add_labels, 1, MemoryError())
    monkeypatch.setattr(PredictionLedger, "add_labels", failing)
    client, seconds = made(), range(0, 100, 10)
    assert client.post("/telemetry", [event("a/1", second) for second in seconds]).status == 200
    failing.is_on = True
    labels = [label("a/1", second, second // 10 % 2) for second in seconds]
    assert client.post("/labels", labels).status == 500
    failing.is_on = False
    again = client.post("/labels", labels).json
    assert failing.failures == 1 and [each["status"] for each in again] == ["duplicate"] * 10
    live = answered(client)
    assert live["joined"] == 10 and live == answered(made())


def test_what_another_process_appended_is_taken_in_first_though_a_step_fails_at_it(
    network: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = Failing(LabelsByRequest.note, 2, RuntimeError("no memory"))
    monkeypatch.setattr(LabelsByRequest, "note", failing)
    where = network()
    one, other = where.start(), where.start()

    def reading(device: int, seconds: float) -> dict[str, Any]:
        return {"device": f"a/{device}", "timestamp": START + seconds, "cpu": 40.0, "octets": int(seconds)}

    for seconds in range(0, 300, 10):
        for device in (0, 1):
            assert one.post("/telemetry", reading(device, seconds)).status == 200
        failing.is_on = True
        status = other.post("/telemetry", reading(2, seconds)).status
        failing.is_on = False
        assert status in (200, 500, 503)
    assert other.post("/telemetry", reading(2, 300)).status == 200
    expected = where.start(snapshot_directory=None)
    assert failing.failures > 5
    assert differences(state_of(other), state_of(expected)) == []
    assert answered(other) == answered(expected)


@pytest.mark.parametrize("what", ["PUT", "DELETE", "append"])
def test_an_entry_that_waits_goes_through_the_steps_once_whatever_is_asked_meanwhile(
    package: Any, redis_url: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    def made() -> Client:
        return make_client(package, redis_url=redis_url, journal_key=str(tmp_path))

    one, other = made(), made()
    for client, device in ((one, "a/1"), (other, "a/2")):
        assert client.post("/telemetry", event(device, 0)).status == 200
    failing = Failing(LabelsByRequest.note, 1, MemoryError())
    monkeypatch.setattr(LabelsByRequest, "note", failing)
    failing.is_on = True
    assert one.post("/telemetry", event("a/1", 10)).status == 500
    held = serving_state(one.server.context).unfinished.held
    assert [each.step for each in held] == ["labeled_join", "journal"]
    if what == "append":  # Whatever does it.
        serving_state(one.server.context).journal.append(Kind.LABELS, START, [])
    else:
        refused = one.send(what, "/drift/detectors", DETECTORS if what == "PUT" else None)
        assert (refused.status, refused.json["error"]["field"]) == (503, "state")
    failing.is_on = False
    assert one.send("PUT", "/drift/detectors", DETECTORS).status == 200
    assert one.post("/telemetry", event("a/1", 20)).status == 200
    assert answered(one) == answered(made())


def test_what_is_attached_comes_after_what_another_process_appended(
    package: Any, redis_url: str, tmp_path: Any
) -> None:
    one, other = (make_client(package, redis_url=redis_url, journal_key=str(tmp_path)) for _ in range(2))
    assert one.post("/telemetry", event("a/1", 0)).status == 200
    assert other.post("/telemetry", event("a/2", 0)).status == 200
    assert one.get("/labeled").json["waiting"] == 1
    assert one.send("PUT", "/drift/detectors", DETECTORS).status == 200
    assert one.get("/labeled").json["waiting"] == 2


def test_while_a_step_fails_nothing_is_journaled_and_after_long_the_next_steps_go_on(
    package: Any, redis_url: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client(package, redis_url=redis_url, journal_key=str(tmp_path))
    state, now = serving_state(client.server.context), [START]
    state.unfinished.clock = lambda: now[0]
    object.__setattr__(state, "clock", lambda: now[0])
    assert client.post("/telemetry", event("a/1", 0)).status == 200
    with monkeypatch.context() as patch:
        patch.setattr(DeviceStates, "_readings", lambda *_: 1 / 0)
        assert client.post("/telemetry", event("a/1", 10)).status == 500
        for path, body in (("/telemetry", event("a/1", 20)), ("/labels", label("a/1", 0))):
            refused = client.post(path, body)
            assert (refused.status, refused.json["error"]["field"]) == (503, "state")
            told = client.get("/v2/health/ready").json["error"]
            assert told["field"] == "state" and refused.json["error"]["rule"].startswith(told["rule"])
            assert "device_states" in refused.json["error"]["rule"]
        now[0] += 61
        assert client.post("/labels", label("a/1", 10)).json["status"] == "joined", "it has its prediction"


def test_what_was_given_up_stops_no_start_and_is_given_up_there_at_once(
    package: Any, redis_url: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made() -> Client:
        return make_client(package, redis_url=redis_url, journal_key=str(tmp_path))

    client, now, real = made(), [START], DeviceStates._readings
    state = serving_state(client.server.context)
    state.unfinished.clock = lambda: now[0]
    object.__setattr__(state, "clock", lambda: now[0])

    def readings(self: DeviceStates, request: Any) -> None:
        if any(each.event.time == START + 10 and each.status == "accepted" for each in request.telemetry):
            raise OverflowError("never")
        real(self, request)

    monkeypatch.setattr(DeviceStates, "_readings", readings)
    monkeypatch.setattr(graphs.restart, "time", SimpleNamespace(sleep=_never))
    statuses = []
    for seconds in (0, 10, 20):
        statuses.append(client.post("/telemetry", event("a/1", seconds)).status)
        now[0] += 61
    assert statuses == [200, 500, 200]
    live = [client.post("/telemetry", event("a/1", seconds)).json for seconds in (10, 20, 30)]
    restarted = made()
    assert answered(restarted) == answered(client)
    told = [restarted.post("/telemetry", event("a/1", seconds)).json for seconds in (10, 20)]
    assert [each["status"] for each in live] == ["duplicate", "duplicate", "accepted"]
    assert told == live[:2]


@pytest.mark.parametrize("step", ["device_states", "model"])
def test_a_start_gives_a_step_a_minute_with_what_it_fails_at(
    package: Any, redis_url: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def made() -> Client:
        return make_client(package, redis_url=redis_url, journal_key=str(tmp_path))

    owner, name = (DeviceStates, "_readings") if step == "device_states" else (OnnxModel, "probability")
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            failing.is_on = False

    monkeypatch.setattr(graphs.restart, "time", SimpleNamespace(sleep=sleep))
    client = made()
    assert client.post("/telemetry", event("a/1", 0)).status == 200
    failing = Failing(getattr(owner, name), 1, MemoryError())
    monkeypatch.setattr(owner, name, failing)
    failing.is_on = True
    assert client.post("/telemetry", event("a/1", 10)).status == 500
    monkeypatch.setattr(OnnxModel, "post_init", _without_test_row(failing, OnnxModel.post_init))
    restarted = made()
    assert len(slept) == 3 and not failing.is_on, "it goes on as soon as the step does"
    assert restarted.get("/labeled").json["waiting"] == 2
    failing.is_on = True
    monkeypatch.setattr(graphs.finish, "PATIENCE_SECONDS", 0.0)
    without = made()
    assert without.get("/labeled").json["waiting"] == (0 if step == "model" else 2)
    failing.is_on = False
    monkeypatch.setattr(graphs.finish, "PATIENCE_SECONDS", 60.0)
    again = made()
    # The first one stays given up; the other was left out of a start whose time was over.
    assert len(slept) == 3 and again.get("/labeled").json["waiting"] == (1 if step == "model" else 2)


def test_a_start_goes_on_though_a_step_fails_at_the_entry_that_it_makes(
    schema: Any, redis_url: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = []
    for seed in (3, 4):
        (tmp_path / str(seed)).mkdir()
        packages.append(write_package(tmp_path / str(seed), schema, seed))

    def made(package: Any) -> Client:
        return make_client(package, redis_url=redis_url, journal_key=str(tmp_path))

    made(packages[0])
    monkeypatch.setattr(DetectDrift, "_reroute", lambda *_: 1 / 0)
    monkeypatch.setattr(graphs.finish, "PATIENCE_SECONDS", 0.0)
    for _ in range(2):
        client = made(packages[1])
        assert client.get("/").json["model_version"] == "v4"
        assert client.post("/telemetry", event("a/1", 0)).status == 200


@pytest.mark.parametrize("step", ["device_states", "model"])
def test_a_start_with_a_broken_step_waits_for_it_once_and_says_what_it_lacks(
    package: Any, redis_url: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def made() -> Client:
        kept = {"redis_url": redis_url, "journal_key": str(tmp_path)}
        return make_client(package, **kept, snapshot_directory=str(tmp_path / "snapshots"))

    owner, name = (DeviceStates, "_readings") if step == "device_states" else (OnnxModel, "probability")
    client, slept = made(), []
    for seconds in range(0, 100, 10):
        assert client.post("/telemetry", event("a/1", seconds)).status == 200
    whole, told = answered(client), client.post("/telemetry", event("a/1", 50)).json
    failing = Failing(getattr(owner, name), 1, MemoryError())
    monkeypatch.setattr(owner, name, failing)
    monkeypatch.setattr(OnnxModel, "post_init", _without_test_row(failing, OnnxModel.post_init))
    failing.is_on = True
    # Each pause of the start is one of half a minute to it.
    clock = [START]

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock[0] += 30.0

    monkeypatch.setattr(graphs.restart, "time", SimpleNamespace(sleep=sleep))
    build = ServingState.build
    monkeypatch.setattr(
        ServingState, "build", lambda *given, **named: build(*given, **named, clock=lambda: clock[0])
    )
    broken = made()
    assert len(slept) == 2, "a minute for all entries, not for each"
    told_so = broken.get("/v2/health/ready")
    assert (told_so.status, told_so.json["error"]["field"]) == (503, "model" if step == "model" else "state")
    # The first of eleven is given up for good; the model is given no repeated event.
    assert f"in its step {step}" in told_so.json["error"]["rule"]
    entries = 9 if step == "model" else 10
    assert (
        f"failed at {entries} entries, which the next start gives it again" in told_so.json["error"]["rule"]
    )
    assert broken.get("/labeled").json["waiting"] == (0 if step == "model" else 10)
    broken.shut_down()
    assert not list((tmp_path / "snapshots").glob("*"))
    failing.is_on = False
    mended = made()
    assert mended.get("/v2/health/ready").status == 200 and len(slept) == 2
    lost = 1 if step == "model" else 0
    assert mended.get("/labeled").json["waiting"] == 10 - lost
    assert mended.post("/telemetry", event("a/1", 50)).json == told
    if not lost:
        assert answered(mended)["joined"] == whole["joined"]


def test_what_was_given_up_is_so_for_windows_that_begin_anew(
    network: Networks, schema: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures, real = [], Preprocess.handle

    def handle(self: Preprocess, request: Any) -> None:
        if any(record.event.time == START + 10 for record in request.telemetry):
            failures.append(1)
            raise OverflowError
        real(self, request)

    monkeypatch.setattr(Preprocess, "handle", handle)
    where = network()
    client = where.start()
    for seconds, status in ((0, 200), (10, 500)):
        assert client.post("/telemetry", {**event("a/1", seconds), "octets": 1}).status == status
    monkeypatch.setattr(graphs.finish, "PATIENCE_SECONDS", 0.0)
    assert client.post("/labels", label("a/1", 0)).status == 200
    monkeypatch.setattr(graphs.finish, "PATIENCE_SECONDS", 60.0)
    monkeypatch.setattr(graphs.restart, "time", SimpleNamespace(sleep=_never))
    taken(client)
    other = schema_of(schema, "rows").to_dict()
    other["windows"]["lengths"] = ["2m", "5m"]
    for name in ("relative", "neighbors"):
        other["derived"][name]["windows"] = ["2m"]
    inputs = ("cpu", "cpu_avg_2m", "octets")
    write_package(tmp_path / "model", TelemetrySchema.from_dict(other), seed=4, inputs=inputs)
    before, known = answered(client), len(failures)
    again = where.start()
    assert len(failures) > known, "the windows begin with the journal"
    assert answered(again) == before


def _never(seconds: float) -> None:
    pytest.fail("the start waits")


def _without_test_row(failing: Failing, real: Callable[..., Any]) -> Callable[..., Any]:
    def post_init(*given: Any, **named: Any) -> None:
        was, failing.is_on = failing.is_on, False
        real(*given, **named)
        failing.is_on = was

    return post_init


@pytest.mark.parametrize("at_start", [False, True])
@pytest.mark.parametrize("form", ["rows", "incidents"])
def test_pairs_of_an_entry_that_is_left_out_are_handed_on_as_far_as_they_were_made(
    schema: Any, redis_url: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, form: str, at_start: bool
) -> None:
    of = TelemetrySchema.from_dict({**schema.to_dict(), "labels": {"form": form}})
    package = write_package(tmp_path, of)

    def made(folder: str) -> Client:
        kept = {"redis_url": redis_url, "journal_key": str(tmp_path), "batch_rows": 1000}
        return make_client(package, **kept, labeled_directory=str(tmp_path / folder))

    owner, name = (PredictionLedger, "add_label") if form == "rows" else (DerivedLedger, "add_incident")
    real, calls = getattr(owner, name), []

    def fails_from_the_third_on(*given: Any) -> Any:
        calls.append(given)
        if len(calls) > 2:
            raise MemoryError
        return real(*given)

    path, told = "/labels", [label("a/1", 10.0 * tick, 1) for tick in range(4)]
    if form == "incidents":
        starts = [START + 10.0 * tick for tick in range(4)]
        path = "/incidents"
        told = [{"id": str(at), "device": "a/1", "start": at, "end": at + 5} for at in starts]
    client = made("first")
    assert client.post("/telemetry", [event("a/1", 10.0 * tick) for tick in range(4)]).status == 200
    with monkeypatch.context() as patch:
        patch.setattr(graphs.finish, "PATIENCE_SECONDS", 0.0)
        if at_start:
            assert client.post(path, told).status == 200
            patch.setattr(owner, name, fails_from_the_third_on)
            client = made("second")
        else:
            patch.setattr(owner, name, fails_from_the_third_on)
            assert client.post(path, told).status == 500
            assert client.post("/telemetry", event("a/1", 40)).status == 200
    assert serving_state(client.server.context).unfinished.request is None and len(calls) == 4
    for count in (2, 4):
        summary, metrics = client.get("/labeled").json, client.get("/metrics").json.splitlines()
        pairs = [float(line.split()[-1]) for line in metrics if line.startswith("netops_labeled_pairs_total")]
        assert (summary["joined"], summary["unwritten"], sum(pairs)) == (count, count, count)
        assert client.post(path, told[2:]).status == 200
