import asyncio
import base64
import sys
import types

import nuclio_sdk
import orjson
import pytest

from feature_sets.checks import InputError
from project.local.http_host.app import READY_PATH, HostApp
from project.local.http_host.body import BodyTooLargeError, DisconnectedError, parse_json, read_body
from project.local.http_host.code import handler_name, load_handler, load_module
from project.local.http_host.events import make_context, make_event
from project.local.http_host.functions import load_function
from project.local.http_host.nuclio import NuclioFunction
from project.local.http_host.results import to_result

JSON = [(b"content-type", b"application/json; charset=utf-8")]


def _receiver(*chunks):
    messages = [
        {"type": "http.request", "body": chunk, "more_body": number < len(chunks) - 1}
        for number, chunk in enumerate(chunks)
    ]
    taken = []

    async def receive():
        if not messages:
            return {"type": "http.disconnect"}
        taken.append(messages[0])
        return messages.pop(0)

    receive.taken = taken
    return receive


def _read(*chunks, headers=(), limit=10):
    receive = _receiver(*chunks)
    return asyncio.run(read_body(receive, headers, limit)), receive


@pytest.mark.parametrize("chunks", [(b"",), (b"0123456789",), (b"01234", b"56789"), (b"", b"a", b"")])
def test_a_body_up_to_the_limit_is_read_whole(chunks):
    assert _read(*chunks)[0] == b"".join(chunks)


def test_a_body_over_the_limit_is_refused_and_thrown_away():
    receive = _receiver(b"0123456789", b"x", b"rest")
    with pytest.raises(BodyTooLargeError, match="at most 10 bytes, got 'more than 10 bytes'"):
        asyncio.run(read_body(receive, (), 10))
    assert len(receive.taken) == 3


def test_a_body_that_says_it_is_over_the_limit_is_refused_by_its_length():
    receive = _receiver(b"0" * 11)
    with pytest.raises(BodyTooLargeError, match="at most 10 bytes, got '11 bytes'"):
        asyncio.run(read_body(receive, [(b"content-length", b"11")], 10))
    assert len(receive.taken) == 1


def test_a_client_that_asks_before_it_sends_is_answered_before_it_sends():
    receive = _receiver(b"0" * 11)
    headers = [(b"content-length", b"11"), (b"expect", b"100-continue")]
    with pytest.raises(BodyTooLargeError):
        asyncio.run(read_body(receive, headers, 10))
    assert receive.taken == []


def test_an_endless_body_is_cut_after_a_while():
    receive = _receiver(*[b"0" * 10] * 1000)
    with pytest.raises(BodyTooLargeError):
        asyncio.run(read_body(receive, (), 10))
    assert len(receive.taken) < 20


def test_a_client_that_leaves_is_noticed():
    with pytest.raises(DisconnectedError):
        asyncio.run(read_body(_receiver(), (), 10))


def test_nan_is_read_as_mlrun_reads_it_and_other_text_is_no_json():
    assert parse_json(b'{"a": 1}') == {"a": 1}
    assert parse_json(b"NaN") != parse_json(b"NaN")
    with pytest.raises(InputError, match=r"body: must be JSON, got .*line 1 column 2"):
        parse_json(b"{bad")
    with pytest.raises(InputError, match="must be JSON"):
        parse_json(b"[" * 100_000)


def _event(body=b"", headers=(), query=b"", json_only=True):
    return make_event("POST", "/path", query, headers, body, json_only)


def test_an_event_is_what_nuclio_makes_of_a_request():
    event = _event(b'{"a": 1}', [*JSON, (b"x-request-id", b"7")], b"q=1&r=a%20b")
    assert (event.method, event.path, event.url) == ("POST", "/path", "/path?q=1&r=a%20b")
    assert (event.body, event.content_type) == ({"a": 1}, "application/json")
    assert event.headers["X-Request-Id"] == "7"
    assert event.fields == {"q": "1", "r": "a b"}
    assert event.trigger.kind == "http"
    assert len({_event().id for _ in range(100)}) == 100


