"""Tells somebody about a drift, by HTTP, without holding up the request that noticed it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any

import httpx

_WAITING = 100
_TIMEOUT_SECONDS = 10.0


class DriftCallback:
    """Posts drift events one after another from a thread of its own.

    :param url: where to post.
    :param body: what every body holds beside ``event``, such as the workflow to run.
    :param token: sent as bearer token, if not empty.
    :param report: called with ``delivered``, ``failed`` or ``dropped``, and a text, after each event.
    :param transport: of the HTTP client; None is the network.
    """

    def __init__(
        self,
        url: str,
        body: Mapping[str, Any],
        token: str,
        report: Callable[[str, str], None],
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._url = url
        self._body = dict(body)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._report = report
        self._transport = transport
        self._events: queue.Queue[dict[str, Any]] = queue.Queue(_WAITING)
        self._thread: threading.Thread | None = None

    def send(self, event: dict[str, Any]) -> None:
        """Post an event soon; never waits. Dropped, and reported so, if too many are waiting."""
        try:
            self._events.put_nowait(event)
        except queue.Full:
            self._report("dropped", f"{_WAITING} events are waiting for {self._url}")
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="drift-callback", daemon=True)
            self._thread.start()

    def wait(self) -> None:
        """Wait until every event was posted or has failed."""
        self._events.join()

    def _run(self) -> None:
        with httpx.Client(timeout=_TIMEOUT_SECONDS, transport=self._transport) as client:
            while True:
                event = self._events.get()
                try:
                    answer = client.post(
                        self._url, json={**self._body, "event": event}, headers=self._headers
                    )
                    answer.raise_for_status()
                    self._report("delivered", f"{self._url}: {answer.status_code}")
                except httpx.HTTPError as error:
                    self._report("failed", f"{self._url}: {error!r}")
                finally:
                    self._events.task_done()
