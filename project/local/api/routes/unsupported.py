"""The answer for every route of MLRun's API that a laptop does not have: 501, naming it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from project.local.api.errors import NotFoundError, UnsupportedError
from project.local.api.http.routing import error_response

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


async def unsupported(request: Request) -> Response:
    """501 with method, route and the profile that has it."""
    return error_response(
        UnsupportedError(
            f"{request.method} {request.url.path} is not available on the local control plane; "
            "the kubernetes profile has it (set MLRUN_DBPATH to an MLRun API)",
        )
    )


async def unknown(request: Request) -> Response:
    """404 for paths outside MLRun's API and ours."""
    return error_response(NotFoundError(f"{request.method} {request.url.path}: no such route"))


ROUTES: list[Route] = [
    Route("/api/{rest:path}", unsupported, methods=_METHODS),
    Route("/{rest:path}", unknown, methods=_METHODS),
]
