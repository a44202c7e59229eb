"""Lets only programs of this machine in: a web page must not drive the control plane through a browser."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class LocalCallersOnly:
    """Refuses requests for another host name (DNS rebinding) and those that a foreign page makes.

    A browser sends ``Origin`` with such a request, also with one that needs no preflight; MLRun's client
    sends none.

    :param app: what the others reach.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403, or pass the request on."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            for name, address in (
                ("host", f"//{headers.get('host', '')}"),
                ("origin", headers.get("origin")),
            ):
                if address is not None and urlsplit(address).hostname not in _LOOPBACK:
                    detail = f"header '{name}': must name this machine, got {address.removeprefix('//')!r}"
                    await JSONResponse({"detail": detail}, status_code=403)(scope, receive, send)
                    return
        await self._app(scope, receive, send)
