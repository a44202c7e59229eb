"""What only the journal in Redis does; ``tests/contracts/test_journals.py`` has what every journal does."""

from __future__ import annotations

import pytest
import redis

from feature_sets.telemetry.events import TelemetryEvent
from graphs.protocol.errors import ApiError
from graphs.protocol.routes import Kind
from graphs.state.redis_journal import RedisJournal


def reading(number: int, cpu: float = 1.5) -> TelemetryEvent:
    return TelemetryEvent(
        f"a/{number}", 1_700_000_000.000001 + number, {"cpu": cpu, "latency": 0.1}, ("cpu",)
    )


def make(
    url: str, key: str, max_events: int = 1000, metrics: tuple[str, ...] = ("cpu", "latency")
) -> RedisJournal:
    return RedisJournal(url, key, metrics, max_events)


def test_long_journals_are_read_to_the_end(redis_url: str) -> None:
    journal = make(redis_url, "long", max_events=5000)
    for number in range(1203):
        journal.append(Kind.TELEMETRY, 0.0, [reading(number)])
    devices = [entry.events[0].device for entry in make(redis_url, "long", max_events=5000).entries()]
    assert devices == [f"a/{number}" for number in range(1203)]


def test_old_entries_are_dropped_but_never_below_the_promise(redis_url: str) -> None:
    journal = make(redis_url, "trimmed", max_events=500)
    for number in range(2000):
        journal.append(Kind.TELEMETRY, 0.0, [reading(2 * number), reading(2 * number + 1)])
        if number == 1000:
            journal = make(redis_url, "trimmed", max_events=500)
            list(journal.entries())
    kept = [event for entry in make(redis_url, "trimmed").entries() for event in entry.events]
    assert 500 <= len(kept) <= 1000
    assert kept[-1].device == "a/3999"


def test_entries_of_another_schema_are_skipped_and_counted(redis_url: str) -> None:
    make(redis_url, "changed").append(Kind.TELEMETRY, 0.0, [reading(0)])
    journal = make(redis_url, "changed", metrics=("cpu", "jitter"))
    assert list(journal.entries()) == []
    assert journal.skipped == 1


def test_what_could_not_be_read_of_another_process_is_given_the_next_time(
    monkeypatch: pytest.MonkeyPatch, redis_url: str
) -> None:
    ours, theirs = make(redis_url, "gap"), make(redis_url, "gap")
    theirs.append(Kind.TELEMETRY, 0.0, [reading(0)])
    ours.append(Kind.TELEMETRY, 0.0, [reading(1)])

    def away(*args: object, **kwargs: object) -> None:
        raise redis.TimeoutError("no answer")

    with monkeypatch.context() as patch:
        patch.setattr(ours._redis, "xrange", away)
        with pytest.raises(ApiError, match="journal: must be reachable to accept events") as raised:
            list(ours.missed())
        assert raised.value.status == 503
    theirs.append(Kind.TELEMETRY, 0.0, [reading(2)])
    ours.append(Kind.TELEMETRY, 0.0, [reading(3)])
    missed = [event.device for entry in ours.missed() for event in entry.events]
    assert missed == ["a/0", "a/1", "a/2"]


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
    journal = make(redis_url, "lost once")
    first = journal.append(Kind.TELEMETRY, 0.0, [reading(0)])
    lose_answers(monkeypatch, 1)
    assert journal.append(Kind.TELEMETRY, 1.0, [reading(0)]) > first


def test_answers_that_stay_away_are_an_error(redis_url, monkeypatch):
    journal = make(redis_url, "lost")
    journal.append(Kind.TELEMETRY, 0.0, [reading(0)])
    lose_answers(monkeypatch, 100)
    with pytest.raises(ApiError, match="must be reachable to accept events") as refused:
        journal.append(Kind.TELEMETRY, 1.0, [reading(0)])
    assert refused.value.status == 503
