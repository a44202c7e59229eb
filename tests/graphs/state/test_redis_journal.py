"""The journal gives back what it took, in order, and does not grow without end."""

from __future__ import annotations

import math

import pytest
import redis

from feature_sets.telemetry.events import LabelEvent, TelemetryEvent
from graphs.protocol.errors import ApiError
from graphs.protocol.routes import Kind
from graphs.state.no_journal import NoJournal
from graphs.state.redis_journal import RedisJournal


def reading(number: int, cpu: float = 1.5) -> TelemetryEvent:
    return TelemetryEvent(
        f"a/{number}", 1_700_000_000.000001 + number, {"cpu": cpu, "latency": 0.1}, ("cpu",)
    )


def make(
    url: str, key: str, max_events: int = 1000, metrics: tuple[str, ...] = ("cpu", "latency")
) -> RedisJournal:
    return RedisJournal(url, key, metrics, max_events)


def test_entries_come_back_exactly_and_in_order(redis_url: str) -> None:
    journal = make(redis_url, "exact")
    first = journal.append(Kind.TELEMETRY, 1.25, [reading(0), reading(1, math.nan)])
    second = journal.append(Kind.LABELS, 2.5, [LabelEvent("a/0", 1_700_000_000.000001, 1)])
    assert first < second
    entries = list(make(redis_url, "exact").entries())
    assert [(entry.id, entry.kind, entry.arrival) for entry in entries] == [
        (first, Kind.TELEMETRY, 1.25),
        (second, Kind.LABELS, 2.5),
    ]
    assert entries[0].events[0] == reading(0)._replace(out_of_range=())
    assert math.isnan(entries[0].events[1].metrics["cpu"])
    assert entries[1].labels == [LabelEvent("a/0", 1_700_000_000.000001, 1)]


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


def test_documents_are_kept_replaced_and_forgotten(redis_url: str) -> None:
    journal = make(redis_url, "documents")
    assert journal.load("drift") is None
    journal.save("drift", {"n": 1})
    journal.save("drift", {"n": 2})
    assert make(redis_url, "documents").load("drift") == {"n": 2}
    journal.save("drift", None)
    assert journal.load("drift") is None


def test_a_journal_that_is_away_is_a_503(monkeypatch: pytest.MonkeyPatch, redis_url: str) -> None:
    journal = make(redis_url, "away")

    def away(*args: object, **kwargs: object) -> None:
        raise redis.ConnectionError("connection refused")

    monkeypatch.setattr(journal._redis, "evalsha", away)
    monkeypatch.setattr(journal._redis, "set", away)
    with pytest.raises(ApiError, match="journal: must be reachable to accept events") as raised:
        journal.append(Kind.TELEMETRY, 0.0, [reading(0)])
    assert raised.value.status == 503
    with pytest.raises(ApiError, match="journal: must be reachable to save"):
        journal.save("drift", {})


def test_without_a_journal_ids_still_only_grow() -> None:
    journal = NoJournal()
    ids = [journal.append(Kind.TELEMETRY, arrival, []) for arrival in (5.0, 5.0, 4.0, 6.0)]
    assert ids == sorted(set(ids))
    assert list(journal.entries()) == []
    journal.save("drift", {"n": 1})
    assert journal.load("drift") is None
