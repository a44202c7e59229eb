"""The benchmark of any request: its schema is served, and its figures are counted."""

from collections import Counter
from pathlib import Path

import httpx

from tests.benchmarks.any_request import SCHEMA, answered, counted, journaled, state
from tests.graphs.conftest import START, make_client, redis_url, write_package

__all__ = ["redis_url"]


def test_what_was_answered_is_counted_and_what_was_accepted_is_told(tmp_path: Path) -> None:
    client = make_client(write_package(tmp_path, SCHEMA))
    good = {"device": "a/1", "timestamp": START, "cpu": 1.0, "latency": 2.0}
    assert client.post("/telemetry", good).status == 200
    assert client.post("/telemetry", {}).status == 422
    assert client.post("/maintenance", {"id": "m", "site": "a"}).status == 200
    assert client.get("/nowhere").status == 404

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=client.get(request.url.path).json)

    with httpx.Client(base_url="http://e", transport=httpx.MockTransport(answer)) as told:
        known = state(told)
    assert known["labeled"]["remembered"] == 1
    assert [entry["id"] for entry in known["calendar"]["entries"]] == ["m"]
    assert counted(client.get("/metrics").json) == {"2xx": 5, "4xx": 2, "5xx": 0}


def test_what_an_answer_tells_of_is_what_the_journal_keeps(tmp_path: Path, redis_url: str) -> None:
    client = make_client(write_package(tmp_path, SCHEMA), redis_url=redis_url, journal_key="any-request")
    good = {"device": "a/1", "timestamp": START, "cpu": 1.0, "latency": 2.0}
    label = {"device": "a/1", "timestamp": START, "is_error": 1}
    sent = [
        ("/telemetry", good),
        ("/telemetry", [good, {}, {**good, "timestamp": START + 0.5}]),
        ("/telemetry", {}),
        (
            "/labels",
            [label, {"request_id": "later", "is_error": 0}, {"id": "i-1", "device": "a/2", "start": 0}],
        ),
        ("/incidents", {"id": "i-2", "device": "a/2", "start": START}),
        ("/maintenance", {"id": "m", "site": "a"}),
    ]
    told: Counter[tuple[str, str, str]] = Counter()
    for path, body in sent:
        told.update(answered(path, client.post(path, body).json))
    assert told["telemetry", "a/1", "2023-11-14T22:13:20.000Z"] == 2
    assert told.total() == 8 and told["labels", "later", ""] == 1
    assert told == Counter(journaled(client.step("journal")._journal.raw()))
