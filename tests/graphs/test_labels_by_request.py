"""Labels that name their event by the request that brought it."""

from __future__ import annotations

import dataclasses
import itertools
import json
import random
from pathlib import Path
from typing import Any

import pytest
from mlrun.serving.server import MockEvent

from feature_sets.telemetry.label_form import LabelForm
from feature_sets.telemetry.schema import TelemetrySchema
from graphs.state.serving_state import serving_state
from tests.graphs.conftest import (
    START,
    Answered,
    Client,
    answers_of,
    event,
    label,
    make_client,
    write_package,
)

NAMES = itertools.count()


def told(name: str, is_error: Any = 1, **more: Any) -> dict[str, Any]:
    return {"request_id": name, "is_error": is_error, **more}


def post(client: Client, body: Any, name: str, path: str = "/telemetry") -> Answered:
    return client.post(path, body, headers={"X-Request-Id": name})


def statuses(client: Client, body: Any) -> list[str]:
    answer = client.post("/labels", body).json
    return [row["status"] for row in (answer if isinstance(answer, list) else [answer])]


def summary(client: Client, *fields: str) -> tuple[Any, ...]:
    found = client.get("/labeled").json
    return tuple(found[field] for field in fields)


def set_clock(client: Client, now: list[float]) -> None:
    """Have a clock that the test moves."""
    client.step("ingress")._clock = lambda: now[0]


def test_a_label_finds_its_event_by_the_id_that_the_answer_carries(client: Client) -> None:
    alone = client.post("/telemetry", event(seconds=0))
    assert client.post("/labels", told(alone.headers["X-Request-Id"])).json == {
        "device": "a/1",
        "timestamp": "2023-11-14T22:13:20.000Z",
        "status": "joined",
        "request_id": alone.headers["X-Request-Id"],
    }
    several = client.post("/telemetry", [event(seconds=10), event("a/2", 10), event("a/1", 20)])
    name = several.headers["X-Request-Id"]
    answers = client.post("/labels", [told(f"{name}#2"), told(f"{name}#1", 0)]).json
    assert [(row["device"], row["timestamp"][-7:], row["status"]) for row in answers] == [
        ("a/1", "40.000Z", "joined"),
        ("a/2", "30.000Z", "joined"),
    ]
    assert summary(client, "joined", "waiting") == (3, 1)


def test_a_place_counts_what_was_sent_also_what_was_refused(client: Client) -> None:
    post(client, [event(cpu="much"), event(seconds=10), event("nobody"), event("a/2")], "r-1")
    assert statuses(client, [told("r-1#1"), told("r-1#3")]) == ["joined", "joined"]
    assert statuses(client, [told("r-1#0"), told("r-1#2"), told("r-1#4"), told("r-1")]) == ["waiting"] * 4
    post(client, event(seconds=20), "r-2")
    assert statuses(client, told("r-2#0")) == ["waiting"], "one that was sent alone has no place"


def test_duplicates_and_conflicts_are_as_with_times(client: Client) -> None:
    post(client, event(), "r-1")
    assert statuses(client, [told("r-1"), told("r-1"), label(is_error=1), told("r-1", 0), label()]) == [
        *("joined", "duplicate", "duplicate", "conflicting", "conflicting")
    ]
    assert summary(client, "joined", "conflicting", "waiting_for_prediction") == (1, 2, 0)


def test_a_repeated_event_has_the_names_of_both_requests(client: Client) -> None:
    post(client, event(), "r-1")
    assert post(client, event(), "r-2").json["status"] == "duplicate"
    assert statuses(client, [told("r-2"), told("r-1")]) == ["joined", "duplicate"]


def test_the_same_request_again_names_the_same_events_and_more_of_them(client: Client) -> None:
    post(client, [event(cpu="much"), event(seconds=10)], "r-1")
    post(client, [event(), event(seconds=10)], "r-1")
    assert statuses(client, [told("r-1#0"), told("r-1#1")]) == ["joined", "joined"]


def test_an_id_of_several_requests_names_nothing_and_the_answer_says_so(client: Client) -> None:
    for seconds in (0, 10, 20):
        post(client, event(seconds=seconds), "same")
    answer = client.post("/labels", told("same"))
    assert (answer.status, answer.json["error"]) == (
        422,
        {
            "field": "request_id",
            "rule": "must name one event: several requests had this id, so send device and time",
            "got": "same",
        },
    )
    assert statuses(client, told("same", device="a/1", timestamp=START + 10)) == ["joined"]


