"""Each request has an id: in the answer, in the body of an error, in the log, which has no data of events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from graphs.protocol.errors import ApiError
from graphs.protocol.request import Request
from graphs.protocol.routes import Kind
from graphs.request_log import RequestLog
from tests.graphs.conftest import Client, event, label, make_client


class Lines:
    """A logger that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def info(self, message: str, **fields: Any) -> None:
        self.lines.append((message, fields))

    error = info


def test_a_given_id_is_in_answer_error_and_log(package: Path) -> None:
    client = make_client(package, request_log="all")
    lines = Lines()
    client.step("respond")._log._logger = lines
    named = {"headers": {"x-request-id": "trace:1/a"}}
    assert client.post("/telemetry", event(), **named).headers["X-Request-Id"] == "trace:1/a"
    refused = client.post("/telemetry", [event(seconds=10), event("secret/9"), event("a/2")], **named)
    assert (refused.status, refused.json["request_id"]) == (422, "trace:1/a")
    single = client.post("/telemetry", event(cpu="seven"), **named)
    assert (single.status, single.json["request_id"]) == (422, "trace:1/a")
    told = [fields for _, fields in lines.lines]
    assert [(one["status"], one["events"], one["accepted"]) for one in told] == [
        (200, 1, 1),
        (422, 3, 2),
        (422, 1, 0),
    ]
    assert {one["request_id"] for one in told} == {"trace:1/a"} and told[2]["field"] == "cpu"
    assert all(one["seconds"] > 0 and one["kind"] == "telemetry" for one in told)
    text = str(lines.lines)
    assert not [data for data in ("secret", "a/1", "a/2", "seven", "40.0", "rule") if data in text]


def test_nothing_of_a_request_that_is_not_journaled_is_told_to_be_accepted(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = Lines()
    client.step("respond")._log._logger = lines
    journal = client.step("journal")

    def away(*given: Any) -> None:
        raise ApiError(503, "journal", "must be reachable", None)

    monkeypatch.setattr(journal._journal, "append", away)
    for path, body in (
        ("/telemetry", event()),
        ("/telemetry", [event(), event("a/2")]),
        ("/labels", label()),
    ):
        assert client.post(path, body).status == 503
        client.step("respond")._log._told.clear()
    told = [(fields["status"], fields["events"], fields["accepted"]) for _, fields in lines.lines]
    assert told == [(503, 1, 0), (503, 2, 0), (503, 1, 0)]


def test_without_an_id_each_request_gets_its_own(client: Client) -> None:
    found = {client.get("/labeled").headers["X-Request-Id"] for _ in range(3)}
    assert len(found) == 3 and all(found)


@pytest.mark.parametrize("given", ["a b", "x" * 129, "é", 'a"b', "a\nb", "<a>"])
def test_an_id_that_a_log_cannot_take_is_refused(client: Client, given: str) -> None:
    answer = client.post("/telemetry", event(), headers={"X-Request-Id": given})
    assert (answer.status, answer.json["error"]["field"]) == (422, "X-Request-Id")
    assert given not in str(answer.json) and answer.headers["X-Request-Id"] == answer.json["request_id"]
    assert client.get("/labeled").json["remembered"] == 0


def test_a_step_that_fails_answers_with_the_id_and_logs_it(client: Client) -> None:
    lines = Lines()
    client.step("error_handler")._log._logger = lines
    client.step("preprocess")._windows = None
    answer = client.post("/telemetry", event(), headers={"X-Request-Id": "broken"})
    assert (answer.status, answer.json["request_id"], answer.headers["X-Request-Id"]) == (
        500,
        "broken",
        "broken",
    )
    (fields,) = [fields for _, fields in lines.lines]
    assert (fields["request_id"], fields["status"]) == ("broken", 500)


def failed(status: int, field: str = "journal") -> Request:
    request = Request(Kind.TELEMETRY, id="one", method="POST", path="/telemetry")
    request.reply({"error": {"field": field, "rule": "must be reached", "got": "data"}}, status)
    return request


def test_by_default_failures_alone_have_a_line_and_one_a_second() -> None:
    lines, now = Lines(), [0.0]
    log = RequestLog(lines, "failed", lambda: now[0])
    log.note(Request(Kind.TELEMETRY), 0.1)
    log.note(failed(422), 0.1)
    assert lines.lines == []
    for _ in range(5):
        log.note(failed(503), 0.1)
    log.note(failed(503, "ledger"), 0.1)
    now[0] = 1.5
    log.note(failed(503), 0.1)
    told = [(fields["field"], fields.get("left_out")) for _, fields in lines.lines]
    assert told == [("journal", None), ("ledger", None), ("journal", 4)]
    assert lines.lines[0][1]["rule"] == "must be reached" and "data" not in str(lines.lines)
    RequestLog(lines, "off").note(failed(503), 0.1)
    assert len(lines.lines) == 3
