"""What kind of drift it is: the readings moved, the share of errors did, or what readings mean did.

With x the features and y the label (J. G. Moreno-Torres et al. 2012, "A unifying view on dataset shift in
classification", Pattern Recognition 45 (1), 521-530):

- data drift: p(x) moved, and the model is as often right as before (covariate shift);
- label shift: p(y) moved, and within each class p(x | y) did not (prior probability shift);
- concept drift: the model is more often wrong although p(x) did not move, so p(y | x) did.

Where the features moved and the model is more often wrong, rows alone do not say whether p(y | x) moved too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from drift.magnitude import drift_magnitude
from drift.shift import ColumnShift, DriftMagnitude

NONE, DATA, LABEL, CONCEPT = "no drift", "data drift", "label shift", "concept drift"
BOTH = "data drift with more errors"
UNKNOWN = "not enough data"


@dataclass(frozen=True)
class KindOfDrift:
    """What kind, and why.

    :param kind: ``no drift``, ``data drift``, ``label shift``, ``concept drift``, ``data drift with more
        errors``, or ``not enough data``.
    :param reason: in words.
    """

    kind: str
    reason: str


def kind_of_drift(
    base: pd.DataFrame,
    batch: pd.DataFrame,
    features: Sequence[str],
    label: str,
    found: DriftMagnitude,
    errors_rose: bool,
    **how: Any,
) -> KindOfDrift:
    """Name the drift of a batch.

    :param base: see ``drift_magnitude``.
    :param batch: the same.
    :param features: feature columns.
    :param label: column of labels.
    :param found: what was found of these frames.
    :param errors_rose: whether detectors found that the model is more often wrong.
    :param how: arguments of the comparison within each class, see ``drift_magnitude``.
    """
    if found.drifted is None:
        if errors_rose:
            return KindOfDrift(UNKNOWN, f"the model is more often wrong; {found.reason}")
        return KindOfDrift(UNKNOWN, found.reason)
    moved = [shift for shift in found.shifts if shift.kind in ("feature", "joint") and shift.drifted]
    labels = found.class_shift
    if labels is not None and labels.drifted:
        within = _moved_within(base, batch, features, label, how)
        if within is not None and not within:
            return KindOfDrift(LABEL, f"{labels} moved, and no feature among rows of one {label}")
    if moved and errors_rose:
        return KindOfDrift(BOTH, f"{_named(moved)} moved, and the model is more often wrong")
    if moved:
        return KindOfDrift(DATA, f"{_named(moved)} moved, and the model is as often right as before")
    if errors_rose or (labels is not None and labels.drifted):
        what = "the model is more often wrong" if errors_rose else f"{labels} moved"
        return KindOfDrift(CONCEPT, f"{what}, and no feature moved")
    predictions = found.prediction_shift
    if predictions is not None and predictions.drifted:
        return KindOfDrift(DATA, f"{predictions} moved, though no feature did by itself")
    return KindOfDrift(NONE, found.reason)


def _moved_within(
    base: pd.DataFrame, batch: pd.DataFrame, features: Sequence[str], label: str, how: dict[str, Any]
) -> list[str] | None:
    """Features that moved among rows of one label; None where no label has enough rows."""
    moved: list[str] = []
    verdicts = 0
    for value in sorted(set(base[label].dropna()) & set(batch[label].dropna())):
        found = drift_magnitude(base[base[label] == value], batch[batch[label] == value], features, **how)
        verdicts += found.drifted is not None
        moved += [shift.name for shift in found.features if shift.drifted]
    return moved if verdicts else None


def _named(moved: Sequence[ColumnShift]) -> str:
    """The first columns, each with the share that moved if its distance did not: missing readings, say."""
    more = f" and {len(moved) - 2} more" if len(moved) > 2 else ""
    names = [shift.name if shift.by_distance else f"{shift.name} {shift.moved_share}" for shift in moved[:2]]
    return f"{', '.join(names)}{more}"