@pytest.mark.parametrize(
    "name", ["", "a b", 3, True, ["r-1"], "r-1#", "r-1#x", "#1", "r-1#123456", "r" * 129, "r-1#1#1"]
)
def test_what_can_be_no_name_is_a_422(client: Client, name: Any) -> None:
    answer = client.post("/labels", told(name))
    assert (answer.status, answer.json["error"]["field"]) == (422, "request_id")
    assert answer.json["error"]["rule"].startswith("must be the id of a request, with # and the place")


@pytest.mark.parametrize("more", [{"device": "a/2"}, {"timestamp": START}, {"timestamp": None}, {"box": "1"}])
def test_half_of_device_and_time_beside_a_name_is_a_422(client: Client, more: dict[str, Any]) -> None:
    answer = client.post("/labels", told("r-1", **more))
    assert answer.status == 422 and "is required" in answer.json["error"]["rule"]


def test_a_name_and_the_device_and_time_of_another_event_contradict(client: Client) -> None:
    post(client, [event(), event("a/2"), event(seconds=10)], "r-1")
    sent = [{**label(), **told("r-1#0")}, {**label("a/2"), **told("r-1#0")}, {**label(), **told("r-1#2")}]
    answer = client.post("/labels", sent)
    assert answer.status == 422
    refused = {"field": "request_id", "rule": "must name the event of this device and time"}
    assert answer.json["errors"] == [
        {"position": 1, **refused, "got": "r-1#0"},
        {"position": 2, **refused, "got": "r-1#2"},
    ]
    assert [row and row["status"] for row in answer.json["results"]] == ["joined", None, None]
    assert statuses(client, {**label("a/2"), **told("r-9")}) == ["joined"], "known by device and time"


def test_a_label_may_be_as_far_beside_its_reading_as_the_schema_says(
    tmp_path: Path, schema: TelemetrySchema
) -> None:
    beside = dataclasses.replace(schema, labels=LabelForm(tolerance="5s"))
    client = make_client(write_package(tmp_path, beside))
    post(client, event(), "r-1")
    post(client, event(seconds=10), "r-2")
    assert client.post("/labels", {**label(seconds=5), **told("r-1")}).json["status"] == "joined"
    for seconds in (9, 15.5):
        answer = client.post("/labels", {**label(seconds=seconds), **told("r-2")})
        assert (answer.status, answer.json["error"]["field"]) == (422, "request_id")
    assert client.post("/labels", told("r-2", 0)).json["timestamp"] == "2023-11-14T22:13:30.000Z"


def test_a_label_may_come_before_its_event_and_the_first_one_counts(client: Client) -> None:
    assert client.post("/labels", told("r-1")).json == {
        "device": None,
        "timestamp": None,
        "status": "waiting",
        "request_id": "r-1",
    }
    assert statuses(client, [told("r-1"), told("r-1", 0), told("r-2#1", 0)]) == [
        *("duplicate", "conflicting", "waiting")
    ]
    assert summary(client, "waiting_for_prediction", "conflicting") == (2, 1)
    assert post(client, event(), "r-1").json["status"] == "accepted"
    post(client, [event("a/2"), event("a/2", 10)], "r-2")
    assert summary(client, "joined", "waiting", "waiting_for_prediction") == (2, 1, 0)
    assert statuses(client, label(is_error=1)) == ["duplicate"]


def test_a_label_that_waits_for_its_name_comes_behind_one_that_waits_for_the_time(client: Client) -> None:
    assert statuses(client, [told("r-1", 0), label(is_error=1)]) == ["waiting", "waiting"]
    post(client, event(), "r-1")
    assert summary(client, "joined", "conflicting", "waiting_for_prediction") == (1, 1, 0)
    assert client.get("/labeled").json["conflicts"][0]["kept"] == 1


def test_a_label_expires_by_the_clock_if_its_event_does_not_come(package: Path) -> None:
    client, now = make_client(package, label_deadline_seconds=100), [START]
    set_clock(client, now)
    statuses(client, [told("r-1"), told("r-2")])
    now[0] += 100
    post(client, event(), "r-1")
    now[0] += 0.1
    client.post("/telemetry", event(seconds=1))
    assert summary(client, "joined", "expired_labels", "waiting_for_prediction") == (1, 1, 0)
    post(client, event(seconds=2), "r-2")
    assert summary(client, "joined", "waiting") == (1, 2)


def test_a_label_of_a_prediction_that_is_forgotten_has_expired(package: Path) -> None:
    client = make_client(package, label_deadline_seconds=100)
    post(client, event(), "r-1")
    post(client, event(seconds=101), "r-2")
    assert statuses(client, [told("r-1"), told("r-2")]) == ["expired", "joined"]
    assert summary(client, "expired", "joined") == (1, 1)


