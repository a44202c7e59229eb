"""How large distances get by chance: the same rows, dealt out at random to base and batch.

Two samples of one distribution are never equal, the less so the smaller they are and the more bins there
are: a joint histogram of 200 rows over 125 bins has a large total variation distance from anything. So each
distance is compared with those of random re-divisions of the pooled rows (a permutation test: P. Good,
"Permutation, Parametric, and Bootstrap Tests of Hypotheses", 2005), and all columns together with the
largest standardized distance of any (P. H. Westfall, S. S. Young, "Resampling-Based Multiple Testing",
1993), so that many columns do not mean many false alarms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]

_ROUNDING = 1e-9


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
    base: Index, batch: Index, sizes: Index, permutations: int, block_rows: int, rng: np.random.Generator
) -> Chance:
    """Compare the total variation distance of each column with its distances in random divisions.

    :param base: bin of each value, shape (n, c); column j has the bins 0 to ``sizes[j] - 1``.
    :param batch: the same for the batch, shape (m, c).
    :param sizes: number of bins per column, shape (c,).
    :param permutations: number of random divisions.
    :param block_rows: rows that are dealt out together, as consecutive rows of each side.
    """
    # every column gets its own stretch of one long histogram: one bincount counts all columns
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    cells = np.concatenate([base, batch]) + starts
    total = np.bincount(cells.ravel(), minlength=int(sizes.sum()))
    blocks, n_base, n_batch = _blocks(len(base), len(batch), block_rows)
    # drawing the smaller side is the same division and cheaper
    drawn = min(n_base, n_batch)

    def distances(rows: Index) -> Floats:
        one = np.bincount(cells[rows].ravel(), minlength=len(total))
        difference = one / len(rows) - (total - one) / (len(cells) - len(rows))
        return np.asarray(np.add.reduceat(np.abs(difference), starts) / 2, dtype=np.float64)

    observed = distances(np.arange(len(base), len(cells)))
    samples = np.empty((permutations + 1, len(sizes)))
    samples[0] = observed
    for i in range(1, permutations + 1):
        chosen = rng.choice(len(blocks), drawn, replace=False, shuffle=False)
        samples[i] = distances(np.concatenate([blocks[j] for j in chosen]) if block_rows > 1 else chosen)
    spread = samples.std(axis=0)
    scores = (samples - samples.mean(axis=0)) / np.where(spread > _ROUNDING, spread, np.inf)
    largest = scores.max(axis=1)
    p_values = np.array([(largest >= score - _ROUNDING).mean() for score in scores[0]])
    return Chance(expected=samples[1:].mean(axis=0), p_values=p_values)


def _blocks(n: int, m: int, block_rows: int) -> tuple[list[Index], int, int]:
    """Rows of each block, over base and batch one after the other; how many blocks each side has."""
    base = [np.arange(start, min(start + block_rows, n)) for start in range(0, n, block_rows)]
    batch = [np.arange(n + start, n + min(start + block_rows, m)) for start in range(0, m, block_rows)]
    return base + batch, len(base), len(batch)
