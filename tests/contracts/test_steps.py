"""One list of checks that every step of the serving graph passes; a new one gets them by being wired in."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlrun
import pytest

from drift.detectors.ddm import DDM
from drift.monitor import DriftMonitor
from drift.performance import Performance
from drift.performance_watch import BasePerformance
from drift.recalibration import Recalibration
from feature_sets.telemetry.events import LabelEvent, TelemetryEvent
from graphs.protocol.errors import ApiError
from graphs.protocol.records import LabelRecord, TelemetryRecord
from graphs.protocol.request import Request
from graphs.protocol.routes import ROUTES, Kind, Route, kinds_of
from graphs.request_step import RequestStep, request_steps
from graphs.serving_graph import build_serving_graph
from graphs.state.serving_state import serving_state
from tests.graphs.conftest import INPUTS, START, Client, make_client

GRAPH = build_serving_graph(
    mlrun.new_function("serving", kind="serving", image="mlrun/mlrun", project="tests"), model_path="m"
)
WIRED = tuple(name for name in GRAPH.steps if name != GRAPH.on_error)
"""Names of the steps, in order."""

FAILING = {"ingress": "_read_head", "respond": "_complete"}
"""Method that does a step's work, where that is not ``handle``."""

EVENT_KINDS = (Kind.TELEMETRY, Kind.LABELS)
BODIES: dict[Kind, Any] = {
    Kind.ATTACH: DriftMonitor([DDM()], cool_down=1000).to_dict(),
    Kind.CALLBACK: {"url": "http://127.0.0.1:9/drift"},
    Kind.PERFORMANCE: BasePerformance(
        Performance(900, 90.0, 0.9, 0.8, 0.7, 0.7, 0.7), Recalibration()
    ).to_dict(),
    Kind.REROUTE: {
        "routing": {
            "versions": [{"version": "v", "role": "champion", "model_path": "absent", "sha256": "a" * 64}]
        },
        "who": "kim",
        "why": "a test",
    },
    Kind.INFER: {
        "inputs": [
            {"name": "input", "shape": [1, len(INPUTS)], "datatype": "FP32", "data": [1.5] * len(INPUTS)}
        ]
    },
}

ELSEWHERE = {Kind.INCIDENTS, Kind.MAINTENANCE, Kind.REROUTED}
"""What only other schemas take over HTTP, or nobody: tests of their routes send it."""

every_step = pytest.mark.parametrize("name", WIRED)
every_request_step = pytest.mark.parametrize("name", WIRED[1:-1])
ticks = itertools.count()


