"""How good probabilities are against labels, on rows the model has not seen."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.metrics import (
    average_precision_score,
    confusion_matrix,
    precision_recall_curve,
    precision_recall_fscore_support,
    roc_auc_score,
)

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int8]


def best_f1_threshold(labels: IntArray, probability: FloatArray) -> float:
    """Decision threshold with the highest F1: a row is an error when its probability is at least this.

    The threshold lies halfway between the lowest probability that is called an error and the next lower
    one, so a rounding in the last digit of a probability changes no decision on these rows.

    :param labels: 0 or 1, shape (n,), both present.
    :param probability: of an error, shape (n,).
    """
    precision, recall, thresholds = precision_recall_curve(labels, probability)
    denominator = precision[:-1] + recall[:-1]
    f1 = np.divide(
        2.0 * precision[:-1] * recall[:-1],
        denominator,
        out=np.zeros_like(denominator),
        where=denominator > 0,
    )
    best = int(np.argmax(f1))
    lower = thresholds[best - 1] if best > 0 else thresholds[best]
    return float((float(thresholds[best]) + float(lower)) / 2.0)


def classification_scores(labels: IntArray, probability: FloatArray, threshold: float) -> dict[str, float]:
    """Scores of probabilities and of the decisions they lead to.

    :param labels: 0 or 1, shape (n,), both present.
    :param probability: of an error, shape (n,).
    :param threshold: decision threshold, inclusive.
    :returns: average_precision, roc_auc, f1, precision, recall (0 where nothing is called an error), and the
        four cells of the confusion matrix.
    """
    predicted = (probability >= threshold).astype(np.int8)
    precision, recall, f1, _ = precision_recall_fscore_support(
        labels, predicted, average="binary", zero_division=0.0
    )
    cells = confusion_matrix(labels, predicted, labels=[0, 1])
    return {
        "average_precision": float(average_precision_score(labels, probability)),
        "roc_auc": float(roc_auc_score(labels, probability)),
        "f1": float(f1),
        "precision": float(precision),
        "recall": float(recall),
        "true_negatives": int(cells[0, 0]),
        "false_positives": int(cells[0, 1]),
        "false_negatives": int(cells[1, 0]),
        "true_positives": int(cells[1, 1]),
    }
