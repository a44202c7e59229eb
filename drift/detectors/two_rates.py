"""How much likelier two parts of a stream are at error rates of their own than at one: the ratio of GLR."""

from __future__ import annotations

import math

from drift.detectors.dependence import neighbor_inflation


def correlated_inflation(newest: int, w: int, before: int, m: int, pairs: tuple[int, int]) -> float:
    """Variance inflation by neighbors, from errors that follow errors within either part.

    :param newest: errors in the newest w labels.
    :param before: errors in the m labels before them.
    :param pairs: errors that follow an error, in the newest labels and before them.
    """
    p1, p0 = newest / w, before / m
    variance = (m * p0 * (1 - p0) + w * p1 * (1 - p1)) / (m + w)
    if variance <= 0:
        return neighbor_inflation(0.0, newest + before)
    covariance = (pairs[1] - m * p0 * p0 + pairs[0] - w * p1 * p1) / (m + w)
    return neighbor_inflation(covariance / variance, newest + before)


def root_of_ratio(newest: int, w: int, before: int, m: int, factor: float) -> float:
    """Root of twice the log-likelihood ratio of two error rates against one.

    :param newest: errors in w labels.
    :param before: errors in m other labels.
    :param factor: variance inflation, at least 1.
    """
    pooled = (newest + before + 0.5) / (w + m + 1)
    return math.sqrt(max(0.0, 2 * (divergence(newest, w, pooled) + divergence(before, m, pooled)) / factor))


def divergence(errors: int, n: int, pooled: float) -> float:
    """How much likelier errors of n labels are at their own rate than at the pooled one, as a logarithm."""
    right = n - errors
    log = math.log
    wrong_part = errors * log(errors / n / pooled) if errors else 0.0
    return wrong_part + (right * log(right / n / (1 - pooled)) if right else 0.0)
