"""Runs one deployed function: ``python -m project.local.http_host --function FILE.json --port N``.

The function is loaded and initialized first. Only then the port is opened and the ready file written: "ready"
means that requests are answered. With ``--take-over`` the listening socket is that of the process of the
version before, which ends afterwards. With ``--standby`` it imports everything and waits until the process
that runs the function has died.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import sys
from pathlib import Path

import uvicorn
import uvloop

from graphs.exposure import LISTEN_HOST
from project.gc_paused import gc_paused
from project.local.http_host.app import DEFAULT_MAX_BODY, HostApp
from project.local.http_host.events import make_context, set_up_logs
from project.local.http_host.functions import load_function
from project.local.http_host.handover import BACKLOG, doors, listen, offer, take
from project.local.http_host.host_server import HostServer
from project.local.http_host.plain_requests import PlainProtocol
from project.local.http_host.preload import preload, wait
from project.local.log_files import OwnLog

_GRACE_SECONDS = 10
_SWITCH_SECONDS = 0.0001
"""After so long a thread beside the requests, which writes a file, lets the one that answers go on."""
_SEARCHES = (700, 10, 100)
"""Thresholds of ``gc``: all is searched for garbage after 700,000 new objects that stay; usual are 70,000.

Counting references frees nearly all that a request leaves. Under overload with 2,000 connections a search of
all came every one to three seconds, found nothing and held the answers for 10 ms.
"""


async def _serve(arguments: argparse.Namespace) -> None:
    document = json.loads(arguments.function.read_text())
    os.environ[LISTEN_HOST] = arguments.host  # By which a graph knows whether it may be open.
    function = await load_function(document, make_context())
    # What is loaded now stays for good: later collections need not look at it, which keeps pauses short.
    gc.freeze()
    gc.set_threshold(*_SEARCHES)
    listener = take(arguments.take_over) if arguments.take_over else None
    if listener is None:
        listener = listen(arguments.host, arguments.port)
    server = HostServer(
        uvicorn.Config(
            HostApp(function, arguments.max_body),
            log_config=None,  # Its lines go where all others do, in their form.
            log_level="warning",
            access_log=False,
            http=PlainProtocol,
            backlog=BACKLOG,
            proxy_headers=False,  # Nobody asks who sent it.
            lifespan="on",
            timeout_keep_alive=75,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
    )
    if arguments.ready_file:
        # The socket listens: connections made from now on are accepted when the server runs, in a moment.
        arguments.ready_file.write_text(str(os.getpid()))
    with offer(listener, server.replaced):
        await server.serve(sockets=doors(listener))


def main() -> None:
    """Serve until SIGTERM; then finish the requests under way, flush the function and end."""
    parser = argparse.ArgumentParser(prog="python -m project.local.http_host", description=__doc__)
    parser.add_argument("--function", type=Path, required=True, help="JSON file with the function's document")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--max-body", type=int, default=DEFAULT_MAX_BODY, help="most bytes in a request")
    parser.add_argument("--take-over", type=int, metavar="PID", help="running host that this one replaces")
    parser.add_argument("--ready-file", type=Path, help="gets the process id once requests are answered")
    parser.add_argument("--log", type=Path, help="file that the output goes to, kept from growing for ever")
    parser.add_argument("--standby", action="store_true", help="import, then wait for the word on the input")
    arguments = parser.parse_args()
    sys.setswitchinterval(_SWITCH_SECONDS)
    set_up_logs()
    if arguments.log:
        OwnLog(arguments.log).follow()
    with gc_paused():
        preload(json.loads(arguments.function.read_text()))
        gc.collect()  # Once: whatever is garbage now would stay as long as the endpoint.
    if arguments.standby and not wait():
        return
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(arguments))


if __name__ == "__main__":
    main()