@pytest.fixture(scope="module")
def client(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A graph with everything switched on that needs no other server."""
    client = make_client(
        package, labeled_directory=str(tmp_path_factory.mktemp("labeled")), batch_seconds=3600
    )
    yield client
    client.shut_down()


def new_request(kind: Kind, tick: int, replayed: bool = False) -> Request:
    """A request as the ingress makes it; readings and labels of a tick belong together.

    :param tick: counts devices' readings, 10 s apart; the third reading of each is a repeated one.
    """
    request = Request(kind, "POST", "/", arrival=START + 10 * tick, replayed=replayed, sent=3)
    request.body = copy.deepcopy(BODIES.get(kind))
    request.model = "model" if kind in (Kind.MODEL, Kind.MODEL_READY, Kind.INFER) else ""
    at = START + 10.0 * tick
    if kind is Kind.TELEMETRY:
        readings = [
            TelemetryEvent("a/1", at, {"cpu": 40.0, "latency": float("nan")}, ("latency",)),
            TelemetryEvent("a/2", at, {"cpu": 70.0, "latency": 12.0}),
            TelemetryEvent("a/1", at, {"cpu": 40.0, "latency": 20.0}),
        ]
        request.telemetry = [TelemetryRecord(reading, place) for place, reading in enumerate(readings)]
    elif kind is Kind.LABELS:
        labels = [LabelEvent("a/1", at, 0), LabelEvent("a/2", at, 1), LabelEvent("a/1", at, 1)]
        request.labels = [LabelRecord(label, place) for place, label in enumerate(labels)]
    return request


def arriving(client: Client, name: str, kind: Kind, tick: int, replayed: bool = False) -> Request:
    """A request as it reaches a step: the steps before have handled it."""
    request = new_request(kind, tick, replayed)
    for step in request_steps(client.server.graph):
        if step is client.step(name):
            return request
        step.do(request)
    raise AssertionError(name)


def counters(client: Client) -> dict[tuple[str, str], float]:
    """What counts events and requests; gauges show memory, which a replay restores, and no time is equal."""
    families = serving_state(client.server.context).metrics.registry.collect()
    return {
        (sample.name, str(sample.labels)): sample.value
        for family in families
        if family.type in ("counter", "histogram")
        for sample in family.samples
        if not sample.name.endswith(("_created", "_sum")) and not sample.labels.get("le") and sample.value
    }


def send(client: Client, kind: Kind, tick: int) -> Any:
    """A good request over HTTP."""
    route = next(route for route in ROUTES if route.kind is kind)
    body = {} if kind in ELSEWHERE else BODIES.get(kind)
    if kind is Kind.TELEMETRY:
        body = [{"device": "a/1", "timestamp": START + 10 * tick, "cpu": 40, "latency": None}]
    elif kind is Kind.LABELS:
        body = [{"device": "a/1", "timestamp": START + 10 * tick, "is_error": 1}]
    return client.send(route.method, route.path.replace("{name}", "model"), body)


@every_request_step
def test_it_is_a_request_step_with_the_kinds_of_the_route_table(client: Client, name: str) -> None:
    step = client.step(name)
    assert isinstance(step, RequestStep)
    assert step.name == name
    assert step.kinds - {Kind.REROUTED} == kinds_of(name) != frozenset()


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_a_route_is_handled_in_the_order_of_the_graph_and_answered_by_its_last_step(
    client: Client, route: Route
) -> None:
    assert list(route.steps) == [name for name in WIRED if name in route.steps]
    request = new_request(route.kind, next(ticks))
    answering = [step.name for step in request_steps(client.server.graph) if step.do(request).answered] or [
        "respond"
    ]
    assert answering[0] == route.steps[-1]
    if route.kind is Kind.REROUTE:  # It begins something, which keeps another one waiting.
        assert (request.status, send(client, route.kind, next(ticks)).status in (202, 409)) == (202, True)
        return
    assert request.status == 200
    assert send(client, route.kind, next(ticks)).status == (422 if route.kind in ELSEWHERE else 200)


@every_request_step
def test_a_request_of_another_kind_passes_unchanged(client: Client, name: str) -> None:
    step = client.step(name)
    for kind in set(Kind) - step.kinds:
        request = new_request(kind, next(ticks))
        before = copy.deepcopy(request)
        assert step.do(request) is request
        assert request == before, kind


@every_request_step
def test_an_answered_request_is_left_alone(client: Client, name: str) -> None:
    step = client.step(name)
    for kind in step.kinds:
        request = new_request(kind, next(ticks))
        request.reply({"refused": "before"}, 418)
        memory = [client.get(path).json for path in ("/drift", "/labeled")]
        before, counted = copy.deepcopy(request), counters(client)
        step.do(request)
        assert request == before, kind
        assert counters(client) == counted
        assert [client.get(path).json for path in ("/drift", "/labeled")] == memory


@every_request_step
def test_a_replayed_request_counts_as_a_live_one_and_is_not_written_again(client: Client, name: str) -> None:
    step = client.step(name)
    tick = next(ticks)
    before = counters(client)
    for kind in EVENT_KINDS:
        request = arriving(client, name, kind, tick, replayed=True)
        step.do(request)
        assert not request.answered
        assert request.entry == (0, 0), "it is in the journal already"
    replayed = grown(before, counters(client))
    before, tick = counters(client), next(ticks)
    for kind in EVENT_KINDS:
        step.do(arriving(client, name, kind, tick, replayed=False))
    assert grown(before, counters(client)) == replayed
    assert send(client, Kind.TELEMETRY, next(ticks)).status == 200
    assert counters(client) != before


def grown(before: dict[Any, float], after: dict[Any, float]) -> dict[str, float]:
    """By how much counters grew, whatever their labels."""
    found: dict[str, float] = {}
    for (name, _), value in after.items() - before.items():
        found[name] = found.get(name, 0.0) + value
    for (name, _), value in before.items() - after.items():
        found[name] = found.get(name, 0.0) - value
    return {name: value for name, value in found.items() if value}


@every_request_step
def test_what_was_sent_is_not_changed(client: Client, name: str) -> None:
    step = client.step(name)
    tick = next(ticks)
    for kind in sorted(step.kinds, key=list(Kind).index):
        request = arriving(client, name, kind, tick)
        before = copy.deepcopy(request)
        step.do(request)
        assert request.body == before.body, kind
        assert (request.kind, request.arrival, request.sent) == (before.kind, before.arrival, before.sent)
        assert len(request.records) == len(before.records)
        for record, sent in zip(request.records, before.records, strict=True):
            assert (record.event, record.place) == (sent.event, sent.place), kind
            if isinstance(sent, TelemetryRecord) and sent.features is not None:
                assert repr(record.features) == repr(sent.features)  # NaN is not equal to itself.


@every_request_step
def test_a_request_whose_events_were_all_refused_is_no_failure(client: Client, name: str) -> None:
    step = client.step(name)
    for kind in step.kinds.intersection(EVENT_KINDS):
        request = Request(kind, arrival=START, sent=1, errors=[{"position": 0}])
        step.do(request)
        assert not request.answered
        assert not request.records and not request.pairs


@every_request_step
def test_a_refusal_becomes_an_error_answer_that_the_later_steps_keep(
    client: Client, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(request: Request) -> None:
        raise ApiError(418, "pot", "must hold coffee", ["tea"])

    step = client.step(name)
    for kind in step.kinds - ELSEWHERE:
        with monkeypatch.context() as refusing:
            refusing.setattr(step, "handle", refuse)
            answered = send(client, kind, next(ticks))
        assert answered.status == 418, kind
        assert answered.json == {
            "error": {"field": "pot", "rule": "must hold coffee", "got": "list of 1 items"},
            "request_id": answered.headers["X-Request-Id"],
        }
        send(client, kind, next(ticks))  # The step takes what it refused before anything else.


@every_step
def test_a_failure_of_ours_ends_in_the_error_handler_and_the_next_request_is_answered(
    client: Client, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> None:
        raise ZeroDivisionError("a defect")

    kind = Kind.TELEMETRY if Kind.TELEMETRY in kinds_of(name) or name in FAILING else min(kinds_of(name))
    with monkeypatch.context() as patch:
        patch.setattr(client.step(name), FAILING.get(name, "handle"), fail)
        answered = send(client, kind, next(ticks))
    assert answered.status == 500
    assert answered.json == {
        "error": {"field": "server", "rule": "must not fail; its log says why it did", "got": None},
        "request_id": answered.headers["X-Request-Id"],
    }
    assert send(client, kind, next(ticks)).status == 200


@every_request_step
def test_its_shutdown_hook_may_be_called_twice(package: Path, tmp_path: Path, name: str) -> None:
    client = make_client(package, labeled_directory=str(tmp_path))
    assert send(client, Kind.TELEMETRY, 0).status == send(client, Kind.LABELS, 0).status == 200
    client.step(name).terminate()
    client.step(name).terminate()
    client.shut_down()
    assert len(list(tmp_path.glob("*.parquet"))) == 1
