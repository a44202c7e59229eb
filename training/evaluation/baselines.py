"""What a user gets without a model: the scores every model is shown beside."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import average_precision_score

from feature_sets.checks import InputError
from training.dataset.column_medians import column_medians
from training.dataset.stratified_sample import ONE_EACH, ClassWeights
from training.decision.threshold_rules import MAX_F1, ThresholdRule, find_threshold
from training.evaluation.scores import Scored

MODEL = "model"
MAJORITY_CLASS = "majority_class"
SINGLE_FEATURE = "single_feature"
"""Names of the scorers of an evaluation."""
_HIGHEST_F1 = ThresholdRule(MAX_F1)


@dataclass(frozen=True)
class SingleFeatureRule:
    """The rule "a high (or low) value of one feature is an error".

    :param feature: its name.
    :param sign: 1 if high values mean an error, -1 if low ones do.
    :param threshold: on ``sign * feature``, inclusive; infinity where none meets the rule that chooses it.
    :param imputation: value of a missing reading: the training part's median.
    """

    feature: str
    sign: int
    threshold: float
    imputation: float

    def score(self, rows: pd.DataFrame) -> npt.NDArray[np.float64]:
        """``sign * feature`` of each row; larger means more likely an error."""
        values = rows[self.feature].to_numpy(dtype=np.float64, na_value=np.nan)
        return float(self.sign) * np.where(np.isnan(values), self.imputation, values)

    def __str__(self) -> str:
        """The rule in words."""
        if math.isinf(self.threshold):
            level = "high" if self.sign > 0 else "low"
            return f"{level} {self.feature} (no threshold is precise enough)"
        comparison, bound = (">=", self.threshold) if self.sign > 0 else ("<=", -self.threshold)
        return f"{self.feature} {comparison} {bound:.6g}"


def best_single_feature(
    rows: pd.DataFrame,
    names: Sequence[str],
    label: str,
    weights: ClassWeights = ONE_EACH,
    chosen_by: ThresholdRule = _HIGHEST_F1,
) -> SingleFeatureRule:
    """The single feature and direction with the highest average precision on the training part.

    Its threshold is the one that the rule chooses there, by default the one with the highest F1.

    :param rows: training part only, both classes present.
    :param names: candidates, each with at least one reading; ties go to the first.
    :param label: name of the label column.
    :param weights: how many rows each stands for.
    :param chosen_by: rule of the threshold.
    """
    labels = rows[label].to_numpy()
    counted = weights.of(labels)
    best: tuple[float, SingleFeatureRule] | None = None
    for name in names:
        values = rows[name].to_numpy(dtype=np.float64, na_value=np.nan)
        median = float(column_medians(values[:, None])[0])
        for sign in (1, -1):
            rule = SingleFeatureRule(name, sign, 0.0, median)
            precision = float(average_precision_score(labels, rule.score(rows), sample_weight=counted))
            if best is None or precision > best[0]:
                best = (precision, rule)
    if best is None:
        raise InputError("single-feature baseline", "must have at least one feature", list(names))
    rule = best[1]
    threshold = find_threshold(chosen_by, labels, rule.score(rows), counted)
    return SingleFeatureRule(rule.feature, rule.sign, threshold, rule.imputation)


def baselines(
    train: pd.DataFrame,
    test: pd.DataFrame,
    names: Sequence[str],
    label: str,
    weights: ClassWeights = ONE_EACH,
    rule: ThresholdRule = _HIGHEST_F1,
) -> tuple[dict[str, Scored], SingleFeatureRule]:
    """What both baselines say of the test part; both are fixed on the training part.

    :param weights: how many rows each row of the training part stands for.
    :param rule: chooses the threshold, as that of the model.
    :returns: (``majority_class`` and ``single_feature`` -> scores, decisions and, because a baseline has no
        probabilities, the decisions as 0 or 1; the single-feature rule).
    """
    majority = np.full(len(test), float(weights.share(train[label].to_numpy()) >= 0.5))
    single = best_single_feature(train, names, label, weights, rule)
    score = single.score(test)
    return {
        MAJORITY_CLASS: Scored(majority, 0.5, majority),
        SINGLE_FEATURE: Scored(score, single.threshold, (score >= single.threshold).astype(np.float64)),
    }, single