def test_only_a_graph_insists_on_json():
    assert _event(b"{bad", JSON, json_only=False).body == b"{bad"
    assert _event(b"{bad").body == b"{bad"
    with pytest.raises(InputError, match="must be JSON"):
        _event(b"{bad", JSON)


async def _stream():
    for piece in ("a", b"b", {"c": 1}):
        yield piece


async def _all(pieces):
    return [piece async for piece in pieces]


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("text", (200, "text/plain", b"text")),
        (b"bytes", (200, "text/plain", b"bytes")),
        (None, (200, "text/plain", b"")),
        (1.5, (200, "text/plain", b"1.5")),
        ({"a": 1}, (200, "application/json", b'{"a":1}')),
        ([], (200, "application/json", b"[]")),
        ({"a": float("nan")}, (200, "application/json", b'{"a":null}')),
        ((201, {"a": 1}), (201, "application/json", b'{"a":1}')),
        ((404, "gone"), (404, "text/plain", b"gone")),
        (nuclio_sdk.Response(body="no", status_code=400), (400, "text/plain", b"no")),
        (nuclio_sdk.Response(body={"a": 1}, status_code=202), (202, "application/json", b'{"a":1}')),
        (nuclio_sdk.Response(body=None, content_type="x/y"), (200, "x/y", b"")),
        (nuclio_sdk.Response(body=3), (200, "text/plain", b"3")),
    ],
)
def test_outputs_become_answers_by_nuclios_rules(output, expected):
    result = to_result(output)
    assert (result.status, result.content_type, result.body) == expected


def test_a_response_keeps_its_headers():
    assert to_result(nuclio_sdk.Response(headers={"x-a": 1}, body="")).headers == {"x-a": "1"}


def test_generators_are_streamed():
    assert asyncio.run(_all(to_result(_stream()).body)) == [b"a", b"b", b'{"c":1}']
    pieces = (piece for piece in ["a", nuclio_sdk.Response(body="b")])
    assert asyncio.run(_all(to_result(nuclio_sdk.Response(body=pieces)).body)) == [b"a", b"b"]


def _document(source="", handler="", kind="nuclio"):
    spec = {"function_handler": handler, "build": {}}
    if source:
        spec["build"]["functionSourceCode"] = base64.b64encode(source.encode()).decode()
    return {"kind": kind, "metadata": {"name": "f"}, "spec": spec}


@pytest.mark.parametrize("handler", ["", "main:handler", "handler", "my_code:handler", "my_code.handler"])
def test_code_that_travels_with_the_function_brings_its_handler(handler):
    module, function = load_handler(_document("def handler(context, event):\n    return __name__", handler))
    assert function(None, None) == module.__name__
    sys.modules.pop(module.__name__)


def test_the_trace_of_code_that_travels_shows_its_lines():
    module = load_module(
        _document("def handler(context, event):\n    raise KeyError('here')", "traced:handler")
    )
    try:
        with pytest.raises(KeyError) as raised:
            module.handler(None, None)
        assert "raise KeyError('here')" in str(raised.traceback[-1].statement)
    finally:
        sys.modules.pop("traced")


@pytest.mark.parametrize("name", ["tests.project.local.deployed:echo", "tests.project.local.deployed.echo"])
def test_a_dotted_handler_is_imported(name):
    assert load_handler(_document(handler=name))[1].__name__ == "echo"


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (_document(), "must be 'package.module:function' if the function brings no code, got ''"),
        (_document(handler="tests.project.local.deployed:absent"), "'absent': must be a function in module"),
        (_document("handler = 1", "value:handler"), "'handler': must be a function in module 'value', got 1"),
    ],
)
def test_a_handler_that_is_not_there_is_named(document, words):
    with pytest.raises(InputError, match=words):
        load_handler(document)
    sys.modules.pop("value", None)


