"""The scores of each group of devices: a good one overall may hide a site on which a model is of no use."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.model_package.columns import PROBABILITY
from feature_sets.telemetry.schema import DEVICE
from training.evaluation.scores import classification_scores

GROUP = "group"
COLUMNS = [
    GROUP,
    "devices",
    "rows",
    "positives",
    "base_rate",
    "average_precision",
    "f1",
    "precision",
    "recall",
    "false_alarm_share",
]


def group_scores(
    predictions: pd.DataFrame, label: str, groups: Mapping[str, str], threshold: float
) -> pd.DataFrame:
    """Scores of a model on each group of test rows.

    :param predictions: of an evaluation report.
    :param label: name of the label column.
    :param groups: group of each device; rows of others are in no group.
    :param threshold: of the model.
    :returns: ``COLUMNS``, most errors first.
    """
    rows = [
        row_scores(str(name), of[DEVICE], of[label].to_numpy(), of[PROBABILITY].to_numpy(), threshold)
        for name, of in predictions.groupby(predictions[DEVICE].map(groups), sort=True)
    ]
    return pd.DataFrame(rows, columns=COLUMNS).sort_values(
        "positives", ascending=False, kind="stable", ignore_index=True
    )


def row_scores(
    name: str,
    devices: pd.Series,
    labels: npt.NDArray[np.int8],
    probability: npt.NDArray[np.float64],
    threshold: float,
    weights: npt.NDArray[np.float64] | None = None,
) -> dict[str, object]:
    """Scores of one group: those that need both classes are missing without.

    :param devices: of each row, shape (n,).
    :param labels: 0 or 1, shape (n,).
    :param probability: of an error, shape (n,).
    :param threshold: decision threshold, inclusive.
    :param weights: how many rows each stands for, shape (n,); None for one each.
    """
    counted = np.ones(len(labels)) if weights is None else weights
    healthy, alarm = counted * (labels == 0), probability >= threshold
    facts: dict[str, object] = {
        GROUP: name,
        "devices": devices.nunique(),
        "rows": len(labels),
        "positives": int(labels.sum()),
        "base_rate": float(np.average(labels, weights=counted)),
    }
    if len(np.unique(labels)) == 2:
        scores = classification_scores(labels, probability, threshold, counted)
        facts |= {score: scores[score] for score in ("average_precision", "f1", "precision", "recall")}
    if healthy.any():
        facts["false_alarm_share"] = float(healthy[alarm].sum() / healthy.sum())
    return facts
