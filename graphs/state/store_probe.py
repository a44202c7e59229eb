"""Whether the store of the journal takes what is written now; asked by who wants to know, not by events."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

_TIMEOUT_SECONDS = 0.5
_PAUSE_SECONDS = 1.0
_KEPT_SECONDS = 60


class StoreProbe:
    """Writes a small key: a store that is full, or cannot write its own file, answers questions all the same.

    It has a connection of its own, and a store that fails is asked again a second later at the earliest: one
    that hangs must not hold up the events for every probe.

    :param url: ``redis://host:port``.
    :param key: that is written; it is gone after a minute.
    :param clock: monotonic, seconds.
    """

    def __init__(self, url: str, key: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._url, self._key, self._clock = url, key, clock
        self._redis: redis.Redis | None = None
        self._failure: redis.RedisError | None = None
        self._asked = -math.inf

    def failure(self) -> redis.RedisError | None:
        """What a write fails with; None if it does not."""
        now = self._clock()
        if self._failure is not None and now - self._asked < _PAUSE_SECONDS:
            return self._failure
        self._asked, self._failure = now, None
        if self._redis is None:
            self._redis = redis.Redis.from_url(
                self._url,
                socket_timeout=_TIMEOUT_SECONDS,
                socket_connect_timeout=_TIMEOUT_SECONDS,
                retry=Retry(NoBackoff(), 0),
            )
        try:
            self._redis.set(self._key, b"", ex=_KEPT_SECONDS)
        except redis.RedisError as error:
            self._failure = error
        return self._failure

    def close(self) -> None:
        """Give the connection up."""
        if self._redis is not None:
            self._redis.close()
