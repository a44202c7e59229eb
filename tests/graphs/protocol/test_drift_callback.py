"""The callback: in order, never waiting, each event until it is taken."""

from __future__ import annotations

import base64
import hmac
import json
import threading
from collections.abc import Callable

import httpx
import pytest

from graphs.protocol.drift_callback import DriftCallback

URL = "http://runner/drift"


def callback(
    answer: Callable[[httpx.Request], httpx.Response], reports: list[tuple[str, str]], token: str = ""
) -> DriftCallback:
    def report(outcome: str, text: str) -> None:
        reports.append((outcome, text))

    return DriftCallback(URL, token, report, httpx.MockTransport(answer), first_pause=0.01)


def test_more_than_may_wait_drop_the_oldest_and_say_so() -> None:
    taken, release = threading.Event(), threading.Event()
    reports: list[tuple[str, str]] = []
    posted: list[str] = []

    def slow(request: httpx.Request) -> httpx.Response:
        taken.set()
        release.wait(10)
        posted.append(json.loads(request.content)["id"])
        return httpx.Response(202)

    calls = callback(slow, reports)
    calls.send({"id": "0"})
    assert taken.wait(10)
    for number in range(1, 102):
        calls.send({"id": str(number)})
    assert [outcome for outcome, _ in reports] == ["dropped", "dropped"]
    release.set()
    assert calls.wait()
    assert posted == ["0", *map(str, range(2, 102))]


def test_what_is_not_taken_is_tried_again_in_order() -> None:
    reports: list[tuple[str, str]] = []
    posted: list[dict[str, object]] = []
    # The third and fourth are those of one who knows a newer token than the endpoint, which is replaced soon.
    given = [503, 401, 403, 409]
    answers = iter([httpx.ConnectError("refused"), *map(httpx.Response, given)])

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer secret"
        posted.append(json.loads(request.content))
        assert request.headers["idempotency-key"] == posted[-1]["id"], "of each attempt"
        said = next(answers, httpx.Response(202))
        if isinstance(said, Exception):
            raise said
        return said

    calls = callback(answer, reports, "secret")
    calls.send({"id": "a", "event": 1})
    calls.send({"id": "b"})
    calls.send({"id": "a", "event": 1})
    assert calls.wait()
    assert [body["id"] for body in posted] == ["a", "a", "a", "a", "a", "a", "b"]
    assert posted[0] == {"id": "a", "event": 1}
    assert [outcome for outcome, _ in reports][:6] == [*["failed"] * 5, "delivered"]
    assert "refused" in reports[0][1]


@pytest.mark.parametrize("status", [400, 404, 422])
def test_what_is_refused_for_good_is_given_up(status: int) -> None:
    reports: list[tuple[str, str]] = []
    answers = iter([httpx.Response(status, text="no")])

    def answer(request: httpx.Request) -> httpx.Response:
        assert "authorization" not in request.headers
        return next(answers, httpx.Response(200))

    calls = callback(answer, reports)
    calls.send_all([{"id": "a"}, {"id": "b"}])
    assert calls.wait()
    calls.close()
    assert reports[0][0] == "refused"
    assert f"{status} no" in reports[0][1]


def test_what_is_pending_when_it_is_closed_stays_so() -> None:
    failed = threading.Event()

    def answer(request: httpx.Request) -> httpx.Response:
        failed.set()
        return httpx.Response(500)

    calls = callback(answer, [])
    calls.send({"id": "a"})
    assert failed.wait(10)
    calls.close()
    assert calls.pending == [{"id": "a"}]


def test_each_attempt_is_signed_and_a_signature_holds_for_its_content_and_time() -> None:
    requests: list[httpx.Request] = []

    def second_time(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(202 if len(requests) > 1 else 503)

    moments = iter([1_700_000_000.9, 1_700_000_060.0])
    calls = DriftCallback(
        URL,
        "",
        lambda outcome, text: None,
        httpx.MockTransport(second_time),
        first_pause=0.01,
        secret="a secret",
        clock=lambda: next(moments),
    )
    calls.send({"id": "3f", "event": {"level": "drift"}})
    assert calls.wait()
    assert [request.headers["webhook-timestamp"] for request in requests] == ["1700000000", "1700000060"]
    for request in requests:
        signed = f"3f.{request.headers['webhook-timestamp']}.".encode() + request.content
        digest = hmac.new(b"a secret", signed, "sha256").digest()
        assert request.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
        assert request.headers["webhook-id"] == json.loads(request.content)["id"] == "3f"
        assert "authorization" not in request.headers
