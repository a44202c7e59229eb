"""How far a journal may be cut, and how much of it at a time."""

from __future__ import annotations

from graphs.state.journal_bounds import JournalBounds


def filled(count: int, most: int) -> JournalBounds:
    """Bounds of a journal with so many entries, each of one event."""
    bounds = JournalBounds(most, 60.0)
    for number in range(count):
        bounds.note((number, 0), 1)
    return bounds


def test_what_a_snapshot_sets_free_is_dropped_in_parts_while_requests_come():
    bounds = filled(1000, most=100)
    bounds.floor = (799, 0)
    oldest = [bounds.oldest_kept(1, None) for _ in range(5)]
    assert oldest[:4] == [(256, 0), (512, 0), (768, 0), (799, 1)]
    assert oldest[4] is None
    assert [entry for entry, _ in bounds.entries] == [(number, 0) for number in range(800, 1000)]


def test_a_journal_that_is_full_stays_as_large_as_it_is():
    bounds = filled(1000, most=100)
    bounds.floor = (2000, 0)
    for number in range(1000, 1010):
        bounds.oldest_kept(1, None)
        bounds.note((number, 0), 1)
    assert len(bounds.entries) == 100


def test_entries_that_hold_less_than_what_comes_do_not_pile_up():
    bounds = JournalBounds(1_000, 0.0)
    for number in range(1_000):
        bounds.note((1, number), 1)
    bounds.floor = (1, 999)
    for number in range(20):
        bounds.oldest_kept(500, None)
        bounds.note((2, number), 500)
        bounds.floor = (2, number)
        assert sum(size for _, size in bounds.entries) <= 1_500
