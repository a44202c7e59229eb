"""The head of a request over a real connection: too long, too slow, and just right."""

import asyncio
import json

import pytest
import uvicorn
from uvicorn.server import ServerState

from project.local.http_host import head_limits
from project.local.http_host.app import HostApp
from project.local.http_host.head_limits import HEAD_BYTES, LimitedProtocol
from tests.project.local.http_host.support import nuclio_function

START = b"POST / HTTP/1.1\r\nhost: x\r\n"
END = b"content-length: 2\r\nconnection: close\r\n\r\n"


def said(*pieces, pause=0.0):
    """What comes back for pieces of bytes: status and content of each answer; errors have an id in both."""
    config = uvicorn.Config(HostApp(nuclio_function(lambda _, event: {"got": len(event.body)})), log_level=50)
    config.load()

    async def talk():
        server = await asyncio.get_running_loop().create_server(
            lambda: LimitedProtocol(config, ServerState(), {}), "127.0.0.1", 0
        )
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause)
            return await asyncio.wait_for(reader.read(), 10)
        except ConnectionError:
            return b""
        finally:
            writer.close()
            server.close()

    answers = []
    rest = asyncio.run(talk())
    while rest:
        head, _, rest = rest.partition(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if b"content-length" in line.lower()
        )
        status, content = int(head.split()[1]), json.loads(rest[:length])
        if status >= 400:
            (name,) = [line for line in head.split(b"\r\n") if line.lower().startswith(b"x-request-id: ")]
            assert len(name) > 20 and content["request_id"] == name.split()[1].decode()
        answers.append((status, content))
        rest = rest[length:]
    return answers


def padded(size):
    """A head whose path, header names and values have so many bytes together, as the limit counts them."""
    plain = len("/") + sum(
        len(line) - 2 + 4 for line in (*START.split(b"\r\n")[1:2], *END.split(b"\r\n")[:2]) if line
    )
    return b"a: " + b"x" * (size - plain - len("a") - 4) + b"\r\n"


def test_a_head_of_just_the_limit_is_taken_and_a_byte_more_is_not():
    assert said(START + padded(HEAD_BYTES) + END + b"{}") == [(200, {"got": 2})]
    ((status, content),) = said(START + padded(HEAD_BYTES + 1) + END + b"{}")
    assert (status, content["error"]["field"]) == (431, "headers")


def test_blanks_behind_a_value_count_as_bytes_of_the_head():
    for more, status in ((0, 200), (1, 431)):
        blank = padded(HEAD_BYTES + more)[:-1000] + b" " * 998 + b"\r\n"
        assert said(START + blank + END + b"{}")[0][0] == status


@pytest.mark.parametrize("line", [b"x" * 6000, b"a: b\r\n" * 1000, b"a: " + b"y" * 6000])
def test_a_head_without_an_end_is_refused_soon(line):
    ((status, content),) = said(START, *[line] * 4, pause=0.01)
    assert (status, content["error"]["rule"]) == (431, f"must be at most {HEAD_BYTES} bytes with the path")


def test_a_long_body_counts_for_nothing_and_the_next_head_begins_anew():
    one = START + b"content-length: 50000\r\n\r\n" + b"z" * 50_000
    last = START + padded(HEAD_BYTES - 10) + END
    assert said(one[:30_000], one[30_000:] + last[:9000], last[9000:] + b"{}", pause=0.01) == [
        (200, {"got": 50_000}),
        (200, {"got": 2}),
    ]


def test_a_head_that_does_not_come_is_told_so(monkeypatch):
    monkeypatch.setattr(head_limits, "SECONDS", 0.05)
    ((status, content),) = said(START)
    assert (status, content["error"]["rule"]) == (408, "must arrive within 0.05 s")
    assert said() == []


def test_a_head_in_time_and_a_pause_after_it_are_taken(monkeypatch):
    monkeypatch.setattr(head_limits, "SECONDS", 0.2)
    first = START + b"content-length: 2\r\n\r\n{}"
    assert (
        said(START, b"content-length: 2\r\n\r\n{}", first, START + END + b"{}", pause=0.1)
        == [(200, {"got": 2})] * 3
    )


def test_what_is_no_http_is_told_so():
    ((status, content),) = said(b"\x16\x03\x01 hello\r\n\r\n")
    assert (status, content["error"]["field"]) == (400, "request")
