"""How large distances get by chance: the same rows, dealt out at random to base and batch.

Two samples of one distribution are never equal, the less so the smaller they are and the more bins there
are: a joint histogram of 200 rows over 125 bins has a large total variation distance from anything. So each
distance is compared with those of random re-divisions of the pooled rows (a permutation test: P. Good,
"Permutation, Parametric, and Bootstrap Tests of Hypotheses", 2005), and all columns together with the
largest standardized distance of any (P. H. Westfall, S. S. Young, "Resampling-Based Multiple Testing",
1993), so that many columns do not mean many false alarms.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array

from drift.coded_columns import Codes, Index

Floats = npt.NDArray[np.float64]
Bits = npt.NDArray[np.uint8]
Sides = tuple[Codes, Codes]

_ROUNDING = 1e-9

_MOST_MISSING = 0.75
"""Part of the variance that is made up for, at most: blocks of which more is missing are none."""

_BLOCKS = 8_192
"""Blocks that are counted at a time, a multiple of eight: more take more memory, and are no faster."""

_WIDE = 256
"""Bins of a column from which on a block is counted by those that hold a row of it: most do not."""

_EXACT = 2**24
"""Up to so many rows a sum of single precision is exact."""


@dataclass(frozen=True)
class Chance:
    """Distances of every column, beside what chance gives.

    :param expected: mean total variation distance over the random divisions, shape (c,).
    :param p_values: share of divisions, the real one included, in which any column is as extreme as this
        one is; shape (c,). A column with p <= alpha is reported in at most a share alpha of all
        comparisons without drift, however many columns there are.
    """

    expected: Floats
    p_values: Floats


def compare_with_chance(
    columns: Sequence[Sides],
    sizes: Sequence[int],
    permutations: int,
    starts: tuple[Index, Index],
    rng: np.random.Generator,
    missing: float = 0.0,
    variance: Floats | float = 1.0,
    devices: tuple[Index, Index] | None = None,
) -> Chance:
    """Compare the total variation distance of each column with its distances in random divisions.

    :param columns: bin of each value in base and batch, shapes (n,) and (m,); a column has the bins 0 to its
        size minus 1.
    :param sizes: number of bins per column.
    :param permutations: number of random divisions.
    :param starts: first row of each block of the base, and of the batch: its rows are dealt out together.
    :param missing: part of the variance that blocks lack, as rows depend on each other across their ends,
        too. Distances of random divisions are made larger for it.
    :param variance: times that a column varies more than blocks by themselves, shape (c,); as ``missing``.
    :param devices: number of the device of each block, of base and batch: blocks are dealt out within each,
        so that levels in which devices differ are no chance. None if each block may be on either side.
    """
    rows_of_base, rows = len(columns[0][0]), sum(map(len, columns[0]))
    firsts = np.concatenate([starts[0], rows_of_base + starts[1], [rows]])
    divisions = _divisions(starts, permutations, rng, devices)
    narrow = [place for place, size in enumerate(sizes) if size < _WIDE]
    narrow_sizes = [sizes[place] for place in narrow]
    drawn, total = _narrow_counts([columns[place] for place in narrow], narrow_sizes, firsts, divisions)
    n = drawn[:, -1]
    samples = np.empty((permutations + 1, len(sizes)))
    if narrow:
        samples[:, narrow] = _distances(drawn[:, :-1], total[:-1], narrow_sizes, n, rows)
    for place, size in enumerate(sizes):
        if size >= _WIDE:
            one, every = _wide_counts(columns[place], size, firsts, divisions)
            samples[:, [place]] = _distances(one, every, [size], n, rows)
    samples[1:] *= np.sqrt(variance / (1 - min(missing, _MOST_MISSING)))
    spread = samples.std(axis=0)
    scores = (samples - samples.mean(axis=0)) / np.where(spread > _ROUNDING, spread, np.inf)
    largest = scores.max(axis=1)
    p_values = np.array([(largest >= score - _ROUNDING).mean() for score in scores[0]])
    return Chance(expected=samples[1:].mean(axis=0), p_values=p_values)


def _divisions(
    starts: tuple[Index, Index],
    permutations: int,
    rng: np.random.Generator,
    devices: tuple[Index, Index] | None,
) -> Bits:
    """Which blocks are drawn in each division, eight in a byte; the first one is that of base and batch.

    In the random ones these are as many, of each device, as the smaller side has: drawing them is the same
    division and cheaper.
    """
    blocks, drawn = sum(map(len, starts)), min(map(len, starts))
    divisions = np.empty((permutations + 1, -(-blocks // 8)), dtype=np.uint8)
    divisions[0] = np.packbits(np.arange(blocks) >= len(starts[0]))
    if devices is not None:
        of_device = np.concatenate(devices)
        ordered = np.sort(of_device)
        counts = np.bincount(of_device)
        fewer = np.bincount(min(devices, key=len), minlength=len(counts))
        # Blocks of a device come one after another, in a random order: the first so many are drawn.
        is_first = np.arange(blocks) - (np.cumsum(counts) - counts)[ordered] < fewer[ordered]
    for i in range(1, permutations + 1):
        is_drawn = np.zeros(blocks, dtype=bool)
        if devices is None:
            is_drawn[rng.choice(blocks, drawn, replace=False, shuffle=False)] = True
        else:
            is_drawn[np.lexsort((rng.random(blocks), of_device))[is_first]] = True
        divisions[i] = np.packbits(is_drawn)
    return divisions


def _narrow_counts(
    columns: Sequence[Sides], sizes: Sequence[int], firsts: Index, divisions: Bits
) -> tuple[Floats, Floats]:
    """Rows in each bin of all columns that a division draws, and how many those are; and of all rows.

    Each block has a histogram, and those of a division are the sums over its blocks: a product of matrices,
    of some blocks at a time. The fullest bin of a column has what the others leave, and empty ones nothing.

    :param firsts: first row of each block, base before batch, and behind the last one.
    :returns: shapes (divisions, bins + 1) and (bins + 1,), whole numbers.
    """
    total = [
        np.bincount(base, minlength=size) + np.bincount(batch, minlength=size)
        for (base, batch), size in zip(columns, sizes, strict=True)
    ]
    counted = [np.flatnonzero((rows > 0) & (np.arange(len(rows)) != rows.argmax())) for rows in total]
    kind = np.float32 if firsts[-1] <= _EXACT else np.float64
    drawn = np.zeros((len(divisions), sum(map(len, counted)) + 1))
    for begin in range(0, len(firsts) - 1, _BLOCKS):
        some = firsts[begin : begin + _BLOCKS + 1]
        block_rows = np.diff(some)
        count = len(block_rows)
        block_of = np.repeat(np.arange(count), block_rows)
        histograms: Floats = np.empty((drawn.shape[1], count), dtype=kind)
        histograms[-1] = block_rows
        first = 0
        for column, size, bins in zip(_between(columns, some[0], some[-1]), sizes, counted, strict=True):
            cells = np.bincount(column * count + block_of, minlength=size * count)
            histograms[first : first + len(bins)] = cells.reshape(size, count)[bins]
            first += len(bins)
        bits = divisions[:, begin // 8 : begin // 8 + -(-count // 8)]
        is_drawn: Floats = np.unpackbits(bits, axis=1, count=count).astype(kind)
        drawn += is_drawn @ histograms.T
    return _of_all_bins(drawn, total, counted), np.concatenate([*total, firsts[-1:]]).astype(np.float64)


def _of_all_bins(drawn: Floats, total: Sequence[Index], counted: Sequence[Index]) -> Floats:
    """Counts of all bins, by those of the bins that were counted.

    :param drawn: rows in those, and all rows, that each division draws.
    """
    n, every, first = drawn[:, -1:], [], 0
    for rows, bins in zip(total, counted, strict=True):
        counts = np.zeros((len(drawn), len(rows)))
        counts[:, bins] = drawn[:, first : first + len(bins)]
        counts[:, [rows.argmax()]] = n - counts.sum(axis=1, keepdims=True)
        every.append(counts)
        first += len(bins)
    return np.concatenate([*every, n], axis=1)


def _between(columns: Sequence[Sides], begin: int, end: int) -> Iterator[Index]:
    """The bins of some rows of each column, base before batch."""
    for base, batch in columns:
        n = len(base)
        some = base[begin:end], batch[max(0, begin - n) : max(0, end - n)]
        yield np.concatenate(some).astype(np.int64)


def _wide_counts(column: Sides, size: int, firsts: Index, divisions: Bits) -> tuple[Iterator[Floats], Floats]:
    """Rows in each bin of one column that each division draws, and of all rows."""
    codes, blocks = np.concatenate(column), len(firsts) - 1
    block_of, ones = np.repeat(np.arange(blocks), np.diff(firsts)), np.ones(len(codes))
    histogram = coo_array((ones, (codes, block_of)), shape=(size, blocks)).tocsr()
    drawn = (histogram @ np.unpackbits(bits, count=blocks).astype(np.float64) for bits in divisions)
    return drawn, np.asarray(histogram.sum(axis=1))


def _distances(drawn: Iterable[Floats], total: Floats, sizes: Sequence[int], n: Floats, rows: int) -> Floats:
    """Total variation distance of each column in each division, shape (divisions, columns).

    :param drawn: rows in each bin that a division draws, of one column after another.
    :param total: the same of all rows.
    :param sizes: number of bins per column.
    :param n: rows that a division draws, shape (divisions,).
    :param rows: all of them.
    """
    first_bins = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    differences = (one / count - (total - one) / (rows - count) for one, count in zip(drawn, n, strict=True))
    return np.array([np.add.reduceat(np.abs(each), first_bins) / 2 for each in differences])
