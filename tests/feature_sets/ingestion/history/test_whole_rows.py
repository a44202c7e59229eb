"""Stretches of time that overlap, touch or are empty, against the slow and obvious way."""

from __future__ import annotations

import numpy as np
import pytest

from feature_sets.ingestion.history.whole_rows import Stretches


@pytest.mark.parametrize("seed", range(60))
def test_what_is_in_a_stretch(seed):
    generator = np.random.default_rng(seed)
    size = int(generator.integers(0, 8))
    first = generator.integers(0, 60, size)
    last = first + generator.integers(0, 9, size)
    given, moments = Stretches(first, last), np.arange(-20, 90)
    pairs = list(zip(first.tolist(), last.tolist(), strict=True))
    inside = [any(begin <= at <= end for begin, end in pairs) for at in moments.tolist()]
    assert given.have(moments).tolist() == inside
    assert bool((given.first[1:] > given.last[:-1]).all())
    assert given.meet(10, 20) == any(begin <= 20 and end >= 10 for begin, end in pairs)
    wider = [any(begin - 3 <= at <= end + 5 for begin, end in pairs) for at in moments.tolist()]
    assert given.widened(3, 5).have(moments).tolist() == wider


def test_the_ends_of_time_stay_where_they_are():
    low, high = np.iinfo(np.int64).min, np.iinfo(np.int64).max
    wide = Stretches.of([(low, high)]).widened(7, 7)
    assert (int(wide.first[0]), int(wide.last[0])) == (low, high)
