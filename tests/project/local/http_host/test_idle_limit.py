"""A connection that says nothing for long is closed; one that is used has one timer."""

import asyncio
from types import SimpleNamespace

import pytest
from uvicorn.server import ServerState

from project.local.http_host.idle_limit import IdleLimitedProtocol
from project.local.http_host.plain_requests import PlainProtocol
from tests.project.local.http_host.test_plain_requests import config, post

LIMIT = 75.0


class Loop:
    """An event loop whose time is told to it."""

    def __init__(self):
        self.now, self.timers = 1000.0, []

    def time(self):
        return self.now

    def call_later(self, seconds, callback):
        timer = SimpleNamespace(due=self.now + seconds, callback=callback, is_cancelled=False)
        timer.cancel = lambda: setattr(timer, "is_cancelled", True)
        self.timers.append(timer)
        return timer

    def go_on_to(self, now):
        self.now = now
        for timer in [timer for timer in self.timers if timer.due <= now]:
            self.timers.remove(timer)
            if not timer.is_cancelled:
                timer.callback()


@pytest.fixture
def protocol():
    """A connection whose requests are told by calling what uvicorn does."""
    made = IdleLimitedProtocol.__new__(IdleLimitedProtocol)
    made.loop, made.timeout_keep_alive, made.pipeline = Loop(), LIMIT, []
    made.closed = []
    made.transport = SimpleNamespace(
        is_closing=lambda: bool(made.closed), close=lambda: made.closed.append(made.loop.now)
    )
    made.flow = SimpleNamespace(resume_reading=lambda: None)
    made.server_state = SimpleNamespace(total_requests=0)
    return made


def test_a_connection_that_is_used_has_one_timer_and_is_closed_so_long_after_its_last_answer(protocol):
    loop = protocol.loop
    for second in range(200):
        loop.go_on_to(1000.0 + second)
        protocol._unset_keepalive_if_required()  # A request comes.
        protocol.on_response_complete()
        assert len(loop.timers) == 1
    assert protocol.server_state.total_requests == 200
    loop.go_on_to(1199.0 + LIMIT - 0.5)
    assert not protocol.closed
    for _ in range(3):  # It looks again when the rest is over.
        loop.go_on_to(max(loop.now, min((timer.due for timer in loop.timers), default=loop.now)))
    assert protocol.closed == [1199.0 + LIMIT]
    assert not loop.timers


def test_a_connection_with_a_request_under_way_is_not_closed(protocol):
    loop = protocol.loop
    protocol.on_response_complete()
    loop.go_on_to(1001.0)
    protocol._unset_keepalive_if_required()
    loop.go_on_to(1000.0 + LIMIT)
    loop.go_on_to(2000.0)
    assert not protocol.closed and not loop.timers
    protocol.on_response_complete()
    loop.go_on_to(2000.0 + LIMIT)
    assert protocol.closed == [2000.0 + LIMIT]


def test_bytes_that_begin_no_request_do_not_put_the_end_off_while_it_is_set(protocol):
    loop = protocol.loop
    protocol.on_response_complete()
    loop.go_on_to(1010.0)
    protocol._wait_on()  # No bytes have ended the limit.
    loop.go_on_to(1000.0 + LIMIT)
    assert protocol.closed == [1000.0 + LIMIT]


def test_a_connection_that_is_lost_is_not_kept_by_its_timer():
    async def run():
        made = PlainProtocol(config(), ServerState(), {})
        made.connection_made(
            SimpleNamespace(
                get_extra_info=lambda name: None, is_closing=lambda: False, close=lambda: None, write=bytes
            )
        )
        made.data_received(post())
        while made._idle_timer is None:
            await asyncio.sleep(0)
        timer = made._idle_timer
        made.connection_lost(None)
        assert timer.cancelled() and made._idle_timer is None

    asyncio.run(run())
