"""Free loopback ports."""

from __future__ import annotations

import socket
import time


def port_is_free(port: int) -> bool:
    """Whether a server of ours could listen on the loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(preferred: int = 0, patience_seconds: float = 0.0) -> int:
    """A free loopback port; the preferred one where it is free.

    :param patience_seconds: how long to wait for the preferred one. A killed process counts as dead when its
        first thread is, and the others may hold its sockets for a moment longer.
    """
    deadline = time.monotonic() + patience_seconds
    while preferred:
        if port_is_free(preferred):
            return preferred
        if time.monotonic() >= deadline:
            break
        time.sleep(0.05)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
