"""How many requests a caller may make a second."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from graphs.protocol.errors import ApiError


class RateLimit:
    """A bucket of requests for each caller; it holds those of one second, and fills up steadily.

    :param per_second: requests; None for any number.
    :param clock: monotonic, seconds.
    """

    def __init__(self, per_second: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, caller: str) -> None:
        """Count a request.

        :param caller: one of a known number, as each is remembered.
        :raises ApiError: 429 with ``Retry-After`` if it is one too many.
        """
        if self._per_second is None:
            return
        now, most = self._clock(), max(1.0, self._per_second)
        left, since = self._left.get(caller, (most, now))
        left = min(most, left + (now - since) * self._per_second)
        if left < 1.0:
            wait = math.ceil((1.0 - left) / self._per_second)
            rule = f"must be at most {self._per_second:g} a second of one token"
            raise ApiError(429, "requests", rule, "more", headers={"Retry-After": str(wait)})
        self._left[caller] = (left - 1.0, now)
