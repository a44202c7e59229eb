"""Event times as text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=4096)  # Of one time there are often several events, and it is told more than once.
def iso_time(seconds: float) -> str:
    """ISO 8601 UTC text of epoch seconds, with milliseconds, or microseconds where there are any."""
    micros = round(seconds * 1_000_000)
    moment = _EPOCH + timedelta(microseconds=micros)
    return moment.isoformat(timespec="microseconds" if micros % 1000 else "milliseconds")[:-6] + "Z"
