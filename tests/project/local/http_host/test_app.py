import asyncio
import gzip
import io
import logging
import os
import subprocess
import sys

import nuclio_sdk
import orjson
import pytest

from project.local.http_host.app import READY_PATH, HostApp
from project.local.http_host.events import JsonLines, make_context
from tests.project.local.http_host.support import JSON, nuclio_function, receiver


async def _serve(function, *, path="/x", body=b"", headers=(), max_body=100):
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": list(headers)}
    await HostApp(function, max_body)(scope, receiver(body), send)
    return sent


def _answer(function, **request):
    start, *bodies = asyncio.run(_serve(function, **request))
    return start["status"], dict(start["headers"]), b"".join(message["body"] for message in bodies)


def test_sync_and_async_handlers_answer():
    async def slow(context, event):
        return {"body": event.body}

    for handler in (slow, lambda context, event: {"body": event.body}):
        status, headers, body = _answer(nuclio_function(handler), body=b'{"a": 1}', headers=JSON)
        assert (status, headers[b"content-type"], orjson.loads(body)) == (
            200,
            b"application/json",
            {"body": {"a": 1}},
        )


def test_a_question_mark_in_a_name_begins_no_query():
    function = nuclio_function(lambda _, event: event.path)
    assert _answer(function, path="/models/a?b/infer")[2] == b"/models/a%3Fb/infer"


def test_a_sync_handler_runs_beside_the_event_loop():
    def handler(context, event):
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()
        return "beside"

    assert _answer(nuclio_function(handler))[2] == b"beside"


def test_a_failing_handler_is_a_500_with_the_error_object():
    status, _, body = _answer(nuclio_function(lambda context, event: 1 / 0))
    assert status == 500
    assert orjson.loads(body)["error"]["got"] == "ZeroDivisionError: division by zero"


def test_a_body_over_the_limit_is_a_413_with_the_error_object():
    status, headers, body = _answer(nuclio_function(lambda context, event: "no"), body=b"x" * 101)
    assert (status, headers[b"connection"]) == (413, b"close")
    error = {"field": "body", "rule": "must be at most 100 bytes", "got": "more than 100 bytes"}
    told = orjson.loads(body)
    assert told == {"error": error, "request_id": headers[b"x-request-id"].decode()}


def test_a_compressed_body_is_read_under_the_same_limit():
    def handler(context, event):
        return {"body": event.body, "coding": event.headers.get("Content-Encoding")}

    packed = [*JSON, (b"content-encoding", b"gzip")]
    function = nuclio_function(handler)
    status, _, body = _answer(function, body=gzip.compress(b'{"a": 1}'), headers=packed)
    assert (status, orjson.loads(body)) == (200, {"body": {"a": 1}, "coding": None})
    assert _answer(function, body=gzip.compress(b" " * 101), headers=packed)[0] == 413
    assert _answer(function, body=b'{"a": 1}', headers=packed)[0] == 400
    assert _answer(function, body=b"x", headers=[(b"content-encoding", b"br")])[0] == 415


def test_a_graph_gets_no_bad_json():
    function = nuclio_function(lambda context, event: "no")
    function.json_only = True
    status, _, body = _answer(function, body=b"{bad", headers=JSON)
    assert (status, orjson.loads(body)["error"]["rule"]) == (400, "must be JSON")


def test_the_ready_route_is_the_hosts_own():
    assert (
        orjson.loads(_answer(nuclio_function(lambda context, event: "no"), path=READY_PATH)[2])["ready"]
        is True
    )


def test_headers_of_a_response_are_sent_but_not_those_the_host_sets():
    response = nuclio_sdk.Response(headers={"X-A": "b", "Content-Length": "99"}, body="hi")
    _, headers, _ = _answer(nuclio_function(lambda context, event: response))
    assert (headers[b"x-a"], headers[b"content-length"]) == (b"b", b"2")


def test_a_stream_is_sent_piece_by_piece():
    def handler(context, event):
        return (piece for piece in "abc")

    assert _answer(nuclio_function(handler))[2] == b"abc"


