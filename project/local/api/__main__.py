"""Runs the control plane: ``python -m project.local.api --home DIR``."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from types import FrameType

import uvicorn

from project.errors import NetopsError
from project.local.api.app import build_app
from project.local.api.http.same_user import same_user_only
from project.local.api.settings import Settings, pid_file
from project.local.atomic_write import write_atomically
from project.local.log_files import OwnLog

_GRACE_SECONDS = 10


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m project.local.api", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="folder of all local state")
    parser.add_argument("--port", type=int, default=0, help="loopback port; 0 takes a free one")
    parser.add_argument("--redis-url", default="", help="address of the online store that clients are told")
    parser.add_argument(
        "--source-root", type=Path, default=Path.cwd(), help="repository that functions import from"
    )
    parser.add_argument("--log", type=Path, help="file that the output goes to, kept from growing for ever")
    return parser.parse_args()


def _end(number: int, frame: FrameType | None) -> None:
    # uvicorn raises the signal again after it has shut down in good order: that is a normal end.
    sys.exit(0)


def main() -> None:
    """Serve until SIGTERM or SIGINT, then stop all functions and end."""
    arguments = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if arguments.log:
        OwnLog(arguments.log).follow()
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", arguments.port))
    # Whoever connects from now on waits a moment and is answered.
    listener.listen(256)
    port = listener.getsockname()[1]
    settings = Settings(
        home=arguments.home.resolve(),
        source_root=arguments.source_root.resolve(),
        url=f"http://127.0.0.1:{port}",
    )
    try:
        app = same_user_only(build_app(settings, arguments.redis_url))
    except NetopsError as error:
        sys.exit(f"netops: {error}")  # Whoever started us shows the end of the log.
    write_atomically(pid_file(settings.home), f"{os.getpid()}\n")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            # Else a caller may claim the address of another, who is let in.
            proxy_headers=False,
            lifespan="on",
            timeout_keep_alive=75,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
    )
    server.run(sockets=[listener])


if __name__ == "__main__":
    main()
