"""Hands the listening socket of a running host to the process that replaces it.

Both accept from one queue until the old one ends: no connection is lost, and the address stays. No port is
ever opened twice, so no other program can take it in between. The old host offers the socket on an abstract
Unix socket (Linux) named after its pid, to processes of the same user only.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
from collections.abc import Callable

log = logging.getLogger("netops.http_host")

_TAKE_SECONDS = 5.0
BACKLOG = 4096
"""Connections that wait to be accepted, at most."""
_ACCEPTED = 16
"""Connections that are accepted in one turn of the event loop, at most."""


def _name(pid: int) -> str:
    return f"\0netops-http-host-{pid}"


def listen(host: str, port: int) -> socket.socket:
    """A fresh listening socket.

    :raises OSError: if the port is in use.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener


def doors(listener: socket.socket) -> list[socket.socket]:
    """The listening socket and others that are the same queue of connections.

    uvloop accepts one connection of each socket in a turn. While turns are long, as under overload, many that
    connect at once would wait for seconds before their first request is even read.
    """
    return [listener, *(listener.dup() for _ in range(_ACCEPTED - 1))]


def offer(listener: socket.socket, taken: Callable[[], None] = lambda: None) -> socket.socket:
    """Give the listening socket to whoever of this user asks, while this event loop runs.

    :param taken: is called when it was given.
    :returns: the socket that is asked on; closing it ends the offer.
    """
    door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    door.bind(_name(os.getpid()))
    door.listen(1)
    door.setblocking(False)

    def hand_over() -> None:
        try:
            visitor, _ = door.accept()
        except BlockingIOError:
            return
        with visitor:
            size = struct.calcsize("3i")
            _, uid, _ = struct.unpack("3i", visitor.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
            if uid != os.getuid():
                log.warning("user %s asked for the listening socket and did not get it", uid)
                return
            socket.send_fds(visitor, [b"\0"], [listener.fileno()])
            taken()

    asyncio.get_running_loop().add_reader(door, hand_over)
    return door


def take(pid: int) -> socket.socket | None:
    """Listening socket of a running host, or None if it is gone.

    :param pid: the host's process.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
        door.settimeout(_TAKE_SECONDS)
        try:
            door.connect(_name(pid))
            _, descriptors, _, _ = socket.recv_fds(door, 1, 1)
        except OSError as error:
            log.warning("process %s did not hand its listening socket over: %s", pid, error)
            return None
    if not descriptors:
        return None
    listener = socket.socket(fileno=descriptors[0])
    listener.setblocking(False)
    return listener
