"""Plain requests that need no task: over a real connection, their answers are those of ASGI."""

import asyncio
import re
import socket
from types import SimpleNamespace

import nuclio_sdk
import pytest
import uvicorn
import uvloop
from uvicorn.server import ServerState

from project.local.http_host import known_heads, plain_requests
from project.local.http_host.app import READY_PATH, HostApp
from project.local.http_host.head_limits import LimitedProtocol
from project.local.http_host.plain_requests import PlainProtocol
from tests.project.local.http_host.support import nuclio_function

BODY = b"content-length: 8\r\n\r\n" + b'{"a": 1}'
JSON = b"content-type: application/json\r\n"


def post(path=b"/x", more=b"", body=BODY, method=b"POST"):
    return method + b" " + path + b" HTTP/1.1\r\nhost: x\r\nX-Request-Id: one\r\n" + more + body


def answer(context, event):
    if event.path == "/fails":
        raise ZeroDivisionError("once")
    if event.path == "/stream":
        return (piece for piece in "abc")
    if event.path == "/headers":
        return nuclio_sdk.Response(headers={"X-A": "b"}, body=event.headers["X-B"], status_code=201)
    if event.path == "/euro":
        return nuclio_sdk.Response(headers={"X-A": "€"}, body="")
    if event.path == "/status":
        return nuclio_sdk.Response(body="", status_code=42)
    if event.path == "/injected":
        return nuclio_sdk.Response(headers={"X-A": "b\r\nX-C: d"}, body="")
    return {"path": event.path, "fields": event.fields, "body": str(event.body), "id": len(event.id)}


def config(function=None, max_body=1000):
    made = uvicorn.Config(
        HostApp(function or nuclio_function(answer), max_body), log_level=50, proxy_headers=False
    )
    made.load()
    return made


