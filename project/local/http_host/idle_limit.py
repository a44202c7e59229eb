"""The limit on the time between two requests of a connection, with one timer for all of them."""

from __future__ import annotations

import asyncio

from project.local.http_host.head_limits import LimitedProtocol


class IdleLimitedProtocol(LimitedProtocol):
    """uvicorn's protocol with limits on the head, and a timer that looks when the last answer was.

    uvicorn makes a timer for each answer and cancels it at the next request. They outlive the young
    collections of garbage: under overload a collection of everything came once a second because of them.
    """

    _idle_until: float | None = None
    """When the connection is closed, in the time of the event loop; None while a request is under way."""
    _idle_timer: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for."""
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Begin with the next request that is there, else wait for one."""
        if self.pipeline or self.transport.is_closing():
            super().on_response_complete()
            return
        self.server_state.total_requests += 1
        self.flow.resume_reading()
        self._wait_for_next()

    def _wait_for_next(self) -> None:
        """Limit the time to the next request, from now on."""
        self._idle_until = self.loop.time() + self.timeout_keep_alive
        if self._idle_timer is None:
            self._idle_timer = self.loop.call_later(self.timeout_keep_alive, self._look_idle)

    def _wait_on(self) -> None:
        """Limit the time to the next request anew: bytes that begin none have ended the limit."""
        if self._idle_until is None and not self.pipeline and not self.transport.is_closing():
            self._wait_for_next()

    def _unset_keepalive_if_required(self) -> None:
        self._idle_until = None

    def _look_idle(self) -> None:
        self._idle_timer = None
        if self._idle_until is None:
            return
        rest = self._idle_until - self.loop.time()
        if rest > 0:
            self._idle_timer = self.loop.call_later(rest, self._look_idle)
        else:
            self.timeout_keep_alive_handler()
