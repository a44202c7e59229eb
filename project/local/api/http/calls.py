"""One HTTP call as a handler sees it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import orjson

from project.local.api.context import Context
from project.local.api.documents import Document
from project.local.api.errors import InvalidError


@dataclass(frozen=True)
class Call:
    """A request, with its body read.

    :param context: what the handlers share.
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
