"""Runs handlers for Starlette.

A handler is a plain function ``(call) -> Response | Document``. It runs in a thread: a slow one does not hold
up the others. It raises ``ApiError`` for any other answer.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from project.disk_errors import log_failure
from project.local.api.documents import Document
from project.local.api.errors import ApiError
from project.local.api.http.calls import Call
from project.local.api.records.store import encode

log = logging.getLogger("netops.api")


def json_response(content: Any, status: int = 200) -> Response:
    """JSON answer; a NaN in the content becomes null."""
    return Response(encode(content), status_code=status, media_type="application/json")


def error_response(error: ApiError) -> Response:
    """Answer for an error, in the shape MLRun's client reads."""
    return json_response({"detail": error.detail}, error.status)


Handler = Callable[[Call], Response | Document | list[Any] | None]


def route(path: str, method: str, handler: Handler) -> Route:
    """Starlette route that runs a handler in a thread.

    :param path: Starlette path; a handler's answer of None is 204.
    """

    async def endpoint(request: Request) -> Response:
        try:
            body = await request.body()
        except ClientDisconnect:
            return Response(status_code=499)  # Nobody reads it: the client was interrupted.
        call = Call(
            context=request.app.state.context,
            path=dict(request.path_params),
            query=list(request.query_params.multi_items()),
            headers=dict(request.headers),
            body=body,
        )
        return await run_in_threadpool(answer, handler, call)

    typed: Callable[[Request], Awaitable[Response]] = endpoint
    return Route(path, typed, methods=[method], name=f"{method} {path}")


def answer(handler: Handler, call: Call) -> Response:
    """Run a handler and shape what it returns or raises into a response."""
    try:
        result = handler(call)
    except ApiError as error:
        return error_response(error)
    except Exception as error:
        why = log_failure(log, error, f"unhandled error in {handler.__name__}")
        # 520: MLRun's client repeats 500 and 502-504 three times; a bug here will not go away by repeating.
        return json_response({"detail": why}, 520)
    if result is None:
        return Response(status_code=204)
    return result if isinstance(result, Response) else json_response(result)
