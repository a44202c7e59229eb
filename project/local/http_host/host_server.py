"""The server of a host: it ends without losing a request of a connection that it has kept."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator

import uvicorn

from project.local.http_host.app import HostApp
from project.local.http_host.plain_requests import PlainProtocol

DRAIN_SECONDS = 3.0
"""How long a connection that was kept is waited for, once another process takes the new ones."""
_POLL_SECONDS = 0.02


class HostServer(uvicorn.Server):
    """A uvicorn server that ends on SIGTERM and SIGINT and lets the process exit normally afterwards.

    Who closes a kept connection cannot know whether its client is just sending (RFC 9112, 9.5). So one that
    is replaced first accepts no new connections, answers what comes on those that there are, and says
    ``Connection: close`` with it. Only those that were silent for all of ``DRAIN_SECONDS`` are closed then.
    """

    is_replaced = False
    """Whether another process has the listening socket, too."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Have the loop handle the signals."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

    def replaced(self) -> None:
        """Another process has the listening socket from now on."""
        self.is_replaced = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Wait for kept connections if another process takes the new ones; then end."""
        if self.is_replaced:
            await self._drain(sockets or [])
        await super().shutdown(sockets)

    async def _drain(self, sockets: list[socket.socket]) -> None:
        for server in self.servers:
            server.close()
        for listener in sockets:
            listener.close()
        app = self.config.loaded_app
        if isinstance(app, HostApp):
            app.drains = True
        for connection in self.server_state.connections:
            if isinstance(connection, PlainProtocol):
                connection.drain()
        loop = asyncio.get_running_loop()
        until = loop.time() + DRAIN_SECONDS
        while self.server_state.connections and loop.time() < until and not self.force_exit:
            await asyncio.sleep(_POLL_SECONDS)
