"""One HTTP call as a handler sees it, and the adapter that runs handlers for Starlette.

Handlers are plain functions ``(call) -> Response | Document``: they run in a thread, so that a slow one
does not hold up the others, and raise ``ApiError`` for any other answer.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from project.local.api.context import Context
from project.local.api.documents import Document
from project.local.api.errors import ApiError, InvalidError
from project.local.api.records.store import encode

log = logging.getLogger("netops.api")


@dataclass(frozen=True)
class Call:
    """A request, with its body read.

    :param context: what the handlers share: store, settings, supervisor.
    :param path: values of the path's parameters.
    :param query: the query's names and values, in order; a name may occur more than once.
    :param headers: request headers, names in lower case.
    :param body: the raw body.
    """

    context: Context
    path: dict[str, str]
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes

    @property
    def project(self) -> str:
        """The project in the path."""
        return self.path["project"]

    def with_path(self, **values: str) -> Call:
        """The same call with other values of the path's parameters."""
        return replace(self, path={**self.path, **values})

    def values(self, *names: str) -> list[str]:
        """Non-empty values of a query parameter that has one of these names."""
        return [value for name, value in self.query if name in names and value != ""]

    def value(self, *names: str, default: str = "") -> str:
        """First non-empty value of a query parameter that has one of these names."""
        return next(iter(self.values(*names)), default)

    def flag(self, *names: str, default: bool = False) -> bool:
        """A yes/no query parameter in any spelling that the client uses."""
        value = self.value(*names)
        return value.lower() in {"1", "true", "yes", "y", "on"} if value else default

    def number(self, *names: str, default: int | None = None) -> int | None:
        """A whole-number query parameter.

        :raises InvalidError: if it is something else.
        """
        value = self.value(*names)
        if not value:
            return default
        try:
            return int(value)
        except ValueError as error:
            raise InvalidError(
                f"query parameter '{names[0]}' must be a whole number, got {value!r}"
            ) from error

    def json(self) -> Document:
        """The body as a JSON object; an empty body is an empty object.

        :raises InvalidError: if it is no JSON object.
        """
        if not self.body:
            return {}
        document = _loads(self.body)
        if document is None:
            return {}
        if not isinstance(document, dict):
            raise InvalidError(f"body must be a JSON object, got {type(document).__name__}")
        return document


def _loads(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as first:
        # Python's json, which MLRun's client writes with, also knows NaN and Infinity.
        import json

        try:
            return json.loads(body)
        except ValueError:
            raise InvalidError(f"body must be JSON: {first}") from first


def json_response(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """JSON answer; a NaN in the content becomes null."""
    return Response(encode(content), status_code=status, media_type="application/json", headers=headers)


def error_response(error: ApiError) -> Response:
    """Answer for an error, in the shape MLRun's client reads."""
    return json_response({"detail": error.detail}, error.status)


Handler = Callable[[Call], Response | Document | list[Any] | None]


def route(path: str, method: str, handler: Handler) -> Route:
    """Starlette route that runs a handler in a thread.

    :param path: Starlette path; a handler's answer of None is 204.
    """

    async def endpoint(request: Request) -> Response:
        body = await request.body()
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
        log.exception("unhandled error in %s", handler.__name__)
        # 520: MLRun's client repeats 500 and 502-504 three times; a bug here will not go away by repeating.
        return json_response({"detail": f"{type(error).__name__}: {error}"}, 520)
    if result is None:
        return Response(status_code=204)
    return result if isinstance(result, Response) else json_response(result)
