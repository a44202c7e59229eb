"""Plain requests are answered without a task and messages for each: that costs more than reading them.

A plain request is one of HTTP/1.1 whose connection stays open, whose body has a length and is not
compressed, and whose path needs no decoding. Every other one, what is streamed, and what waits behind another
request of its connection goes the way of ASGI. The answers are the same.

A client sends the same head again and again, and clients of a kind send the same. One that is, but for the
length of its body, byte by byte that of an earlier request is not parsed again: of its own connection, or,
where it is the first one, of any other.
"""

from __future__ import annotations

import asyncio
from functools import lru_cache, partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import (
    HEADER_RE,
    HEADER_VALUE_RE,
    STATUS_LINE,
    RequestResponseCycle,
)

from graphs.protocol.request_id import REQUEST_ID
from project.local.http_host.app import Headers, HostApp, Scope, Send, head_of, send_result
from project.local.http_host.body import SECONDS, BodyTooSlowError, Receive
from project.local.http_host.idle_limit import IdleLimitedProtocol
from project.local.http_host.known_heads import Head
from project.local.http_host.pending_request import UnreadableError
from project.local.http_host.results import Result

_NOT_PLAIN = frozenset((b"transfer-encoding", b"content-encoding", b"expect", b"upgrade"))
_CLOSE = (b"connection", b"close")
_DECODED = frozenset(b"%?#")


class _Nobody:
    """Waits for no message."""

    def set(self) -> None:
        """Nothing is waiting."""


