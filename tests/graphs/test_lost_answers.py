"""A journal whose connection breaks: it asks once more, and then says that it cannot keep the events."""

from __future__ import annotations

import pytest
import redis

from feature_sets.telemetry.events import TelemetryEvent
from graphs.journal import RedisJournal
from graphs.requests import ApiError, Kind

EVENT = TelemetryEvent("a/1", 1_700_000_000.0, {"cpu": 1.5})


def lose_answers(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """From now on the next answers of Redis never arrive."""
    left = [None] * count
    read = redis.Connection.read_response

    def lossy(self, *args, **kwargs):
        if left:
            left.pop()
            raise redis.ConnectionError("the connection was reset")
        return read(self, *args, **kwargs)

    monkeypatch.setattr(redis.Connection, "read_response", lossy)


def test_an_answer_that_is_lost_is_asked_for_once_more(redis_url, monkeypatch):
    journal = RedisJournal(redis_url, "lost once", ("cpu",))
    first = journal.append(Kind.TELEMETRY, 0.0, [EVENT])
    lose_answers(monkeypatch, 1)
    assert journal.append(Kind.TELEMETRY, 1.0, [EVENT]) > first


def test_answers_that_stay_away_are_an_error(redis_url, monkeypatch):
    journal = RedisJournal(redis_url, "lost", ("cpu",))
    journal.append(Kind.TELEMETRY, 0.0, [EVENT])
    lose_answers(monkeypatch, 100)
    with pytest.raises(ApiError, match="must be reachable to accept events") as refused:
        journal.append(Kind.TELEMETRY, 1.0, [EVENT])
    assert refused.value.status == 503
