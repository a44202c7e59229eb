"""Names of events: what a plain dictionary would find, over snapshots and forgetting."""

from __future__ import annotations

import json
import random
import tracemalloc
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from graphs.protocol.event_names import SentEvents, names_text, read_names
from graphs.state import known_names
from graphs.state.known_names import Ambiguous, Key, KnownNames
from graphs.state.snapshots.saved_state import SavedState


def through_a_file(state: SavedState) -> SavedState:
    """As a snapshot gives it back."""
    return SavedState(json.loads(json.dumps(state.plain)), {k: v.copy() for k, v in state.arrays.items()})


@pytest.mark.parametrize("seed", range(6))
def test_names_are_found_as_in_a_plain_dictionary(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_names, "FROZEN", 8)
    generator = random.Random(seed)
    names, plain = KnownNames(), defaultdict[str, set[Key]](set)
    oldest = 0.0
    for step in range(400):
        newest = 1000.0 + step
        request = f"r-{generator.randrange(max(1, step - 3), step + 2)}"
        places = generator.choice([None, None, (0, 1, 2), (1, 4), (0,)])
        sent = SentEvents(request, places)
        keys: list[Key | None] = [
            None
            if generator.random() < 0.2
            else (f"dev-{generator.randrange(3)}", newest - generator.choice([0, 1, 30]))
            for _ in range(sent.size)
        ]
        if places is not None and generator.random() < 0.5:
            devices = ["" if key is None else key[0] for key in keys]
            times = np.array([np.nan if key is None else key[1] for key in keys])
            sent = SentEvents(request, tuple(range(len(keys))))
            names.note_list(sent, devices, times)
        else:
            names.note(sent, keys)
        for name, key in zip(sent.names, keys, strict=True):
            if key is not None:
                plain[name].add(key)
        if generator.random() < 0.05:
            names.restore(through_a_file(names.saved()))
        oldest = newest - 60
        names.forget(oldest)
        asked = [*generator.sample(sorted(plain), min(len(plain), 5)), "r-1#77", "unknown", "unknown#1"]
        for name, found in zip(asked, names.find(asked), strict=True):
            known = plain.get(name, set())
            if isinstance(found, Ambiguous):
                # An id of several requests with other events, or alone and in a list, is so for all places.
                same = {
                    ("#" in other, key)
                    for other, keys in plain.items()
                    for key in keys
                    if _of_one(other, name)
                }
                assert len(same) > 1
            elif found is None:
                assert all(time < oldest for _, time in known), "never before its prediction is forgotten"
            else:
                assert found in known and len({key for key in known if key[1] >= oldest}) <= 1


def _of_one(one: str, other: str) -> bool:
    return one.partition("#")[0] == other.partition("#")[0]


def test_lists_of_any_length_are_found_at_once() -> None:
    names = KnownNames()
    for number in range(40):
        keys: list[Key | None] = [(f"dev-{place}", float(number)) for place in range(2000)]
        names.note(SentEvents(f"r-{number}", tuple(range(2000))), keys)
    asked = [f"r-{number}#{place}" for number in range(40) for place in (0, 999, 1999)]
    assert names.find(asked) == [(f"dev-{place}", float(n)) for n in range(40) for place in (0, 999, 1999)]
    assert names.find(["r-1#2000", "r-1"]) == [None, None]
    assert len(names) == 40


def test_events_that_were_sent_alone_become_arrays_without_one_for_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = []

    def counting(*given: Any, **more: Any) -> Any:
        made.append(given)
        return np.array(*given, **more)

    counts = []
    for size in (10, 1000):
        monkeypatch.setattr(known_names, "FROZEN", size)
        names = KnownNames(10_000_000)
        for number in range(size - 1):
            names.note(SentEvents(f"r-{number}"), [(f"dev-{number % 7}", float(number))])
        with monkeypatch.context() as patched:
            patched.setattr(known_names, "np", SimpleNamespace(**{**vars(np), "array": counting}))
            made.clear()
            names.note(SentEvents("last"), [("dev-1", 5.0)])
        counts.append(len(made))
        assert names.find(["r-3", "last"]) == [("dev-3", 3.0), ("dev-1", 5.0)]
    assert counts[0] == counts[1] > 0


@pytest.mark.parametrize(("size", "most"), [(None, 60), (500, 25)], ids=["alone", "in lists"])
def test_the_memory_for_a_name_is_small(size: int | None, most: int) -> None:
    count, devices = 4 * known_names.FROZEN, [f"dev-{number}" for number in range(1000)]
    times = np.arange(count, dtype=np.float64).tolist()
    tracemalloc.start()
    names = KnownNames()
    before = tracemalloc.get_traced_memory()[0]
    for first in range(0, count, size or 1):
        places = None if size is None else tuple(range(min(size, count - first)))
        sent = SentEvents(f"request-{first}", places)
        names.note(sent, [(devices[at % 1000], times[at]) for at in range(first, first + sent.size)])
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert taken / count < most


@pytest.mark.parametrize(
    "sent",
    [
        [],
        [SentEvents("a")],
        [SentEvents("a", (0, 1, 2)), SentEvents("b"), SentEvents("c", (1, 7))],
        [SentEvents("a", (0,))],
    ],
)
def test_names_come_back_from_the_text_of_a_journal(sent: list[SentEvents]) -> None:
    assert read_names(names_text(sent)) == tuple(sent)
    assert names_text([SentEvents("", (0, 1))]) == ""
