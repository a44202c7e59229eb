"""Lets only programs of one user in: whoever may call the control plane runs code as the user who started it.

MLRun's client sends no token to a server that it reaches over loopback, so the kernel is asked instead: on
Linux ``/proc/net/tcp`` tells who owns the other end of a connection (proc(5)). Other systems have no such
file; there every program of the machine may call.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

Address = tuple[str, int]

_CONNECTIONS = Path("/proc/net/tcp")
# Of a connection that its program has closed, the kernel shows root as the owner.
_ESTABLISHED = "01"


def connection_owner(caller: Address, server: Address, connections: Path = _CONNECTIONS) -> int | None:
    """User id of the program at the other end of an IPv4 connection of this machine.

    :param caller: its address and port, as the server sees them.
    :param server: ours.
    :param connections: the kernel's table.
    :returns: None if there is no such connection any more.
    """
    ends = [_hexadecimal(caller), _hexadecimal(server), _ESTABLISHED]
    with connections.open() as lines:
        for line in lines:
            fields = line.split()
            if fields[1:4] == ends:
                return int(fields[7])
    return None


def _hexadecimal(address: Address) -> str:
    host, port = address
    return f"{int.from_bytes(socket.inet_aton(host), sys.byteorder):08X}:{port:04X}"


class SameUserOnly:
    """Refuses requests of other users' programs, but for root's.

    :param app: what the others reach.
    :param owner: user id of the program at the other end, from the addresses of that end and of ours.
    :param user: the user id that is let in.
    """

    def __init__(
        self,
        app: ASGIApp,
        owner: Callable[[Address, Address], int | None] = connection_owner,
        user: int | None = None,
    ) -> None:
        self._app = app
        self._owner = owner
        self._let_in = {0, os.getuid() if user is None else user}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403, or pass the request on."""
        if scope["type"] == "http":
            caller, server = tuple(scope["client"]), tuple(scope["server"])
            owner = await run_in_threadpool(self._owner, caller, server)
            if owner not in self._let_in:
                detail = (
                    f"caller: must be a program of the user who started the control plane, got user {owner}"
                )
                await JSONResponse({"detail": detail}, status_code=403)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def same_user_only(app: ASGIApp) -> ASGIApp:
    """The application behind the check, where the system can make it."""
    return SameUserOnly(app) if _CONNECTIONS.exists() else app
