"""The benchmark of any request: its schema is served, and its figures are counted."""

from pathlib import Path

import httpx

from tests.benchmarks.any_request import SCHEMA, counted, state
from tests.graphs.conftest import START, make_client, write_package


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
    assert counted(client.get("/metrics").json) == {"2xx": 5, "4xx": 2}