def test_labels_that_wait_for_a_name_are_bounded_and_readings_are_not_refused(package: Path) -> None:
    client, now = make_client(package, ledger_max_size=3, label_deadline_seconds=100), [START]
    set_clock(client, now)
    statuses(client, [told("r-1"), told("r-2"), told("r-3")])
    answer = client.post("/labels", told("r-4"))
    assert (answer.status, answer.json["error"]["field"]) == (503, "ledger")
    assert "3 labels wait for the request that they name" in answer.json["error"]["rule"]
    post(client, event(), "r-1")
    assert statuses(client, told("r-4")) == ["waiting"]
    now[0] += 101
    assert statuses(client, told("r-5")) == ["waiting"], "the others are given up"
    assert summary(client, "expired_labels", "waiting_for_prediction") == (3, 1)


def test_names_of_an_event_that_is_sent_again_and_again_are_bounded(package: Path) -> None:
    client = make_client(package, ledger_max_size=100, label_deadline_seconds=100)
    answers = [post(client, event(), f"r-{number}") for number in range(5000)]
    assert [each.status for each in answers] == [200] * 200 + [503] * 4800
    assert answers[-1].json["error"]["field"] == "ledger" and answers[-1].headers["Retry-After"] == "5"
    assert "200 names of events wait for their deadline" in answers[-1].json["error"]["rule"]
    refused = 'netops_refused_requests_total{reason="names"} 4800.0'
    assert refused in client.get("/metrics").json
    known = client.step("labeled_join")._by_request._known
    assert known.events == 200, "memory is flat, however often it is sent"
    assert statuses(client, [told("r-0"), told("r-199")]) == ["joined", "duplicate"], "none is forgotten"
    assert post(client, event(seconds=101), "r-new").status == 200, "a newer event ends them"
    assert known.events <= 101 and statuses(client, told("r-new")) == ["joined"]
    assert post(client, event(seconds=101), "r-again").status == 200


def test_a_label_is_found_in_the_turn_in_which_its_event_came(client: Client) -> None:
    server = client.server

    def turn(*requests: tuple[str, str, Any]) -> list[Any]:
        events = [
            MockEvent(
                body=json.dumps(body).encode(), path=path, method="POST", headers={"X-Request-Id": name}
            )
            for name, path, body in requests
        ]
        return [json.loads(answer.body) for answer in answers_of(server, events, server.run)]

    answers = turn(
        ("r-1", "/telemetry", event()),
        ("r-2", "/telemetry", [event("a/2"), event("a/2", 10)]),
        ("l-1", "/labels", told("r-1")),
        ("l-2", "/labels", [told("r-2#0"), told("r-2#1", 0)]),
        ("l-3", "/labels", {**label("a/2"), **told("r-1")}),
        ("l-4", "/labels", told("r-3")),
        ("r-3", "/telemetry", event(seconds=20)),
        ("r-4", "/telemetry", event(seconds=30)),
    )
    assert answers[2]["status"] == "joined" and [row["status"] for row in answers[3]] == ["joined"] * 2
    assert answers[4]["error"]["field"] == "request_id" and answers[4]["request_id"] == "l-3"
    assert answers[5]["status"] == "waiting"
    assert summary(client, "joined", "waiting") == (4, 1)


