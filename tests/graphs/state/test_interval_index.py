"""Intervals found by a moment: what a loop over all finds, at the cost of those near it."""

from __future__ import annotations

import random

from graphs.state.interval_index import IntervalIndex


def test_it_finds_what_a_loop_over_all_finds() -> None:
    generator = random.Random(1)
    index, known = IntervalIndex(), {}
    for step in range(3000):
        name = str(generator.randrange(200))
        if generator.random() < 0.3:
            index.drop(name)
            known.pop(name, None)
        else:
            start = generator.randrange(-5000, 5000)
            end = None if generator.random() < 0.1 else start + generator.choice([0, 1, 7, 64, 900, 10**6])
            index.put(name, start, end)
            known[name] = (start, end)
        moment = (
            generator.choice([generator.randrange(-6000, 8000), *next(iter(known.values()), (0, 0))]) or 0
        )
        expected = {
            name for name, (start, end) in known.items() if start <= moment and (end is None or moment < end)
        }
        found = list(index.at(moment))
        assert len(found) == len(set(found)) and set(found) == expected, step
    assert len(index) == len(known)
    for name in list(known):
        index.drop(name)
    assert not index._buckets and not index._levels and not index._open


def test_a_moment_costs_what_is_near_it() -> None:
    index = IntervalIndex()
    for number in range(20_000):
        index.put(str(number), 100 * number, 100 * number + 60)
    looked_at = 0

    class Counting(dict):
        def __getitem__(self, name):
            nonlocal looked_at
            looked_at += 1
            return super().__getitem__(name)

    index._named = Counting(index._named)
    assert list(index.at(1_000_030)) == ["10000"]
    assert looked_at < 5
