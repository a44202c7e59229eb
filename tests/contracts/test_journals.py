"""One list of checks that every journal passes; a new one gets them by being registered here."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from feature_sets.telemetry.events import LabelEvent, TelemetryEvent
from graphs.protocol.errors import ApiError
from graphs.protocol.routes import Kind
from graphs.state.entry_id import EntryId
from graphs.state.journal import Entry, Journal
from graphs.state.no_journal import NoJournal
from graphs.state.redis_journal import RedisJournal

METRICS = ("cpu", "latency")
NOWHERE = "redis://127.0.0.1:1"
numbers = itertools.count()


@dataclass(frozen=True)
class Registered:
    """How to open a journal, and what it promises.

    :param open: address of a Valkey server and key of the function -> a process's journal.
    :param keeps: whether what one process appended is there for the next.
    """

    open: Callable[[str, str], Journal]
    keeps: bool


JOURNALS = {
    "none": Registered(lambda url, key: NoJournal(), keeps=False),
    "redis": Registered(lambda url, key: RedisJournal(url, key, METRICS, max_events=5000), keeps=True),
}

every_journal = pytest.mark.parametrize("registered", JOURNALS.values(), ids=list(JOURNALS))


@pytest.fixture
def key() -> str:
    return f"contract-{next(numbers)}"


def reading(number: int, cpu: float = 1.5) -> TelemetryEvent:
    return TelemetryEvent(f"a/{number}", 1_700_000_000.000001 + number, {"cpu": cpu, "latency": 0.1})


def label(number: int, is_error: int = 1) -> LabelEvent:
    return LabelEvent(f"a/{number}", 1_700_000_000.000001 + number, is_error)


def fill(journal: Journal) -> list[Entry]:
    """Append what a journal must be able to hold; gives what must come back."""
    telemetry = [reading(0), reading(1, math.nan), reading(0)]
    sent = [event._replace(out_of_range=("cpu",)) for event in telemetry]  # counted once, when it arrives
    labels = [label(0), label(1, 0)]
    many = [reading(number) for number in range(500)]
    return [
        Entry(journal.append(Kind.TELEMETRY, 1.25, sent), Kind.TELEMETRY, 1.25, telemetry),
        Entry(journal.append(Kind.LABELS, 2.5, labels), Kind.LABELS, 2.5, labels=labels),
        Entry(journal.append(Kind.LABELS, 2.5, []), Kind.LABELS, 2.5),
        Entry(journal.append(Kind.TELEMETRY, 0.1 + 0.2, many), Kind.TELEMETRY, 0.1 + 0.2, many),
    ]


def text(entries: list[Entry]) -> list[str]:
    """For comparison: NaN is not equal to itself."""
    return [repr(entry) for entry in entries]


@every_journal
def test_ids_only_grow_also_when_the_clock_is_set_back(
    redis_url: str, key: str, registered: Registered
) -> None:
    journal = registered.open(redis_url, key)
    arrivals = (5.0, 5.0, 4.0, 6.0, 6.0005, 0.0, -1.0)
    ids: list[EntryId] = [journal.append(Kind.TELEMETRY, arrival, [reading(0)]) for arrival in arrivals]
    assert ids == sorted(set(ids))
    assert ids[0] > (0, 0)
    if registered.keeps:
        assert registered.open(redis_url, key).append(Kind.LABELS, 0.0, []) > ids[-1]


@every_journal
def test_entries_come_back_exactly_and_in_order(redis_url: str, key: str, registered: Registered) -> None:
    first = registered.open(redis_url, key)
    appended = fill(first)
    restarted = registered.open(redis_url, key)
    expected = text(appended) if registered.keeps else []
    for journal in (restarted, restarted, first):
        assert text(list(journal.entries())) == expected
    assert list(restarted.missed()) == []


@every_journal
def test_a_restarted_journal_goes_on_where_it_was(redis_url: str, key: str, registered: Registered) -> None:
    appended = fill(registered.open(redis_url, key))
    restarted = registered.open(redis_url, key)
    list(restarted.entries())
    appended += fill(restarted)
    assert list(restarted.missed()) == []
    expected = text(appended) if registered.keeps else []
    assert text(list(registered.open(redis_url, key).entries())) == expected


@every_journal
def test_what_another_process_appended_is_missed_once(
    redis_url: str, key: str, registered: Registered
) -> None:
    ours, theirs = registered.open(redis_url, key), registered.open(redis_url, key)
    ours.append(Kind.TELEMETRY, 1.0, [reading(0)])
    missed = fill(theirs)
    assert list(ours.missed()) == [], "known only once we have appended ourselves"
    last = ours.append(Kind.TELEMETRY, 9.0, [reading(9)])
    assert text(list(ours.missed())) == (text(missed) if registered.keeps else [])
    assert list(ours.missed()) == []
    if registered.keeps:
        theirs.append(Kind.LABELS, 9.0, [])
        assert [entry.id for entry in theirs.missed()][-1] == last


@every_journal
def test_documents_are_kept_and_replaced(redis_url: str, key: str, registered: Registered) -> None:
    journal = registered.open(redis_url, key)
    assert journal.load("drift") is None
    content = {"n": 1, "nested": {"x": [0.1, None]}}
    journal.merge("drift", lambda kept: content)
    assert journal.load("drift") == (content if registered.keeps else None)
    journal.merge("other", lambda kept: {})
    journal.merge("drift", lambda kept: {"n": 2})
    for process in (journal, registered.open(redis_url, key)):
        assert process.load("drift") == ({"n": 2} if registered.keeps else None)
    assert list(journal.entries()) == []


@every_journal
def test_a_document_that_processes_change_at_once_has_what_each_of_them_said(
    redis_url: str, key: str, registered: Registered
) -> None:
    processes = [registered.open(redis_url, key) for _ in range(4)]

    def say(process: Journal, who: int) -> None:
        for number in range(20):
            while True:
                try:
                    process.merge("said", lambda kept: {**(kept or {}), f"{who}.{number}": number})  # noqa: B023
                    break
                except ApiError as error:
                    assert "in other processes all the time" in error.rule

    threads = [threading.Thread(target=say, args=(each, who)) for who, each in enumerate(processes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(processes[0].load("said") or {}) == (80 if registered.keeps else 0)


@every_journal
def test_journals_of_different_functions_do_not_meet(
    redis_url: str, key: str, registered: Registered
) -> None:
    fill(registered.open(redis_url, key))
    other = registered.open(redis_url, f"{key}-other")
    other.append(Kind.TELEMETRY, 1.0, [reading(0)])
    assert list(other.missed()) == []
    assert len(list(other.entries())) == (1 if registered.keeps else 0)


@every_journal
def test_a_journal_that_is_away_is_a_503(key: str, registered: Registered) -> None:
    journal = registered.open(NOWHERE, key)
    if not registered.keeps:
        journal.append(Kind.TELEMETRY, 0.0, [reading(0)])
        journal.merge("drift", lambda kept: {})
        return
    yet, kept = "nothing was processed yet, so send it again", "a restart knows less, so send it again"
    for act, rule in (
        (lambda: journal.append(Kind.TELEMETRY, 0.0, [reading(0)]), f"accept events .*; {yet}"),
        (lambda: journal.merge("drift", lambda kept: {}), f"save .*; .*{kept}"),
        (lambda: journal.look(), "tell what it holds .*; .* nothing of this was journaled: send it again"),
    ):
        with pytest.raises(ApiError, match=f"journal: must be reachable to {rule}") as raised:
            act()
        assert (raised.value.status, raised.value.where) == (503, "journal")
