"""Tells somebody about a drift by HTTP, until it is taken, and never holds up the request that noticed it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx
import orjson

_WAITING = 100
_TIMEOUT_SECONDS = 10.0
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_TRY_AGAIN = frozenset({401, 403, 408, 409, 425, 429})
"""Answers below 500 that may be another one later, such as that of a runner that is busy.

A token, too: where one was replaced, the runner knows the new one at once, and the endpoint that tells it
after its next deployment, which goes on with what waits here.
"""

Body = dict[str, Any]


class DriftCallback:
    """Posts drift events one after another from a thread of its own, each until it is taken.

    An event that is not taken is tried again after a second, then after twice as long, up to a minute. One
    that is refused for good, as it breaks a rule, is given up. Whoever takes an event may get it
    twice; its ``id`` tells.

    :param url: where to post.
    :param token: sent as bearer token, if not empty.
    :param secret: signs each attempt, if not empty, in the headers of Standard Webhooks 1.0: the bytes of the
        secret are the key.
    :param report: called with ``delivered``, ``failed`` (is tried again), ``refused`` or ``dropped``, and a
        text, after each attempt.
    :param transport: of the HTTP client; None is the network.
    :param first_pause: seconds before the second attempt.
    :param clock: the wall clock, epoch seconds.
    """

    def __init__(
        self,
        url: str,
        token: str,
        report: Callable[[str, str], None],
        transport: httpx.BaseTransport | None = None,
        first_pause: float = _FIRST_PAUSE,
        secret: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._report = report
        self._secret, self._clock = secret.encode(), clock
        self._transport = transport
        self._first_pause = first_pause
        self._bodies: list[Body] = []
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    @property
    def pending(self) -> list[Body]:
        """Bodies that nobody has taken yet, oldest first.

        No lock is taken: a forked process may ask, in which nobody would let go of it.
        """
        return list(self._bodies)

    def send(self, body: Mapping[str, Any]) -> None:
        """Post a body soon; never waits. The oldest one is dropped, and reported, if too many are waiting.

        :param body: with an ``id``; one that waits already is not added again.
        """
        with self._changed:
            if any(waiting["id"] == body["id"] for waiting in self._bodies):
                return
            self._bodies.append(dict(body))
            dropped = self._bodies.pop(0) if len(self._bodies) > _WAITING else None
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="drift-callback", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        if dropped is not None:
            self._report("dropped", f"{dropped['id']}: {_WAITING} events are waiting for {self.url}")

    def send_all(self, bodies: Sequence[Mapping[str, Any]]) -> None:
        """Post what an earlier process could not."""
        for body in bodies:
            self.send(body)

    def wait(self, seconds: float = 30.0) -> bool:
        """Wait until nothing is pending; whether that is so."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._bodies, seconds)

    def close(self) -> None:
        """Post nothing any more; what is pending stays so."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _run(self) -> None:
        pause = self._first_pause
        with httpx.Client(timeout=_TIMEOUT_SECONDS, transport=self._transport) as client:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._closed or self._bodies)
                    if self._closed:
                        return
                    body = self._bodies[0]
                outcome, text = self._post(client, body)
                if outcome != "failed":
                    with self._changed:
                        self._bodies = [each for each in self._bodies if each["id"] != body["id"]]
                        self._changed.notify_all()
                self._report(outcome, f"{self.url}: {text}")
                pause = self._rest(pause) if outcome == "failed" else self._first_pause

    def _post(self, client: httpx.Client, body: Body) -> tuple[str, str]:
        try:
            content = orjson.dumps(body)
            about = {"Content-Type": "application/json", "Idempotency-Key": body["id"]}
            headers = {**about, **self._headers, **self._signature(body, content)}
            answer = client.post(self.url, content=content, headers=headers)
        except httpx.HTTPError as error:
            return "failed", repr(error)
        if answer.is_success:
            return "delivered", str(answer.status_code)
        again = answer.is_server_error or answer.status_code in _TRY_AGAIN
        return "failed" if again else "refused", f"{answer.status_code} {answer.text[:200]}"

    def _signature(self, body: Body, content: bytes) -> dict[str, str]:
        if not self._secret:
            return {}
        moment = str(int(self._clock()))
        signed = f"{body['id']}.{moment}.".encode() + content
        digest = hmac.digest(self._secret, signed, hashlib.sha256)
        return {
            "webhook-id": body["id"],
            "webhook-timestamp": moment,
            "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
        }

    def _rest(self, pause: float) -> float:
        """Wait before the next attempt; the pause after it."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed, pause)
        return min(2 * pause, _LONGEST_PAUSE)