def said(protocol, *pieces, app=None, end=True):
    """All bytes that come back for pieces of a connection, which is half closed at its end."""
    app = app or config()
    made = []

    async def talk():
        def connected():
            made.append(protocol(app, ServerState(), {}))
            return made[-1]

        server = await asyncio.get_running_loop().create_server(connected, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        found = b""
        try:
            for piece in pieces:
                writer.write(piece)
                await asyncio.sleep(0.02)
            async with asyncio.timeout(2 if end else 0.3):
                while part := await reader.read(65536):
                    found += part
        except (ConnectionError, TimeoutError):
            pass
        finally:
            writer.close()
            server.close()
        return found

    return re.sub(rb"[0-9a-f]{32}", b"ID", asyncio.run(talk())), made[0]


CLOSE = post(more=b"connection: close\r\n")


@pytest.mark.parametrize(
    "pieces",
    [
        [post()],
        [post(more=JSON)],
        [post(more=JSON, body=b"content-length: 4\r\n\r\n{bad")],
        [post(b"/fails")],
        [post(b"/stream")],
        [post(b"/headers", b"x-b: c\r\n")],
        [post(b"/a%20b?c=d")],
        [post(body=b"content-length: 2000\r\n\r\n" + b"x" * 2000)],
        [post(body=b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")],
        [post(more=b"expect: 100-continue\r\n")],
        [post(more=b"content-encoding: br\r\n")],
        [post(READY_PATH.encode(), method=b"GET", body=b"\r\n")],
        [post(method=b"HEAD", body=b"\r\n")],
        [post(method=b"GET", body=b"\r\n")],
        [post()[:-5], post()[-5:]],
        [post() + post(b"/second") + post(b"/third")],
        [post(b"/stream") + post(b"/second") + post(b"/headers", b"x-b: c\r\n")],
        [post() + post(b"/a?b=c") + post(b"/fails")],
    ],
)
def test_answers_are_those_of_asgi(pieces):
    expected, _ = said(LimitedProtocol, *pieces, CLOSE)
    found, _ = said(PlainProtocol, *pieces, CLOSE)
    pid = rb'"pid":\d+'
    assert re.sub(pid, b"", found) == re.sub(pid, b"", expected)
    assert found.count(b"HTTP/1.1 ") >= 1


@pytest.mark.parametrize("protocol", [LimitedProtocol, PlainProtocol])
def test_a_request_whose_event_cannot_be_made_is_answered_and_those_behind_it_too(protocol, caplog):
    app = config()
    host, make = app.loaded_app, app.loaded_app.event

    def broken(method, path, *rest):
        if path == "/broken":
            raise ZeroDivisionError("nobody has thought of it")
        return make(method, path, *rest)

    host.event = broken
    found, _ = said(protocol, post(b"/broken"), post(), CLOSE, app=app)
    assert re.findall(rb"HTTP/1.1 (\d+)", found) == [b"500", b"200", b"200"]
    assert b'"got":"ZeroDivisionError: nobody has thought of it"},"request_id":"one"' in found
    assert "POST /broken failed, request one" in caplog.text


def test_a_header_that_would_be_two_is_not_sent():
    assert b"X-C" not in said(PlainProtocol, post(b"/injected"), end=False)[0]


@pytest.mark.parametrize("path", [b"/euro", b"/status"])
def test_an_answer_that_http_has_no_words_for_is_a_failure_of_the_function(path):
    found, _ = said(PlainProtocol, post(path) + post(), CLOSE)
    assert re.findall(rb"HTTP/1.1 (\d+)", found) == [b"500", b"200", b"200"]
    assert b"the function must not fail" in found


@pytest.mark.parametrize("is_refused", [False, True])
def test_bytes_that_begin_no_request_keep_a_connection_no_longer(is_refused, monkeypatch):
    ended, end = [], PlainProtocol.timeout_keep_alive_handler
    monkeypatch.setattr(
        PlainProtocol, "timeout_keep_alive_handler", lambda self: (ended.append(self), end(self))
    )
    app = config(Full() if is_refused else None)
    app.timeout_keep_alive = 0.1
    head = post(body=b"content-length: 500\r\n\r\n")
    found, protocol = said(PlainProtocol, *([head, b"x"] if is_refused else [post(), b"\r\n"]), app=app)
    assert found.count(b"HTTP/1.1 ") == 1
    assert ended == [protocol]


def test_a_plain_request_makes_no_cycle_and_the_next_one_none_either():
    found, protocol = said(PlainProtocol, post(), post(b"/second"), end=False)
    assert found.count(b"200 OK") == 2 and isinstance(protocol.cycle, plain_requests.Exchange)
    _, protocol = said(PlainProtocol, post(b"/a?b"), end=False)
    assert not isinstance(protocol.cycle, plain_requests.Exchange)


def sized(size, length=None, more=JSON):
    """A request with so long a body, of which its head tells a length."""
    told = str(size).encode() if length is None else length
    return post(more=more, body=b"content-length: " + told + b"\r\n\r\n" + b'"' * 2 + b" " * (size - 2))


@pytest.mark.parametrize(
    "pieces",
    [
        [sized(4), sized(4), sized(12345), sized(5)],
        [sized(4), sized(2001)],
        [sized(4), sized(2000), sized(4)[:-1], b" ", sized(4)],
        [sized(4), sized(4) + sized(5), sized(6)],
        [sized(4), sized(4)[:30], sized(4)[30:], sized(9)],
        [sized(4), sized(5, b"05"), sized(4)],
        [sized(4), sized(5, b"+5")],
        [sized(4), sized(5, b"4")],
        [sized(4), sized(4) + b"\r\n", sized(4)],
        [sized(4), sized(4, more=b"content-length: 4\r\n")],
        [sized(4, more=b"x-note: content-length: 4\r\n"), sized(5, more=b"x-note: content-length: 4\r\n")],
        [sized(4), post(more=JSON, body=b"content-length: 0\r\n\r\n"), sized(4)],
        [
            post(b"/headers", b"x-b: c\r\n"),
            post(b"/headers", b"x-b: d\r\n"),
            post(b"/fails"),
            post(b"/fails"),
        ],
        [post(b"/stream"), post(b"/stream")],
        [post(READY_PATH.encode())] * 2,
        [post(more=b"content-encoding: gzip\r\n")] * 2,
    ],
)
def test_a_head_that_was_parsed_before_says_what_it_says_anew(pieces):
    expected, _ = said(LimitedProtocol, *pieces, CLOSE, app=config(max_body=20_000))
    found, _ = said(PlainProtocol, *pieces, CLOSE, app=config(max_body=20_000))
    pid = rb'"pid":\d+'
    assert re.sub(pid, b"", found) == re.sub(pid, b"", expected)
    assert found.count(b"HTTP/1.1 ") >= 1


@pytest.mark.parametrize("protocol", [LimitedProtocol, PlainProtocol])
def test_blanks_behind_a_header_are_not_of_its_value_the_first_time_and_later(protocol):
    told = []

    def noting(context, event):
        told.append((event.headers["Content-Length"], event.headers["X-B"], event.content_type))
        return ""

    app = config(nuclio_function(noting))
    more = b"x-b:  c d \t\r\ncontent-type: text/plain \r\n"
    pieces = [sized(4, b"4 \t", more), sized(4, b"4 \t", more), sized(5, b"5 \t", more)]
    found, _ = said(protocol, *pieces, end=False, app=app)
    assert re.findall(rb"HTTP/1.1 (\d+)", found) == [b"200"] * 3
    assert told == [(size, "c d", "text/plain") for size in "445"]


def test_a_request_id_with_blanks_behind_it_is_that_id():
    piece = post(b"/fails").replace(b"Id: one", b"Id: two ")
    assert b'"request_id":"two"' in said(PlainProtocol, piece, end=False)[0]


def test_a_head_is_parsed_once_for_all_requests_that_have_it(monkeypatch):
    parsed, begin = [], PlainProtocol.begin
    monkeypatch.setattr(PlainProtocol, "begin", lambda self: (parsed.append(self.url), begin(self)))
    pieces = [sized(4), sized(10), sized(900), post(b"/other"), sized(4), sized(4)]
    found, _ = said(PlainProtocol, *pieces, end=False)
    assert re.findall(rb"HTTP/1.1 (\d+)", found) == [b"200"] * 6
    assert parsed == [b"/x", b"/other", b"/x"]


def test_the_first_request_of_a_connection_is_not_parsed_where_another_had_its_head(monkeypatch):
    parsed, begin = [], PlainProtocol.begin
    monkeypatch.setattr(PlainProtocol, "begin", lambda self: (parsed.append(self.url), begin(self)))
    app = config()
    _, before = said(PlainProtocol, sized(4), app=app, end=False)
    found, protocol = said(PlainProtocol, sized(10), sized(900), app=app, end=False)
    assert re.findall(rb"HTTP/1.1 (\d+)", found) == [b"200"] * 2
    assert parsed == [b"/x"]
    assert protocol._head is before._head  # One for all: collections of garbage look through them.
    assert protocol._timer is None  # Nobody waits for a head that is there.


@pytest.mark.parametrize(
    "pieces",
    [
        [sized(10), sized(5), post(b"/other")],
        [sized(5, b"05"), sized(4)],
        [sized(5, b"4")],
        [sized(2001)],
        [sized(4) + sized(5), sized(6)],
        [sized(4)[:30], sized(4)[30:], sized(9)],
        [sized(4, more=JSON + b"x-note: 1\r\n")],
        [post(method=b"GET", body=b"\r\n"), sized(4)],
    ],
)
def test_a_head_that_another_connection_had_says_what_it_says_anew(pieces):
    expected, _ = said(LimitedProtocol, *pieces, CLOSE, app=config(max_body=2000))
    app = config(max_body=2000)
    said(PlainProtocol, sized(4), app=app, end=False)
    assert said(PlainProtocol, *pieces, CLOSE, app=app)[0] == expected


def test_so_many_heads_are_remembered_and_the_newest_stay(monkeypatch):
    monkeypatch.setattr(known_heads, "_MOST", 3)
    app = config()
    pieces = [sized(4, more=JSON + b"x-note: %d\r\n" % number) for number in range(5)]
    said(PlainProtocol, *pieces, app=app, end=False)
    heads = app.loaded_app.heads
    assert [heads.find(piece) is not None for piece in pieces] == [False, False, True, True, True]


class Full:
    """Has room for nothing, and is never handed anything."""

    json_only = True
    asked = 0

    def refusal(self, method, path, named):
        self.asked += 1
        return nuclio_sdk.Response(headers={"Retry-After": "1"}, body=named(), status_code=429)


def test_what_there_is_no_room_for_is_refused_by_its_head_and_its_body_is_thrown_away():
    head, body = post(body=b"content-length: 500\r\n\r\n"), b"x" * 500
    found, protocol = said(PlainProtocol, head, app=config(Full()), end=False)
    assert found.startswith(b"HTTP/1.1 429") and found.endswith(b"one") and b"retry-after: 1" in found
    found, protocol = said(
        PlainProtocol, head, body[:100], body[100:] + head + body, app=config(Full()), end=False
    )
    assert found.count(b"HTTP/1.1 429") == 2 and not protocol.cycle.chunks
    found, protocol = said(PlainProtocol, *[sized(4)] * 3, app=config(Full()), end=False)
    assert found.count(b"HTTP/1.1 429") == 3 and found.endswith(b"one") and not protocol.cycle.chunks


def test_a_refusal_is_asked_for_once_and_is_the_one_of_asgi():
    app, full = config(Full()), Full()
    expected, _ = said(LimitedProtocol, sized(4), CLOSE, app=config(full))
    found, _ = said(PlainProtocol, sized(4), CLOSE, app=app)
    assert found == expected and app.loaded_app.function.asked == full.asked == 2
    # The head is known by now, and the connection has had no request.
    assert said(PlainProtocol, sized(4), CLOSE, app=app)[0] == expected
    assert app.loaded_app.function.asked == 4


def test_each_answer_of_a_connection_is_that_of_its_request_where_some_are_refused():
    taken = []

    def take(asked, done):
        taken.append(asked.size)
        done(nuclio_sdk.Response(body=f"took {asked.size} of {asked.event().headers['Content-Length']};"))

    rooms = iter([True, True, False, False, True, False, True])
    full = Full()
    some = SimpleNamespace(
        json_only=True, take=take, refusal=lambda *request: None if next(rooms) else full.refusal(*request)
    )
    pieces = [sized(size) for size in (10, 11, 12, 13, 14, 15, 16)]
    found, _ = said(PlainProtocol, *pieces, app=config(some), end=False)
    assert re.findall(rb"HTTP/1.1 (\d+)", found) == [b"200", b"200", b"429", b"429", b"200", b"429", b"200"]
    assert taken == [10, 11, 14, 16]
    assert re.findall(rb"took \d+ of \d+", found) == [b"took %d of %d" % (size, size) for size in taken]


def test_a_refusal_is_on_its_way_before_the_next_request_of_the_turn_is_read():
    clients, before = [], []

    class Noting(Full):
        def refusal(self, method, path, named):
            told = 0
            for client in clients:
                try:
                    told += client.recv(12, socket.MSG_PEEK) == b"HTTP/1.1 429"
                except BlockingIOError:
                    continue
            before.append(told)
            return super().refusal(method, path, named)

    async def run():
        app, state, loop = config(Noting()), ServerState(), asyncio.get_running_loop()
        server = await loop.create_server(lambda: PlainProtocol(app, state, {}), "127.0.0.1", 0)
        for _ in range(5):
            clients.append(socket.create_connection(server.sockets[0].getsockname()))
            clients[-1].setblocking(False)
        while len(state.connections) < 5:
            await asyncio.sleep(0)
        for client in clients:
            client.sendall(sized(100))
        while len(before) < 5:
            await asyncio.sleep(0)
        for client in (*clients, server):
            client.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())
    assert before == [0, 1, 2, 3, 4]


def test_a_body_that_does_not_come_is_told_so_and_the_connection_ends(monkeypatch):
    monkeypatch.setattr(plain_requests, "SECONDS", 0.05)
    found, _ = said(PlainProtocol, post()[:-3])
    assert found.startswith(b"HTTP/1.1 408") and b"must arrive within 0.05 s" in found


def test_a_client_that_leaves_gets_no_answer_and_harms_nobody():
    asked = []
    slow = SimpleNamespace(
        json_only=False, refusal=lambda *_: None, take=lambda event, done: asked.append(done)
    )
    _, protocol = said(PlainProtocol, post(), app=config(slow), end=False)
    asked[0]({"late": True})
    assert not protocol.cycle.response_complete


def test_a_host_that_ends_answers_what_it_has_taken_and_closes():
    asked = []
    slow = SimpleNamespace(
        json_only=False, refusal=lambda *_: None, take=lambda event, done: asked.append(done)
    )

    async def run():
        made = []

        def connected():
            made.append(PlainProtocol(config(slow), ServerState(), {}))
            return made[-1]

        server = await asyncio.get_running_loop().create_server(connected, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(post())
        while not asked:
            await asyncio.sleep(0.01)
        made[0].shutdown()
        asked[0]({"done": True})
        found = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        server.close()
        return found

    found = asyncio.run(run())
    assert b"connection: close" in found and found.endswith(b'{"done":true}')


def test_an_answer_waits_for_a_client_that_does_not_read():
    large = "x" * 3_000_000

    async def run():
        made = []

        def connected():
            made.append(PlainProtocol(config(nuclio_function(lambda *_: large)), ServerState(), {}))
            return made[-1]

        server = await asyncio.get_running_loop().create_server(connected, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(post() * 3)
        await asyncio.sleep(0.2)
        assert made[0].transport.get_write_buffer_size() <= len(large) + 1000
        found = 0
        async with asyncio.timeout(10):
            while found < 3 * len(large):
                found += len(await reader.read(1_000_000))
        writer.close()
        server.close()

    asyncio.run(run())
