"""Rules that choose the decision threshold: what a user would rather have, more hits or fewer false alarms.

``max_f1`` takes the highest F1. ``min_precision:0.9`` takes the highest recall among thresholds whose
precision is at least that. ``cost:10`` takes the lowest cost when a miss costs ten false alarms.
``false_alarms:0.001`` takes the lowest threshold that calls at most that share of the healthy rows an error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from feature_sets.checks import InputError

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int8]

MAX_F1 = "max_f1"
MIN_PRECISION = "min_precision"
COST = "cost"
FALSE_ALARMS = "false_alarms"
ABOVE_ALL = 1e-3
"""A threshold that calls nothing an error lies this much above the highest score."""

BELOW_ALL = 2e-6
"""One that calls everything an error lies half of this below the lowest: more than float32 rounds by."""


@dataclass(frozen=True)
class ThresholdRule:
    """A rule for the decision threshold.

    :param kind: ``max_f1``, ``min_precision``, ``cost`` or ``false_alarms``.
    :param value: least precision in (0, 1], false alarms that a miss costs, above 0, or most healthy rows
        that are called an error, as a share in (0, 1); 0 for ``max_f1``.
    """

    kind: str
    value: float = 0.0

    def __str__(self) -> str:
        """The rule as it was given."""
        return self.kind if self.kind == MAX_F1 else f"{self.kind}:{self.value:g}"


def parse_threshold_rule(text: object, where: str = "argument 'threshold_rule'") -> ThresholdRule:
    """Rule of its text, such as ``min_precision:0.9``.

    :param where: what an error calls the argument.
    :raises InputError: unless it is one.
    """
    rule = (
        "must be max_f1, min_precision:SHARE with a share in (0, 1], cost:NUMBER above 0, or "
        "false_alarms:SHARE with a share in (0, 1)"
    )
    if text == MAX_F1:
        return ThresholdRule(MAX_F1)
    kind, _, number = str(text).partition(":")
    try:
        value = float(number)
    except ValueError:
        raise InputError(where, rule, text) from None
    valid = {MIN_PRECISION: 0.0 < value <= 1.0, COST: 0.0 < value < math.inf, FALSE_ALARMS: 0.0 < value < 1.0}
    if not valid.get(kind, False):
        raise InputError(where, rule, text)
    return ThresholdRule(kind, value)


def choose_threshold(
    rule: ThresholdRule, labels: Labels, score: Floats, weights: Floats | None = None
) -> float:
    """Threshold that a rule chooses: a row is called an error when its score is at least this.

    It lies halfway between the lowest score that is called an error and the next lower one, so a rounding in
    the last digit of a score changes no decision on these rows. Of equally good thresholds the highest is
    taken: it raises the fewest alarms.

    :param rule: see ``parse_threshold_rule``.
    :param labels: 0 or 1, shape (n,), both present.
    :param score: probability of an error, shape (n,).
    :param weights: how many rows each stands for, shape (n,); None for one each.
    :raises InputError: unless a threshold has the precision that ``min_precision`` asks for.
    """
    threshold = find_threshold(rule, labels, score, weights)
    if math.isinf(threshold):
        highest = float(_cuts(labels, score, weights).precision.max())
        raise InputError(
            f"threshold rule {rule}",
            f"must be met by a threshold with a precision of at least {rule.value:g} on the out-of-fold rows "
            "(lower it or take another rule)",
            f"at most {highest:.3f}",
        )
    return max(threshold, 0.0)


def find_threshold(
    rule: ThresholdRule, labels: Labels, score: Floats, weights: Floats | None = None
) -> float:
    """The same for any score, but infinity (nothing is an error) where ``min_precision`` cannot be met.

    :param score: shape (n,), higher means more likely an error: probabilities or log-odds.
    """
    cuts = _cuts(labels, score, weights)
    positives = float(cuts.hits[-1])
    nothing = float(cuts.values[0]) + ABOVE_ALL
    if rule.kind == MIN_PRECISION:
        reached = np.flatnonzero(cuts.precision >= rule.value)
        if not len(reached):
            return math.inf
        best = int(reached[np.argmax(cuts.hits[reached])])
    elif rule.kind == COST:
        cost = rule.value * (positives - cuts.hits) + cuts.false_alarms
        best = int(np.argmin(cost))
        if rule.value * positives <= cost[best]:
            return nothing
    elif rule.kind == FALSE_ALARMS:
        within = np.flatnonzero(cuts.false_alarms <= rule.value * cuts.false_alarms[-1])
        if not len(within):
            return nothing
        best = int(within[-1])
    else:
        best = int(np.argmax(2.0 * cuts.hits / (cuts.hits + cuts.false_alarms + positives)))
    lower = cuts.values[best + 1] if best + 1 < len(cuts.values) else cuts.values[best] - BELOW_ALL
    return float((cuts.values[best] + lower) / 2.0)


@dataclass(frozen=True)
class _Cuts:
    """Every threshold that calls another set of rows an error, highest first.

    :param values: the lowest score that is called an error.
    :param hits: errors at or above it, weighted.
    :param false_alarms: other rows at or above it, weighted.
    """

    values: Floats
    hits: Floats
    false_alarms: Floats

    @property
    def precision(self) -> Floats:
        """Share of errors at or above each value."""
        return np.asarray(self.hits / (self.hits + self.false_alarms), dtype=np.float64)


def _cuts(labels: Labels, score: Floats, weights: Floats | None) -> _Cuts:
    order = np.argsort(-score, kind="stable")
    ordered = score[order]
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    counts = np.ones(len(order)) if weights is None else weights[order]
    errors = labels[order] == 1
    return _Cuts(ordered[last], np.cumsum(counts * errors)[last], np.cumsum(counts * ~errors)[last])