def test_the_handler_is_found_where_each_way_of_making_a_function_puts_it():
    assert handler_name({"spec": {"base_spec": {"spec": {"handler": "a:b"}}}}) == "a:b"
    assert handler_name({"spec": {"default_handler": "c"}}) == "c"
    assert handler_name({}) == ""


def test_an_unknown_kind_is_named():
    with pytest.raises(InputError, match="must be 'serving', 'nuclio' or 'remote', got 'job'"):
        asyncio.run(load_function(_document(kind="job"), None))


async def _serve(function, *, path="/x", body=b"", headers=(), max_body=100):
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": list(headers)}
    await HostApp(function, max_body)(scope, _receiver(body), send)
    return sent


def _answer(function, **request):
    start, *bodies = asyncio.run(_serve(function, **request))
    return start["status"], dict(start["headers"]), b"".join(message["body"] for message in bodies)


def _function(handler, **names):
    module = types.ModuleType("handlers")
    vars(module).update(names)
    return NuclioFunction(make_context(), module, handler)


def test_sync_and_async_handlers_answer():
    async def slow(context, event):
        return {"body": event.body}

    for handler in (slow, lambda context, event: {"body": event.body}):
        status, headers, body = _answer(_function(handler), body=b'{"a": 1}', headers=JSON)
        assert (status, headers[b"content-type"], orjson.loads(body)) == (
            200,
            b"application/json",
            {"body": {"a": 1}},
        )


def test_a_sync_handler_runs_beside_the_event_loop():
    def handler(context, event):
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()
        return "beside"

    assert _answer(_function(handler))[2] == b"beside"


def test_a_failing_handler_is_a_500_with_the_error_object():
    status, _, body = _answer(_function(lambda context, event: 1 / 0))
    assert status == 500
    assert orjson.loads(body)["error"]["got"] == "ZeroDivisionError: division by zero"


def test_a_body_over_the_limit_is_a_413_with_the_error_object():
    status, headers, body = _answer(_function(lambda context, event: "no"), body=b"x" * 101)
    assert (status, headers[b"connection"]) == (413, b"close")
    error = {"field": "body", "rule": "must be at most 100 bytes", "got": "more than 100 bytes"}
    assert orjson.loads(body) == {"error": error}


def test_a_graph_gets_no_bad_json():
    function = _function(lambda context, event: "no")
    function.json_only = True
    status, _, body = _answer(function, body=b"{bad", headers=JSON)
    assert (status, orjson.loads(body)["error"]["rule"]) == (400, "must be JSON")


def test_the_ready_route_is_the_hosts_own():
    assert orjson.loads(_answer(_function(lambda context, event: "no"), path=READY_PATH)[2])["ready"] is True


def test_headers_of_a_response_are_sent_but_not_those_the_host_sets():
    response = nuclio_sdk.Response(headers={"X-A": "b", "Content-Length": "99"}, body="hi")
    _, headers, _ = _answer(_function(lambda context, event: response))
    assert (headers[b"x-a"], headers[b"content-length"]) == (b"b", b"2")


def test_a_stream_is_sent_piece_by_piece():
    def handler(context, event):
        return (piece for piece in "abc")

    assert _answer(_function(handler))[2] == b"abc"


def test_a_client_that_leaves_gets_no_answer():
    async def leave():
        sent = []
        scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": []}

        async def send(message):
            sent.append(message)

        await HostApp(_function(lambda context, event: "no"))(scope, _receiver(), send)
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

    function = _function(None, terminate=lambda context: called.append(type(context).__name__))
    function._context.platform.set_termination_callback(callback)
    assert _end(function)[-1] == "lifespan.shutdown.complete"
    assert called == ["callback", "Context"]


def test_a_hook_that_fails_is_reported():
    assert _end(_function(None, terminate=lambda: 1 / 0))[-1] == "lifespan.shutdown.failed"
