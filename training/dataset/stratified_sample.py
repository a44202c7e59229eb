"""The stratified sample: fewer rows, with the classes in proportion."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def sample_size(rows: int, ratio: float, most: int) -> int:
    """Rows of a sample that has a share of all rows, at most so many and at least two.

    :param ratio: the share, in (0, 1].
    """
    return max(2, min(round(ratio * rows), most))


def sample_rows(labels: npt.NDArray[np.int8], rows: int, seed: int) -> npt.NDArray[np.intp]:
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
    size = min(max(share, min(1, len(errors))), rows - min(1, len(healthy)))
    random = np.random.default_rng(seed)
    chosen = [
        random.choice(errors, size=size, replace=False),
        random.choice(healthy, size=rows - size, replace=False),
    ]
    return np.sort(np.concatenate(chosen))