class Plain:
    """What should become of labels, by lists that are looked through each time."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.events: list[tuple[str, float, set[str]]] = []
        self.labels: list[tuple[str, float, int]] = []
        self.waiting: list[tuple[str, int, float]] = []
        self.joined = self.conflicting = self.expired = 0

    @property
    def newest(self) -> float:
        return max((time for _, time, _ in self.events), default=-1e18)

    def advance(self, now: float) -> None:
        given_up = [one for one in self.waiting if one[2] < now - self.deadline]
        self.expired += len(given_up)
        self.waiting = [one for one in self.waiting if one not in given_up]

    def event(self, device: str, time: float, name: str) -> None:
        if time < self.newest - self.deadline:
            return
        for of, at, names in self.events:
            if (of, at) == (device, time):
                names.add(name)
                break
        else:
            self.events.append((device, time, {name}))
            self.joined += any((device, time) == one[:2] for one in self.labels)
        for one in [one for one in self.waiting if one[0] == name]:
            self.waiting.remove(one)
            self.tell(device, time, one[1])

    def tell(self, device: str, time: float, is_error: int) -> str:
        if time < self.newest - self.deadline:
            return "expired"
        for of, at, known in self.labels:
            if (of, at) == (device, time):
                self.conflicting += known != is_error
                return "duplicate" if known == is_error else "conflicting"
        self.labels.append((device, time, is_error))
        is_known = any((device, time) == one[:2] for one in self.events)
        self.joined += is_known
        return "joined" if is_known else "waiting"

    def told(self, name: str, is_error: int, now: float) -> str:
        for device, time, names in self.events:
            if name in names:
                return self.tell(device, time, is_error)
        for waiting, known, _ in self.waiting:
            if waiting == name:
                self.conflicting += known != is_error
                return "duplicate" if known == is_error else "conflicting"
        self.waiting.append((name, is_error, now))
        return "waiting"


def _walk(
    client: Client, plain: Plain, generator: random.Random, now: list[float], steps: int, known: list[str]
) -> None:
    for step in range(steps):
        now[0] += generator.choice([0.0, 0.0, 5.0])
        plain.advance(now[0])
        kind = generator.random()
        if kind < 0.4:
            name, seconds = f"r-{next(NAMES)}", now[0] - START - generator.choice([0, 0, 30, 50])
            sent = [
                event(generator.choice(["a/1", "a/2"]), seconds - 10 * n)
                for n in range(generator.choice([1, 1, 3]))
            ]
            alone = len(sent) == 1
            if generator.random() < 0.4:
                early = name if alone else f"{name}#{generator.randrange(3)}"
                bit = generator.randrange(2)
                assert statuses(client, told(early, bit)) == [plain.told(early, bit, now[0])], step
            answers = post(client, sent[0] if alone else sent, name).json
            for place, (one, answer) in enumerate(zip(sent, [answers] if alone else answers, strict=True)):
                if answer["probability"] is not None:
                    named = name if alone else f"{name}#{place}"
                    known.append(named)
                    plain.event(one["device"], one["timestamp"], named)
        elif kind < 0.8 and known:
            name = (
                generator.choice(known[-40:]) if generator.random() < 0.9 else f"u-{generator.randrange(4)}"
            )
            bit = generator.randrange(2)
            assert statuses(client, told(name, bit)) == [plain.told(name, bit, now[0])], (step, name)
        else:
            device, seconds = generator.choice(["a/1", "a/2"]), now[0] - START - generator.choice([0, 30, 70])
            bit = generator.randrange(2)
            body = label(device, seconds, bit)
            assert statuses(client, body) == [plain.tell(device, body["timestamp"], bit)], step
    assert summary(client, "joined", "conflicting") == (plain.joined, plain.conflicting)


@pytest.mark.parametrize("seed", range(4))
def test_names_and_times_agree_with_a_plain_account(package: Path, seed: int) -> None:
    client, now = make_client(package, label_deadline_seconds=120), [START]
    set_clock(client, now)
    _walk(client, Plain(120), random.Random(seed), now, 300, [])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("snapshots", [False, True])
def test_a_restart_knows_all_names_again(
    package: Path, tmp_path: Path, redis_url: str, seed: int, snapshots: bool
) -> None:
    """A process that just stops, as by -9; with snapshots what is replayed is only their tail."""
    key = f"names-{seed}-{snapshots}-{next(NAMES)}"
    settings = {"snapshot_directory": str(tmp_path / "snapshots")} if snapshots else {}
    plain, generator, now, known = Plain(120), random.Random(seed), [START], []
    for life in range(4):
        client = make_client(
            package, label_deadline_seconds=120, redis_url=redis_url, journal_key=key, **settings
        )
        assert serving_state(client.server.context).journal is not None
        set_clock(client, now)
        if life:
            assert summary(client, "joined", "conflicting") == (plain.joined, plain.conflicting)
        _walk(client, plain, generator, now, 60, known)
        if snapshots and life % 2 == 0:
            client.shut_down()
            now[0] += 1


def test_a_list_that_goes_through_the_steps_as_columns_is_named_too(client: Client) -> None:
    sent = [event(f"a/{1 + number % 2}", 10 * (number // 2)) for number in range(40)]
    answer = post(client, sent, "r-1")
    assert [row["status"] for row in answer.json] == ["accepted"] * 40
    assert statuses(client, [told("r-1#39"), told("r-1#0")]) == ["joined", "joined"]
    assert statuses(client, told("r-2#3")) == ["waiting"]
    post(client, [event("a/1", 1000 + number) for number in range(40)], "r-2")
    assert summary(client, "joined", "waiting_for_prediction") == (3, 0)
