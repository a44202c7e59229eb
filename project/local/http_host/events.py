"""Nuclio's objects: the context of a worker, the event of a request."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

import nuclio_sdk
from nuclio_sdk.event import TriggerInfo

from feature_sets.checks import InputError
from graphs.protocol.request_id import made_id
from project.local.http_host.body import parse_json

LOG_FORMAT, JSON = "NETOPS_LOG_FORMAT", "json"
"""Variable that decides on the form of the log, and its value for JSON lines."""

_log = logging.getLogger("netops.http_host")
_TRIGGER = TriggerInfo("http", "default-http")


class JsonLines(nuclio_sdk.logger.JSONFormatter):  # type: ignore[misc]
    """A line is a JSON object; that of a failure has its trace."""

    def _get_formatted_record_dict(self, record: logging.LogRecord) -> dict[str, Any]:
        found: dict[str, Any] = super()._get_formatted_record_dict(record)
        return {**found, "exception": self.formatException(record.exc_info)} if record.exc_info else found


def set_up_logs() -> None:
    """Have everything that says something in this process do so in one form.

    That is the server, asyncio, warnings of Python, and what nobody catches.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.captureWarnings(True)
    if os.environ.get(LOG_FORMAT) != JSON:
        return
    for handler in logging.getLogger().handlers:
        handler.setFormatter(JsonLines())
    sys.excepthook = lambda kind, error, trace: _log.critical(
        "the process ends", exc_info=(kind, error, trace)
    )
    threading.excepthook = lambda failed: _log.critical(
        "the thread %s ends", failed.thread, exc_info=failed.exc_value
    )


def make_context() -> Any:
    """A worker's context, with the logger, trigger and platform that MLRun's graph server asks for."""
    logger = nuclio_sdk.Logger(logging.INFO, "function")
    is_json = os.environ.get(LOG_FORMAT) == JSON
    form = JsonLines if is_json else nuclio_sdk.logger.HumanReadableFormatter
    logger.set_handler("default", sys.stdout, form())
    logging.getLogger("function").propagate = False  # it has a handler of its own
    return nuclio_sdk.Context(logger, nuclio_sdk.Platform("local"), 0, _TRIGGER)


@lru_cache(maxsize=1024)
def _header_name(name: bytes) -> str:
    """Header name as Go's HTTP server, and so Nuclio, writes it: ``content-type`` is ``Content-Type``."""
    return "-".join(part.capitalize() for part in name.decode("latin-1").split("-"))


@lru_cache(maxsize=256)
def _says_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == "application/json"


def make_event(
    method: str,
    path: str,
    query: bytes,
    headers: Iterable[tuple[bytes, bytes]],
    body: bytes,
    json_only: bool,
) -> Any:
    """Event of a request; a JSON body is parsed, as Nuclio's worker does.

    :param json_only: whether a body that says it is JSON must be; otherwise it stays bytes if it is not.
    :raises InputError: if it must be JSON and is not.
    """
    return event_of(method, path, query, named(headers), body, json_only)


def named(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers as an event has them."""
    return {_header_name(name): value.decode("latin-1") for name, value in headers}


def event_of(
    method: str, path: str, query: bytes, names: dict[str, str], body: bytes, json_only: bool
) -> Any:
    """The same as ``make_event``, with headers as the event is to have them."""
    content_type = names.get("Content-Type", "")
    content: Any = body
    if body and _says_json(content_type):
        content_type = "application/json"
        try:
            content = parse_json(body)
        except InputError:
            if json_only:
                raise
    event = nuclio_sdk.Event(
        body=content,
        content_type=content_type,
        trigger=_TRIGGER,
        fields=dict(parse_qsl(query.decode("latin-1"))) if query else {},
        headers=names,
        _id=made_id(),
        method=method,
        path=path,
        size=len(body),
        timestamp=datetime.now(UTC),
        url=path + (f"?{query.decode('latin-1')}" if query else ""),
    )
    event.error = None  # MLRun's graph asks for it before it calls the error step.
    return event
