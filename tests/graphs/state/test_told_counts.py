"""Counts beside the journal are added once, whatever becomes of the answer of its store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from graphs.protocol.errors import ApiError
from graphs.state.no_journal import NoJournal
from graphs.state.serving_metrics import ServingMetrics
from graphs.state.told_counts import ToldCounts

AWAY = ApiError(503, "journal", "must be reachable")


class Kept(NoJournal):
    """A document in memory, whose answer may be lost behind it or on the way to it."""

    def __init__(self) -> None:
        super().__init__()
        self.content: bytes = b""
        self.is_away = self.loses_answer = False

    def merge(self, name: str, merged: Callable[[dict[str, Any] | None], dict[str, Any]]) -> None:
        if self.is_away:
            raise AWAY
        self.content = orjson.dumps(merged(orjson.loads(self.content) if self.content else None))
        if self.loses_answer:
            self.loses_answer = False
            raise AWAY


class Teller:
    """What a process tells of requests that it refused."""

    def __init__(self, journal: Kept, now: float = 0.0) -> None:
        self.metrics = ServingMetrics()
        self.counts = ToldCounts(self.metrics, journal, lambda: now)

    def refuse(self, count: int = 1) -> None:
        for _ in range(count):
            self.metrics.refused.labels("ledger").inc()

    @property
    def shown(self) -> float:
        self.counts.settle()
        found = {tuple(labels.values()): count for _, labels, count in self.metrics.told()}
        return found["ledger",]


@pytest.fixture
def journal() -> Kept:
    return Kept()


def test_an_addition_whose_answer_was_lost_is_there_once(journal: Kept) -> None:
    teller, other = Teller(journal), Teller(journal)
    teller.refuse(2)
    journal.loses_answer = True
    assert teller.shown == 2  # It knows of no others.
    teller.refuse()  # Another addition: the store has the first without it.
    assert teller.shown == 3 and other.shown == 3
    assert Teller(journal).shown == 3


def test_what_did_not_reach_the_store_is_added_the_next_time(journal: Kept) -> None:
    teller, other = Teller(journal), Teller(journal)
    other.refuse(5)
    assert other.shown == 5
    teller.refuse(2)
    journal.is_away = True
    assert teller.shown == 2
    teller.refuse()
    journal.is_away = False
    assert teller.shown == 8 and other.shown == 8


def test_what_an_emptied_store_lost_is_kept_again_once(journal: Kept) -> None:
    teller = Teller(journal)
    teller.refuse(3)
    assert teller.shown == 3
    teller.refuse()
    journal.loses_answer = True
    teller.counts.settle()
    journal.content = b""
    assert teller.shown == 4 and Teller(journal).shown == 4


def test_a_document_of_an_earlier_version_goes_on_and_old_processes_are_forgotten(journal: Kept) -> None:
    key = orjson.dumps(["refused_requests", {"reason": "ledger"}], option=orjson.OPT_SORT_KEYS).decode()
    teller = Teller(journal)
    name = next(name for name, labels, _ in teller.metrics.told() if labels.get("reason") == "ledger")
    journal.content = orjson.dumps({key.replace("refused_requests", name): 4.0})
    for number in range(40):
        process = Teller(journal, float(number))
        process.refuse()
        assert process.shown == 5 + number
    content = orjson.loads(journal.content)
    writers = [key for key in content if orjson.loads(key)[0] == "additions"]
    assert len(writers) == 16 and '"by":"0000000039000-' in max(writers)
