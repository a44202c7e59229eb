"""What chance gives is counted as an obvious loop over the divisions counts it, to the last bit."""

import numpy as np
import pytest

from drift import chance as module
from drift.chance import compare_with_chance


def obvious(columns, sizes, permutations, starts, rng):
    """Distances of all divisions, row by row."""
    base, batch = (np.column_stack([column[side] for column in columns]) for side in (0, 1))
    pooled = np.concatenate([base, batch]).astype(np.int64)
    firsts = np.concatenate([starts[0], len(base) + starts[1], [len(pooled)]])
    block_of = np.repeat(np.arange(len(firsts) - 1), np.diff(firsts))
    blocks = len(firsts) - 1
    divisions = [np.arange(blocks) >= len(starts[0])]
    for _ in range(permutations):
        is_drawn = np.zeros(blocks, dtype=bool)
        is_drawn[rng.choice(blocks, min(map(len, starts)), replace=False, shuffle=False)] = True
        divisions.append(is_drawn)
    found = []
    for is_drawn in divisions:
        rows = is_drawn[block_of]
        parts = []
        for place, size in enumerate(sizes):
            one = np.bincount(pooled[rows, place], minlength=size)
            other = np.bincount(pooled[~rows, place], minlength=size)
            parts.append(np.abs(one / rows.sum() - other / (~rows).sum()))
        first_bins = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        found.append(np.add.reduceat(np.concatenate(parts), first_bins) / 2)
    return np.array(found)


def drawn(seed, rows, sizes, blocks):
    """Columns of base and batch, and where blocks of them start."""
    random = np.random.default_rng(seed)
    columns = [tuple(random.integers(0, size, n).astype(np.uint16) for n in rows) for size in sizes]
    starts = tuple(
        np.arange(n) if count is None else np.unique(np.append(0, random.integers(1, n, count)))
        for n, count in zip(rows, blocks, strict=True)
    )
    return columns, starts


@pytest.mark.parametrize(
    ("rows", "sizes", "blocks"),
    [
        ((300, 200), (7, 2, 2, 5), (None, None)),
        ((200, 331), (7, 3), (None, None)),
        ((500, 400), (6, 2, 300, 4, 1000), (40, 30)),
        ((500, 97), (300,), (None, None)),
        ((1, 1), (2, 2), (None, None)),
        (
            (20_000, 9_001),
            (5, 2),
            (None, None),
        ),  # Counted in several parts, the last one no multiple of eight.
        ((40_000, 30_000), (5, 2), (11_000, 9_000)),
    ],
)
def test_it_is_what_a_loop_over_rows_gives(rows, sizes, blocks):
    columns, starts = drawn(1, rows, sizes, blocks)
    found = compare_with_chance(columns, sizes, 20, starts, np.random.default_rng(3))
    samples = obvious(columns, sizes, 20, starts, np.random.default_rng(3))
    assert found.expected.tolist() == samples[1:].mean(axis=0).tolist()
    spread = samples.std(axis=0)
    scores = (samples - samples.mean(axis=0)) / np.where(spread > 1e-9, spread, np.inf)
    assert found.p_values.tolist() == [
        float((scores.max(axis=1) >= score - 1e-9).mean()) for score in scores[0]
    ]


def test_counts_beyond_single_precision_are_exact(monkeypatch):
    columns, starts = drawn(2, (300, 200), (7, 2), (30, 20))
    found = compare_with_chance(columns, (7, 2), 20, starts, np.random.default_rng(3))
    monkeypatch.setattr(module, "_EXACT", 100)
    again = compare_with_chance(columns, (7, 2), 20, starts, np.random.default_rng(3))
    assert again.expected.tolist() == found.expected.tolist()
