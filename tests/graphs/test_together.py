"""Requests that arrived together are answered as one by one."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlrun.serving.server import MockEvent

from feature_sets.telemetry.schema import TelemetrySchema
from graphs.preprocess import Preprocess
from graphs.protocol.errors import ApiError
from graphs.protocol.times import iso_time
from graphs.state.entry_id import BEFORE_ALL
from graphs.state.serving_state import serving_state
from graphs.together import ATTRIBUTE, MOST_EVENTS
from tests.graphs.conftest import START, Client, answers_of, event, label, make_client, write_package

NOW = START + 10_000.0


def conversation(rounds: int = 12) -> list[list[tuple[str, str, Any]]]:
    """Requests by when they arrive: what is in one list arrives together."""
    generator = np.random.default_rng(3)
    found = []
    for turn in range(rounds):
        at = 20.0 * turn
        cpu, latency = generator.uniform(0, 90, 2).round(3).tolist()
        found.append(
            [
                ("POST", "/telemetry", event("a/1", at, cpu, latency)),
                ("POST", "/telemetry", event("a/2", at, latency, None)),
                ("POST", "/telemetry", event("a/1", at, 1.0, 1.0)),  # again
                ("POST", "/telemetry", [event("a/1", at + 10, cpu), event("a/9"), event("a/2", at - 15)]),
                ("POST", "/telemetry", event("a/1", at + 11, "much")),
                ("POST", "/telemetry", b"{"),
                ("POST", "/telemetry/", []),
                ("POST", "/labels", label("a/1", at, turn % 2)),
                ("POST", "/labels", [label("a/2", at), label("a/2", at, 2), label("a/1", at + 10, 1)]),
                ("GET", "/labeled", None),
                ("POST", "/telemetry", event("a/2", at + 12, 700.0)),
                ("PUT", "/telemetry", event("a/2", at + 13)),
                ("POST", "/nowhere", None),
            ]
        )
    return found


def sent(client: Client, requests: list[tuple[str, str, Any]], together: bool) -> list[tuple[int, Any]]:
    """Statuses and answers, each without the id of its request."""
    if not together:
        answers = [client.send(*request) for request in requests]
        return [(answer.status, _unnamed(answer.json)) for answer in answers]

    def alone(one: Any) -> Any:
        return client.server.run(one)

    events = []
    for method, path, body in requests:
        text = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        events.append(MockEvent(body=text, method=method, path=path, content_type="application/json"))
    found = answers_of(client.server, events, alone)
    return [(answer.status_code, _unnamed(json.loads(answer.body))) for answer in found]


def _unnamed(answer: Any) -> Any:
    if isinstance(answer, dict) and "error" in answer:
        assert answer.pop("request_id")
    return answer


def fixed(package: Path, **settings: Any) -> Client:
    """A client whose clock stands, so that two of them can be compared."""
    client = make_client(package, **settings)
    client.step("ingress")._clock = lambda: NOW
    return client


def state(client: Client) -> tuple[Any, ...]:
    """What the steps keep."""
    windows = client.step("preprocess")._windows.snapshot()
    metrics = client.get("/metrics").json
    counts = sorted(line for line in metrics.splitlines() if "_total{" in line and "kind=" not in line)
    return windows, counts, client.get("/labeled").json


def test_answers_and_state_are_those_of_one_by_one(package):
    ours, theirs = fixed(package), fixed(package)
    for requests in conversation():
        assert sent(ours, requests, together=True) == sent(theirs, requests, together=False)
    assert state(ours) == state(theirs)


def plain(device: str, seconds: float, *values: float | None) -> tuple[str, str, Any]:
    """A reading that is sent alone, its time as text."""
    return "POST", "/telemetry", {**event(device, 0.0, *values), "timestamp": iso_time(START + seconds)}


def crowd(turn: int) -> list[tuple[str, str, Any]]:
    """As many of them as are read as columns; some are late, from the future, twice there, or empty."""
    values = np.random.default_rng(turn).uniform(0, 90, (10, 2)).round(3).tolist()
    at = 40.0 * turn
    return [
        *(plain(f"a/{1 + place % 2}", at + place, *row) for place, row in enumerate(values)),
        plain("a/1", at, 3, None),
        plain("a/2", at - 700.0, 1.0, 2.0),
        plain("a/2", at + 1e6, 1.0, 2.0),
    ]


@pytest.mark.parametrize("also", [[], [plain("a/1", 1.0, "much")] * 2])
@pytest.mark.parametrize("within", [[], [("POST", "/labels", label("a/1"))], [("GET", "/labeled", None)]])
def test_readings_that_were_sent_alone_are_answered_as_columns(
    package, redis_url, tmp_path, monkeypatch, also, within
):
    of_columns: list[int] = []
    taken = Preprocess._take_columns
    monkeypatch.setattr(
        Preprocess,
        "_take_columns",
        lambda self, request: (of_columns.append(len(request.telemetry)), taken(self, request)),
    )
    settings = {"redis_url": redis_url, "journal_key": tmp_path.name}
    ours = fixed(package, **settings)
    theirs = fixed(package, redis_url=redis_url, journal_key=f"{tmp_path.name}-theirs")
    for turn in range(4):
        requests = [*crowd(turn), *within, *crowd(turn + 10), *also]
        assert sent(ours, requests, together=True) == sent(theirs, requests, together=False)
    assert state(ours) == state(theirs)
    assert set(of_columns) == ({13} if within else {26})
    assert state(make_client(package, **settings))[::2] == state(ours)[::2]


def test_a_label_names_a_reading_that_was_sent_alone_beside_others(package):
    client = fixed(package)
    events = [
        MockEvent(
            body=json.dumps(plain("a/1", 10.0 * at)[2]).encode(),
            method="POST",
            path="/telemetry",
            headers={"X-Request-Id": f"r-{at}"},
        )
        for at in range(12)
    ]
    found = answers_of(client.server, events, client.server.run)
    assert [answer.headers["X-Request-Id"] for answer in found] == [f"r-{at}" for at in range(12)]
    said = client.post("/labels", [{"request_id": f"r-{at}", "is_error": 1} for at in (3, 11, 12)]).json
    assert [one["status"] for one in said] == ["joined", "joined", "waiting"]
    assert said[0]["timestamp"] == json.loads(found[3].body)["timestamp"]


def test_what_arrived_together_is_one_entry_in_its_order_and_replays_to_the_same(
    package, redis_url, tmp_path
):
    settings = {"redis_url": redis_url, "journal_key": tmp_path.name}
    client = fixed(package, **settings)
    rounds = conversation(3)
    for requests in rounds:
        sent(client, requests, together=True)
    entries = list(serving_state(client.server.context).journal.entries())
    assert [(entry.kind.value, entry.size) for entry in entries] == [
        ("telemetry", 5),
        ("labels", 3),
        ("telemetry", 1),
    ] * len(rounds)
    assert [one.device for one in entries[0].events] == ["a/1", "a/2", "a/1", "a/1", "a/2"]
    assert state(make_client(package, **settings))[::2] == state(client)[::2]


def test_a_snapshot_has_the_counts_of_all_that_it_has(package, redis_url, tmp_path, monkeypatch):
    settings = {"redis_url": redis_url, "journal_key": tmp_path.name, "snapshot_directory": str(tmp_path)}

    def counts(client: Client) -> list[str]:
        lines = client.get("/metrics").json.splitlines()
        return [line for line in lines if line.startswith("netops_events_total{")]

    client = make_client(package, snapshot_events=1, **settings)
    requests = [("POST", "/telemetry", event(device)) for device in ("a/1", "a/2", "a/1")]
    assert [status for status, _ in sent(client, requests, together=True)] == [200] * 3
    taker = client.step("respond")._taker
    taker.wait()
    assert taker._written > BEFORE_ALL
    assert counts(make_client(package, **settings)) == counts(client) != []

    monkeypatch.setattr(taker, "note", lambda *_: 1 / 0)  # They are in the journal.
    assert [status for status, _ in sent(client, requests, together=True)] == [200] * 3


def test_a_long_list_is_handled_by_itself_and_many_requests_in_parts(package, monkeypatch):
    client = fixed(package)
    sizes: list[int] = []
    handle = client.step("journal").handle
    monkeypatch.setattr(
        client.step("journal"),
        "handle",
        lambda request: (sizes.append(len(request.records)), handle(request)),
    )
    long = [event("a/1", second) for second in range(MOST_EVENTS + 1)]
    half = [event("a/2", second) for second in range(MOST_EVENTS // 2)]
    requests = [("POST", "/telemetry", body) for body in (event(), event("a/2"), long, half, half, half)]
    assert {status for status, _ in sent(client, requests, together=True)} == {200}
    assert sizes == [2, MOST_EVENTS + 1, MOST_EVENTS, MOST_EVENTS // 2]


@pytest.mark.parametrize(("arrival", "expected"), [(None, [1, 1]), ("received", [2])])
def test_what_depends_on_others_in_event_order_is_answered_one_by_one(
    schema, tmp_path, monkeypatch, arrival, expected
):
    derived = {"peers": {"by": "model", "max_age": "30s"}}
    changed = {**schema.to_dict(), "derived": derived, "arrival": arrival}
    client = fixed(write_package(tmp_path, TelemetrySchema.from_dict(changed)))
    sizes: list[int] = []
    monkeypatch.setattr(client.step("journal"), "handle", lambda request: sizes.append(len(request.records)))
    requests = [("POST", "/telemetry", event("a/1", 10)), ("POST", "/telemetry", event("a/2"))]
    assert {status for status, _ in sent(client, requests, together=True)} == {200}
    assert sizes == expected


@pytest.mark.parametrize(
    ("error", "status"),
    [(ApiError(503, "history", "must be reachable", None), 503), (ZeroDivisionError("ours"), 500)],
)
def test_what_cannot_be_prepared_of_one_device_refuses_that_one_alone(package, monkeypatch, error, status):
    client = fixed(package)
    step = client.step("preprocess")

    def prepare(request):
        if any(record.event.device == "a/2" for record in request.telemetry):
            raise error

    monkeypatch.setattr(step, "prepare", prepare)
    requests = [("POST", "/telemetry", event(device)) for device in ("a/1", "a/2", "a/1")]
    found = sent(client, [("POST", "/labels", label()), *requests], together=True)
    assert [status for status, _ in found] == [200, 200, status, 200]
    assert [answer.get("status") for _, answer in found[1:]] == ["accepted", None, "duplicate"]


def test_a_failure_that_nobody_can_be_told_of_changes_nothing_for_the_others(package, monkeypatch):
    client = fixed(package)
    respond, answer = client.step("respond"), client.step("respond").answer

    def fail(one):
        raise ZeroDivisionError("ours")

    def answered(one):
        return fail(one) if one.body.telemetry[0].event.device == "a/2" else answer(one)

    monkeypatch.setattr(respond, "answer", answered)
    monkeypatch.setattr(client.step("error_handler"), "do_event", fail)
    bodies = [event("a/1"), event("a/2"), event("a/1", 10)]
    events = [MockEvent(body=json.dumps(body).encode(), method="POST", path="/telemetry") for body in bodies]
    events.append(MockEvent(method="GET", path="/"))
    found = answers_of(client.server, events, fail)
    failed = ZeroDivisionError
    assert [getattr(one, "status_code", type(one)) for one in found] == [200, failed, 200, failed]


def test_a_journal_that_is_away_is_asked_once_for_all(package, monkeypatch):
    client = fixed(package)
    asked = []

    def append(*arguments):
        asked.append(arguments)
        raise ApiError(503, "journal", "must be reachable to accept events", None)

    monkeypatch.setattr(serving_state(client.server.context).journal, "append", append)
    found = sent(client, [("POST", "/telemetry", event())] * 3, together=True)
    assert [status for status, _ in found] == [503] * 3 and len(asked) == 1
    assert found[0][1]["error"]["field"] == "journal"


@pytest.mark.parametrize(
    ("name", "failing", "statuses"), [("model_router", "do", [500] * 3), ("ingress", "_read_head", [500] * 3)]
)
def test_a_failure_of_ours_is_answered_to_each(package, monkeypatch, name, failing, statuses):
    client = fixed(package)

    def fail(request):
        raise ZeroDivisionError("once")

    monkeypatch.setattr(client.step(name), failing, fail)
    found = sent(client, [("POST", "/telemetry", event())] * 3, together=True)
    assert [status for status, _ in found] == statuses
    assert found[0][1]["error"]["field"] == "server"


AFTER = ("labeled_join", "detect_drift")
"""Steps that the answer to a lone event that is new does not depend on."""


@pytest.mark.parametrize(
    ("requests", "follows"),
    [
        ([("POST", "/telemetry", event("a/1", 30.0))], True),
        ([("POST", "/telemetry", [event("a/1", 30.0)])], True),
        ([("POST", "/telemetry", event("a/1", 0.0))], False),  # again
        ([("POST", "/telemetry", event("a/1", -700.0))], False),  # too late
        ([("POST", "/telemetry", event("a/1", 1e6))], False),  # from the future
        ([("POST", "/telemetry", [event("a/1", 30.0), event("a/2", 30.0)])], False),
        ([("POST", "/telemetry", event("a/1", 30.0)), ("POST", "/telemetry", event("a/2", 30.0))], False),
        ([("POST", "/labels", label("a/1", 0.0))], False),
    ],
)
def test_a_lone_event_that_is_new_is_answered_before_it_is_in_the_ledger(
    package, monkeypatch, requests, follows
):
    ours, theirs, seen = fixed(package), fixed(package), []
    for client in (ours, theirs):
        client.post("/telemetry", event("a/1", 0.0))
    for name in AFTER:
        step = ours.step(name)
        do = step.do
        monkeypatch.setattr(step, "do", lambda given, do=do, name=name: (seen.append(name), do(given))[1])
    answer = ours.step("respond").answer
    monkeypatch.setattr(
        ours.step("respond"), "answer", lambda *of, **how: (seen.append("answer"), answer(*of, **how))[1]
    )
    answers = sent(ours, requests, together=True)
    assert seen == (["answer", *AFTER] if follows else [*AFTER, *["answer"] * len(requests)])
    monkeypatch.undo()
    ours.step("ingress")._clock = lambda: NOW
    assert answers == sent(theirs, requests, together=False)
    assert state(ours) == state(theirs)


@pytest.mark.parametrize("name", AFTER)
@pytest.mark.parametrize("error", [ZeroDivisionError("once"), ApiError(503, "state", "must be there", None)])
def test_what_fails_behind_an_answer_is_made_good_before_the_next_one(package, monkeypatch, name, error):
    ours, theirs = fixed(package), fixed(package)
    requests = [[("POST", "/telemetry", event("a/1", 10.0 * turn))] for turn in range(3)]

    def fail(request):
        raise error

    found = []
    for turn, one in enumerate(requests):
        with monkeypatch.context() as patch:
            if turn == 1:
                patch.setattr(ours.step(name), "handle", fail)
            found += sent(ours, one, together=True)
    assert [status for status, _ in found] == [200] * 3
    assert found == [answer for one in requests for answer in sent(theirs, one, together=False)]
    assert state(ours) == state(theirs)
    counts = ours.get("/metrics").json
    assert 'netops_requests_total{kind="telemetry",status="200"} 3.0' in counts
    assert 'stage="respond"' in counts and 'netops_events_total{status="accepted"} 3.0' in counts


@pytest.mark.parametrize("count", [1, 3])
def test_an_answer_does_not_wait_for_what_is_noted_of_it(package, redis_url, tmp_path, monkeypatch, count):
    client = make_client(package, redis_url=redis_url, journal_key=tmp_path.name)
    respond, journal = client.step("respond"), serving_state(client.server.context).journal
    seen: list[Any] = []
    for name in ("note_answer", "note_entry"):
        monkeypatch.setattr(respond, name, lambda *_, name=name: seen.append(name))
    append = journal.append
    monkeypatch.setattr(journal, "append", lambda *given: (append(*given), seen.append("journaled"))[0])
    events = [
        MockEvent(body=json.dumps(event(seconds=10.0 * place)).encode(), method="POST", path="/telemetry")
        for place in range(count)
    ]
    getattr(client.server, ATTRIBUTE)(events, client.server.run, lambda place, answer: seen.append(place))
    answered = [each for place in range(count) for each in (place, "note_answer")]
    assert seen == ["journaled", *answered, "note_entry"]


@pytest.mark.parametrize("count", [1, 2])
def test_a_failure_to_note_an_answer_takes_none_away(package, monkeypatch, count):
    client = fixed(package)

    def fail(*given):
        raise ZeroDivisionError("ours")

    for name in ("note_answer", "note_entry"):
        monkeypatch.setattr(client.step("respond"), name, fail)
    found = sent(client, [("POST", "/telemetry", event("a/1", place)) for place in range(count)], True)
    assert [status for status, _ in found] == [200] * count


def test_they_share_the_latest_arrival(package, redis_url, tmp_path):
    client = make_client(package, redis_url=redis_url, journal_key=tmp_path.name)
    begin = time.time()
    sent(client, [("POST", "/telemetry", event())] * 2, together=True)
    (entry,) = serving_state(client.server.context).journal.entries()
    assert begin <= entry.arrival <= time.time()


def test_with_the_clock_of_the_events_each_has_an_arrival_of_its_own(package):
    assert not hasattr(make_client(package, clock="arrival").server, ATTRIBUTE)


def test_beyond_the_bound_data_is_refused_and_nothing_else(package):
    client = make_client(package, max_waiting=3, max_waiting_bytes=1000)
    together = getattr(client.server, ATTRIBUTE)
    assert together.refusal("POST", "/telemetry", 2, 999, str) is None
    for waiting, size in ((3, 10), (0, 1000)):
        for path in ("/telemetry", "/labels/", "/v2/models/model/infer"):
            answer = together.refusal("POST", path, waiting, size, lambda: "mine")
            assert (answer.status_code, answer.headers) == (429, {"Retry-After": "1", "X-Request-Id": "mine"})
            body = json.loads(answer.body)
            error = body["error"]
            assert body["request_id"] == "mine"
            assert error["field"] == "requests" and "sent again later" in error["rule"]
    for method, path in (("GET", "/metrics"), ("POST", "/maintenance"), ("PUT", "/routing")):
        assert together.refusal(method, path, 3, 1000, str) is None
    metrics = client.get("/metrics").json
    assert 'netops_refused_requests_total{reason="waiting"} 6.0' in metrics
    assert 'netops_requests_total{kind="telemetry",status="429"} 2.0' in metrics


def test_pairs_that_no_disk_takes_are_bounded_and_none_is_dropped(package, tmp_path, monkeypatch):
    client = fixed(package, labeled_directory=str(tmp_path), max_unwritten_pairs=2, batch_seconds=0.05)
    batches = client.step("labeled_join")._batches
    write, away = batches._write, [True]

    def failing(batch):
        if away[0]:
            raise OSError(28, "No space left on device")
        write(batch)

    monkeypatch.setattr(batches, "_write", failing)
    for second in (0, 1):
        client.post("/telemetry", event("a/1", second))
        assert client.post("/labels", label("a/1", second)).json["status"] == "joined"
    for path, body in (("/telemetry", event("a/1", 2)), ("/labels", label("a/1", 2))):
        answer = client.post(path, body)
        assert (answer.status, answer.headers["Retry-After"]) == (429, "5")
        assert answer.json["error"]["field"] == "labeled_batches"
    three = sent(client, [("POST", "/telemetry", event("a/1", 2))] * 3, together=True)
    assert [status for status, _ in three] == [429] * 3
    assert 'netops_refused_requests_total{reason="unwritten_pairs"} 5.0' in client.get("/metrics").json
    away[0] = False
    deadline = time.monotonic() + 10
    while client.get("/labeled").json["unwritten"]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert client.post("/telemetry", event("a/1", 2)).json["status"] == "accepted"
    assert client.get("/labeled").json["joined"] == 2
    client.shut_down()
