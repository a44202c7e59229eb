"""A line of the log for a request, by its id; it never has what was sent.

What a request brought is ``accepted`` when it is in the journal, whatever the answer was after that.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from graphs.protocol.request import Request
from graphs.protocol.request_logs import FAILED, OFF
from graphs.state.entry_id import BEFORE_ALL

_PAUSE_SECONDS = 1.0


class RequestLog:
    """Logs answers with the time, route, status and size of their requests.

    Of a failure there is one line a second for each reason: it may meet every request. The next line says
    how many were left out.

    :param logger: of the graph's context; it decides on the form.
    :param which: see ``REQUEST_LOGS``.
    :param clock: monotonic, seconds.
    """

    def __init__(self, logger: Any, which: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._logger, self._which, self._clock = logger, which, clock
        self._told: dict[tuple[int, str], float] = {}
        self._left_out: dict[tuple[int, str], int] = {}

    def note(self, request: Request, seconds: float) -> None:
        """Log a request that is answered, if it is to be.

        :param seconds: that it took.
        """
        failed = request.status >= 500
        if self._which == OFF or (self._which == FAILED and not failed):
            return
        error = self._error(request)
        more: dict[str, Any] = {}
        if error and self._which == FAILED:
            key = (request.status, error["field"])
            now = self._clock()
            if now - self._told.get(key, -_PAUSE_SECONDS) < _PAUSE_SECONDS:
                self._left_out[key] = self._left_out.get(key, 0) + 1
                return
            self._told[key] = now
            left_out = self._left_out.pop(key, 0)
            more = {"left_out": left_out} if left_out else {}
        # Nuclio's logger has methods of their own for fields, MLRun's has not.
        name = "error" if failed else "info"
        log = getattr(self._logger, f"{name}_with", None) or getattr(self._logger, name)
        log(
            "request",
            request_id=request.id,
            method=request.method,
            path=request.path,
            kind=request.kind.value,
            status=request.status,
            seconds=round(seconds, 6),
            events=request.sent,
            accepted=len(request.records) if request.entry > BEFORE_ALL else 0,
            **error,
            **more,
        )

    @staticmethod
    def _error(request: Request) -> dict[str, str]:
        """Field that was refused; the rule alone of our own failures, as others may tell a device."""
        found = request.answer.get("error") if isinstance(request.answer, dict) else None
        if request.status < 400 or not isinstance(found, dict):
            return {}
        return {"field": found["field"], **({"rule": found["rule"]} if request.status >= 500 else {})}