class Exchange:
    """A plain request and its answer; uvicorn's protocol knows it as the cycle of its connection.

    :param method: of the request.
    :param path: of the request.
    :param scope: as uvicorn has it; the headers are in lower case.
    """

    message_event = _Nobody()

    def __init__(self, method: str, path: str, scope: Scope) -> None:
        self.method, self.path, self.scope = method, path, scope
        self.headers = scope["headers"]
        self.chunks: list[bytes] = []
        self.is_whole = self.is_asked = self.response_complete = self.disconnected = False
        self.keep_alive = True
        self.timer: asyncio.TimerHandle | None = None

    @property
    def waits_for_body(self) -> bool:
        """Whether it is neither complete nor refused."""
        return not self.is_asked and not self.response_complete

    def end_wait(self) -> None:
        """The body is there, or will never be."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class PlainProtocol(IdleLimitedProtocol):
    """uvicorn's protocol with limits on the head, in front of a ``HostApp``."""

    _exchange: Exchange | None = None
    _head: Head | None = None
    _begun = 0
    _is_over = False
    _defaults: tuple[Headers, bytes] = [], b""

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody waits for an answer or a body any more."""
        if self._exchange is not None:
            self._exchange.end_wait()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; a body that is not complete by now must be in time."""
        if self._is_over:  # The last answer said so; its client must get to read it.
            return
        is_between = self._is_between()
        if is_between:
            if self._head is None and isinstance(self.config.loaded_app, HostApp):
                self._head = self.config.loaded_app.heads.find(data)
            if self._head is not None and self._take_again(self._head, data):
                return
        begun = self._begun
        super().data_received(data)
        exchange = self._exchange
        if exchange is not None and exchange.timer is None and exchange.waits_for_body:
            exchange.timer = self.loop.call_later(SECONDS, self._body_too_slow, exchange)
        elif self.cycle is not None and self.cycle.response_complete and not self._began:
            self._wait_on()
        if is_between and self._begun == begun + 1 and exchange is not None and exchange.is_whole:
            self._head = self.config.loaded_app.heads.remembered(  # type: ignore[union-attr]
                data, exchange.method, exchange.path, exchange.scope
            )

    def _is_between(self) -> bool:
        """Whether nothing of a request has come since the last one, which is answered."""
        exchange = self._exchange
        if exchange is None or self._began:
            return exchange is None and self.cycle is None and not self._began
        return (
            exchange.is_whole
            and exchange.response_complete
            and self.cycle is exchange
            and not self.transport.is_closing()
        )

    def _take_again(self, head: Head, data: bytes) -> bool:
        """Take a request with a head that was parsed before; whether it is one."""
        host: HostApp = self.config.loaded_app  # type: ignore[assignment]
        size = head.size(data, host.max_body)
        if not size:
            return False
        self._unset_keepalive_if_required()
        known = head.scope["headers"]
        result = host.at_head(head.method, head.path, known)
        exchange = self._exchange
        if exchange is None:
            self._arrived()  # The first head of the connection is waited for.
        if result is None or exchange is None:
            exchange = Exchange(head.method, head.path, head.scope)  # Nobody asks for the length any more.
            self.cycle = self._exchange = exchange  # type: ignore[assignment]
            exchange.is_whole = True
        if result is not None:
            # All that an exchange is needed for is done: one before, which is over, stands for this one.
            self._write(exchange, result)
            return True
        exchange.is_asked = True
        asked = host.asked_again(head.method, head.path, known, head.names, data[-size:])
        host.function.take(asked, partial(self._answered, exchange))
        return True

    def drain(self) -> None:
        """The process is about to end: the answer that is under way is the last one of this connection."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False

    @property
    def _drains(self) -> bool:
        return isinstance(self.config.loaded_app, HostApp) and self.config.loaded_app.drains

    def begin(self) -> None:
        """Begin with a request whose head is there; one that there is no room for is answered now."""
        self._begun += 1
        host = self.config.loaded_app
        self._exchange = None
        if not isinstance(host, HostApp) or not self._is_plain(host.max_body):
            super().begin()
            if self._drains and self.cycle is not None:
                self.cycle.keep_alive = False
            return
        method, path = self.parser.get_method().decode("ascii"), self.url.decode("ascii")
        exchange = Exchange(method, path, self.scope)
        self.cycle = self._exchange = exchange  # type: ignore[assignment]
        result = host.at_head(method, path, self.headers)
        if result is not None:
            self._write(exchange, result)

    def on_body(self, body: bytes) -> None:
        """Keep a part of a body; that of a request that is answered is thrown away."""
        exchange = self._exchange
        if exchange is None:
            super().on_body(body)
        elif not exchange.response_complete:
            exchange.chunks.append(body)

    def on_message_complete(self) -> None:
        """Hand a request to the function."""
        exchange = self._exchange
        if exchange is None:
            super().on_message_complete()
            return
        exchange.is_whole = True
        if not exchange.response_complete:
            exchange.is_asked = True
            exchange.end_wait()
            self._ask(exchange)

    def _is_plain(self, max_body: int) -> bool:
        parser, url, before = self.parser, self.url, self.cycle
        if before is not None and not before.response_complete:
            return False
        if (
            parser.get_http_version() != "1.1"
            or not parser.should_keep_alive()
            or parser.should_upgrade()
            or parser.get_method() == b"HEAD"
            or url[:1] != b"/"
            or not url.isascii()
            or not _DECODED.isdisjoint(url)
        ):
            return False
        for name, value in self.headers:
            if name in _NOT_PLAIN or (name == b"content-length" and int(value) > max_body):
                return False
        return True

    def _ask(self, exchange: Exchange) -> None:
        body = exchange.chunks[0] if len(exchange.chunks) == 1 else b"".join(exchange.chunks)
        exchange.chunks = []
        host: HostApp = self.config.loaded_app  # type: ignore[assignment]
        host.function.take(
            host.asked(exchange.method, exchange.path, exchange.headers, body),
            partial(self._answered, exchange),
        )

    def _answered(self, exchange: Exchange, output: Any) -> None:
        if not exchange.disconnected and not self.transport.is_closing():
            host: HostApp = self.config.loaded_app  # type: ignore[assignment]
            request = exchange.method, exchange.path, exchange.headers
            if isinstance(output, UnreadableError):
                self._write(exchange, host.refused(output.error, exchange.headers))
                return
            try:
                self._write(exchange, host.answered(output, *request))
            except (UnicodeEncodeError, KeyError) as error:  # Of a header or status that HTTP does not have.
                self._write(exchange, host.answered(error, *request))

    def _body_too_slow(self, exchange: Exchange) -> None:
        host: HostApp = self.config.loaded_app  # type: ignore[assignment]
        self._write(exchange, host.refused(BodyTooSlowError(SECONDS), exchange.headers))

    def _write(self, exchange: Exchange, result: Result) -> None:
        """Send an answer at once, if its client has taken those before it."""
        body = result.body
        if self._drains:
            exchange.keep_alive = False
        if exchange.keep_alive and isinstance(body, bytes) and not self.flow.write_paused:
            begin = _begin_of(result)
            if begin is not None:  # As of nearly every answer.
                size = b"%d\r\n\r\n" % len(body)
                self.transport.write(
                    b"".join((STATUS_LINE[result.status], self._default_lines(), begin, size, body))
                )
                exchange.response_complete = True
                self.on_response_complete()
                return
        headers = head_of(result)
        if not isinstance(body, bytes) or self.flow.write_paused or not _are_valid(headers):
            self._send_by_asgi(exchange, result)
            return
        stays = exchange.keep_alive and _CLOSE not in headers
        if not exchange.keep_alive and _CLOSE not in headers:
            headers.append(_CLOSE)
        lines = [STATUS_LINE[result.status], self._default_lines()]
        for name, value in headers:
            lines += (name, b": ", value, b"\r\n")
        lines += (b"\r\n", body)
        self.transport.write(b"".join(lines))
        exchange.response_complete = True
        if not stays:
            self._end()
        self.on_response_complete()

    def _end(self) -> None:
        """End the connection behind its last answer.

        To close it while its client sends would reset it, and might take the answer away from the client. So
        a process that drains only says that nothing follows, and reads on until it ends (RFC 9112, 9.6).
        """
        if self._drains:
            self._is_over = True
            self.transport.write_eof()
        else:
            self.transport.close()

    def _default_lines(self) -> bytes:
        """Lines that each answer begins with; uvicorn has others every second."""
        headers = self.server_state.default_headers
        if PlainProtocol._defaults[0] is not headers:
            lines = b"".join(b"%b: %b\r\n" % header for header in headers)
            PlainProtocol._defaults = headers, lines
        return PlainProtocol._defaults[1]

    def _send_by_asgi(self, exchange: Exchange, result: Result) -> None:
        """Send what is streamed, has to wait, or is refused by uvicorn."""
        cycle = RequestResponseCycle(
            scope={**exchange.scope, "method": exchange.method},  # type: ignore[arg-type]
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=exchange.keep_alive,
            on_response=self.on_response_complete,
        )
        if self._exchange is exchange:  # Else another request has begun behind it.
            self.cycle, self._exchange = cycle, None

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await send_result(result, send)

        self._start_asgi_task(cycle, answer)  # type: ignore[arg-type]


def _begin_of(result: Result) -> bytes | None:
    """The lines of an answer up to its length, if its headers end with a request id, behind one at most."""
    headers = result.headers
    name = headers.get(REQUEST_ID)
    if not name or len(headers) > 2 or not (name.isascii() and name.isprintable()):
        return None
    more = None if len(headers) == 1 else next(iter(headers.items()))
    if more is not None and more[0] == REQUEST_ID:
        return None
    before = _before_id(result.status, result.content_type, more)
    return None if before is None else b"%b%b\r\ncontent-length: " % (before, name.encode())


@lru_cache(maxsize=256)
def _before_id(status: int, content_type: str, more: tuple[str, str] | None) -> bytes | None:
    """What is before the request id; None if there is more to say, or it may not be said.

    :param more: another header.
    """
    headers = head_of(Result(status, content_type, b"", dict((more,) if more else ())))
    if len(headers) != 2 + bool(more) or not _are_valid(headers):  # Its type, that one, and its length.
        return None
    lines = b"".join(b"%b: %b\r\n" % header for header in headers[:-1])
    return b"%b%b: " % (lines, REQUEST_ID.lower().encode())


def _are_valid(headers: Headers) -> bool:
    """Whether names and values of headers have only what they may have."""
    if HEADER_VALUE_RE.search(b"".join([value for _, value in headers])):
        return False
    return all(_is_valid_name(name) for name, _ in headers)


@lru_cache(maxsize=256)
def _is_valid_name(name: bytes) -> bool:
    return not HEADER_RE.search(name)
