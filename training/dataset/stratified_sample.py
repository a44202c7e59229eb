"""Samples by class: with the classes in proportion to look at, with all errors to learn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.int8]
Positions = npt.NDArray[np.intp]


@dataclass(frozen=True)
class ClassWeights:
    """How many rows each row of a sample stands for, by its class.

    :param healthy: of a row with label 0, at least 1.
    :param error: of a row with label 1, at least 1.
    """

    healthy: float = 1.0
    error: float = 1.0

    def of(self, labels: Labels) -> npt.NDArray[np.float64]:
        """Weight of each row, shape (n,).

        :param labels: 0 or 1, shape (n,).
        """
        return np.where(labels == 1, self.error, self.healthy)

    def share(self, labels: Labels) -> float:
        """Share of errors among the rows that a sample stands for."""
        return float(np.average(labels, weights=self.of(labels)))


ONE_EACH = ClassWeights()
"""Weights of rows that were not sampled."""


def sample_size(rows: int, ratio: float, most: int) -> int:
    """Rows of a sample that has a share of all rows, at most so many and at least two.

    :param ratio: the share, in (0, 1].
    """
    return max(2, min(round(ratio * rows), most))


def sample_rows(labels: Labels, rows: int, seed: int) -> Positions:
    """Positions of a random sample with the class shares of all rows, and at least one row of each class.

    Within a class every row is as likely as any other, whenever it happened; so a rate that is measured on
    the sample is one of all rows. The order is kept.

    :param labels: 0 or 1, shape (n,).
    :param rows: size of the sample, at least 2.
    :returns: ascending positions; all of them if there are at most ``rows``.
    """
    if len(labels) <= rows:
        return np.arange(len(labels))
    errors, healthy = np.flatnonzero(labels == 1), np.flatnonzero(labels != 1)
    share = round(rows * len(errors) / len(labels))
    return _draw(
        errors, healthy, min(max(share, min(1, len(errors))), rows - min(1, len(healthy))), rows, seed
    )


def sample_healthy_rows(labels: Labels, rows: int, seed: int) -> tuple[Positions, ClassWeights]:
    """Positions of a random sample with all errors, filled up with healthy rows, and what they stand for.

    Errors are rare and healthy rows are alike, so a healthy row less costs a model little. Where errors would
    take more than half of the sample they are sampled too: there is no lack of them then.

    :param labels: 0 or 1, shape (n,).
    :param rows: size of the sample, at least 2.
    :returns: ascending positions, all of them if there are at most ``rows``; and the weights with which a
        rate that is measured on the sample is one of all rows.
    """
    if len(labels) <= rows:
        return np.arange(len(labels)), ONE_EACH
    errors, healthy = np.flatnonzero(labels == 1), np.flatnonzero(labels != 1)
    # As many errors as there are, at most half of the sample; more where there are not enough healthy rows.
    size = max(min(len(errors), rows // 2), rows - len(healthy))
    chosen = _draw(errors, healthy, size, rows, seed)
    weights = ClassWeights(
        healthy=len(healthy) / (rows - size) if rows > size else 1.0,
        error=len(errors) / size if size else 1.0,
    )
    return chosen, weights


def _draw(errors: Positions, healthy: Positions, size: int, rows: int, seed: int) -> Positions:
    """So many errors, and healthy rows up to the size of the sample; ascending."""
    random = np.random.default_rng(seed)
    chosen = [
        random.choice(errors, size=size, replace=False),
        random.choice(healthy, size=rows - size, replace=False),
    ]
    return np.sort(np.concatenate(chosen))
