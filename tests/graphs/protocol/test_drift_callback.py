"""The callback: in order, never waiting, every failure reported."""

from __future__ import annotations

import threading

import httpx

from graphs.protocol.drift_callback import DriftCallback


def test_events_beyond_what_may_wait_are_dropped_and_reported() -> None:
    taken, release = threading.Event(), threading.Event()
    reports: list[str] = []
    posted: list[bytes] = []

    def slow(request: httpx.Request) -> httpx.Response:
        taken.set()
        release.wait(10)
        posted.append(request.content)
        return httpx.Response(202)

    callback = DriftCallback(
        "http://runner/runs", {}, "", lambda outcome, text: reports.append(outcome), httpx.MockTransport(slow)
    )
    callback.send({"n": 0})
    assert taken.wait(10)
    for number in range(1, 103):
        callback.send({"n": number})
    assert reports == ["dropped", "dropped"]
    release.set()
    callback.wait()
    assert len(posted) == 101
    assert posted[5].replace(b" ", b"") == b'{"event":{"n":5}}'
    assert reports.count("delivered") == 101


def test_a_network_failure_is_reported_and_the_next_event_is_posted() -> None:
    reports: list[tuple[str, str]] = []
    answers = iter([httpx.ConnectError("refused"), httpx.Response(200)])

    def answer(request: httpx.Request) -> httpx.Response:
        assert "authorization" not in request.headers
        given = next(answers)
        if isinstance(given, Exception):
            raise given
        return given

    callback = DriftCallback(
        "http://runner/runs",
        {},
        "",
        lambda outcome, text: reports.append((outcome, text)),
        httpx.MockTransport(answer),
    )
    callback.send({})
    callback.send({})
    callback.wait()
    assert [outcome for outcome, _ in reports] == ["failed", "delivered"]
    assert "refused" in reports[0][1]