def test_a_client_that_leaves_gets_no_answer():
    async def leave():
        sent = []
        scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": []}

        async def send(message):
            sent.append(message)

        await HostApp(nuclio_function(lambda context, event: "no"))(scope, receiver(), send)
        return sent

    assert asyncio.run(leave()) == []


def _end(function):
    async def run():
        messages, sent = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}], []

        async def receive():
            return messages.pop(0)

        async def send(message):
            sent.append(message["type"])

        await HostApp(function)({"type": "lifespan"}, receive, send)
        return sent

    return asyncio.run(run())


def test_the_hooks_are_called_at_the_end():
    called = []

    async def callback():
        called.append("callback")

    function = nuclio_function(None, terminate=lambda context: called.append(type(context).__name__))
    function._context.platform.set_termination_callback(callback)
    assert _end(function)[-1] == "lifespan.shutdown.complete"
    assert called == ["callback", "Context"]


def test_a_hook_that_fails_is_reported():
    assert _end(nuclio_function(None, terminate=lambda: 1 / 0))[-1] == "lifespan.shutdown.failed"


def test_what_the_function_does_not_answer_has_the_id_of_its_request():
    failing = nuclio_function(lambda context, event: 1 / 0)
    _, headers, body = _answer(failing, headers=[(b"x-request-id", b"one")])
    assert orjson.loads(body)["request_id"] == headers[b"x-request-id"].decode() == "one"
    _, headers, _ = _answer(failing, headers=[(b"x-request-id", b"o n e")])
    assert len(headers[b"x-request-id"]) == 32


@pytest.mark.parametrize("is_json", [True, False])
def test_the_log_of_a_function_is_json_lines_where_that_is_set(monkeypatch, capsys, is_json):
    monkeypatch.setenv("NETOPS_LOG_FORMAT", "json" if is_json else "text")
    monkeypatch.setattr(sys, "stdout", stream := io.StringIO())
    logger = make_context().logger
    logger.error_with("request", request_id="one", status=503)
    (line,) = stream.getvalue().splitlines()
    if is_json:
        told = orjson.loads(line)
        assert (told["message"], told["with"]["request_id"], told["level"]) == ("request", "one", "error")
    else:
        assert line.startswith("Python> ") and "one" in line


def test_whatever_speaks_in_a_host_does_so_in_json(tmp_path):
    program = (
        "import asyncio, logging, sys, threading, warnings, uvicorn\n"
        "from project.local.http_host.events import set_up_logs\n"
        "set_up_logs()\n"
        "uvicorn.Config('nothing', log_config=None, log_level='warning')\n"
        "logging.getLogger('uvicorn.error').warning('Invalid HTTP request received.')\n"
        "logging.getLogger('asyncio').error('never awaited')\n"
        "warnings.warn('old')\n"
        "thread = threading.Thread(target=lambda: 1 / 0)\nthread.start()\nthread.join()\n"
        "raise ValueError('the end')\n"
    )
    environment = {**os.environ, "NETOPS_LOG_FORMAT": "json"}
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, env=environment, text=True)
    told = [orjson.loads(line) for line in ended.stderr.splitlines()]
    assert (ended.returncode, ended.stdout) == (1, "")
    assert [one["message"].split(" <")[0].split(", ")[0].splitlines()[0] for one in told][:2] == [
        "Invalid HTTP request received.",
        "never awaited",
    ]
    assert "old" in told[2]["message"] and "ZeroDivisionError" in told[3]["exception"]
    assert (told[4]["level"], told[4]["exception"].splitlines()[-1]) == ("critical", "ValueError: the end")


def test_the_json_line_of_a_failure_has_its_trace():
    try:
        raise ValueError("a defect")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "", 1, "%s failed", ("it",), sys.exc_info())
    told = orjson.loads(JsonLines().format(record))
    assert told["message"] == "it failed" and "ValueError: a defect" in told["exception"]
