"""How good probabilities are against labels, on rows the model has not seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import (
    average_precision_score,
    confusion_matrix,
    precision_recall_fscore_support,
    roc_auc_score,
)

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Scored:
    """What a model or a rule says of some rows.

    :param score: larger means more likely an error, shape (n,); no NaN.
    :param threshold: a row is called an error when its score is at least this.
    :param probability: of an error, shape (n,); 0 or 1 of a rule that only decides.
    """

    score: FloatArray
    threshold: float
    probability: FloatArray

    @property
    def predicted(self) -> npt.NDArray[np.bool_]:
        """Which rows are called an error, shape (n,)."""
        return np.asarray(self.score >= self.threshold)


def classification_scores(
    labels: IntArray, probability: FloatArray, threshold: float, weights: FloatArray | None = None
) -> dict[str, float]:
    """Scores of probabilities and of the decisions they lead to.

    :param labels: 0 or 1, shape (n,), both present.
    :param probability: of an error, shape (n,).
    :param threshold: decision threshold, inclusive.
    :param weights: how many rows each stands for, shape (n,); None for one each.
    :returns: average_precision, roc_auc, f1, precision, recall (0 where nothing is called an error), and the
        four cells of the confusion matrix.
    """
    predicted = (probability >= threshold).astype(np.int8)
    precision, recall, f1, _ = precision_recall_fscore_support(
        labels, predicted, average="binary", zero_division=0.0, sample_weight=weights
    )
    cells = confusion_matrix(labels, predicted, labels=[0, 1], sample_weight=weights)
    return {
        "average_precision": float(average_precision_score(labels, probability, sample_weight=weights)),
        "roc_auc": float(roc_auc_score(labels, probability, sample_weight=weights)),
        "f1": float(f1),
        "precision": float(precision),
        "recall": float(recall),
        "true_negatives": round(float(cells[0, 0])),
        "false_positives": round(float(cells[0, 1])),
        "false_negatives": round(float(cells[1, 0])),
        "true_positives": round(float(cells[1, 1])),
    }


def brier_score(labels: IntArray, probability: FloatArray | float) -> float:
    """Mean squared difference of probability and label; 0 is best.

    G. Brier 1950, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78.

    :param labels: 0 or 1, shape (n,).
    :param probability: of an error, shape (n,), or the same for every row.
    """
    return float(np.mean((probability - labels) ** 2))


def brier_skill(labels: IntArray, probability: FloatArray, rate: float) -> float:
    """How much better the Brier score is than that of a constant: 1 - Brier / Brier of the rate.

    :param labels: 0 or 1, shape (n,).
    :param probability: of an error, shape (n,).
    :param rate: the constant probability, in (0, 1): the share of errors among the training rows.
    :returns: 1 is best, 0 no better than the rate, below 0 worse.
    """
    return 1.0 - brier_score(labels, probability) / brier_score(labels, rate)


def scores_of(labels: IntArray, scored: Scored) -> dict[str, float]:
    """Scores of what a model or a rule says: those of ``classification_scores`` and ``brier``.

    :param labels: 0 or 1, shape (n,), both present.
    """
    return {
        **classification_scores(labels, scored.score, scored.threshold),
        "brier": brier_score(labels, scored.probability),
    }
