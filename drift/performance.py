"""How well a model does: counted from labels, or estimated from its probabilities while labels are missing.

The estimate is that of Kivimäki et al. 2025, "Confidence-based Estimators for Predictive Performance in Model
Monitoring", Journal of Artificial Intelligence Research 82 (NannyML's CBPE): a row counts as an error by as
much as its probability says, and as none by the rest. A label is a probability of which nothing is left open.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from feature_sets.checks import InputError, check_integer, check_number

Floats = npt.NDArray[np.float64]

LEAST_ROWS = 300
LEAST_OF_EACH = 10
"""Fewest rows, and fewest errors and rows without one, that scores are told of."""


class Performance(NamedTuple):
    """Scores of a model on some rows.

    A score is None where it is not defined, such as precision without an alarm.

    :param rows: how many there are.
    :param errors: how many of them are errors; the expected number of an estimate.
    :param roc_auc: area under the ROC curve.
    :param average_precision: area under the steps of precision over recall.
    :param f1: of the alarms, as the next two.
    :param precision: share of alarms that are errors.
    :param recall: share of errors that are alarms.
    """

    rows: int
    errors: float
    roc_auc: float | None
    average_precision: float | None
    f1: float | None
    precision: float | None
    recall: float | None

    @property
    def is_enough(self) -> bool:
        """Whether there are enough rows of both classes for the scores to say something."""
        return self.rows >= LEAST_ROWS and min(self.errors, self.rows - self.errors) >= LEAST_OF_EACH

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON; instead of the scores of too few rows ``not_enough_data``."""
        if self.is_enough:
            return self._asdict()
        rule = f"at least {LEAST_ROWS} rows, {LEAST_OF_EACH} of them errors and {LEAST_OF_EACH} not"
        return {"rows": self.rows, "errors": self.errors, "not_enough_data": rule}

    @classmethod
    def from_dict(cls, field: str, saved: Any) -> Performance:
        """Read what ``to_dict`` gave.

        :raises InputError: unless it has the scores, each a number between 0 and 1 or null.
        """
        if not isinstance(saved, Mapping) or set(saved) != set(cls._fields):
            raise InputError(field, f"must be an object with {', '.join(cls._fields)}", saved)
        rows = check_integer(f"{field}.rows", saved["rows"], at_least=0)
        errors = check_number(f"{field}.errors", saved["errors"], at_least=0, at_most=rows)
        scores = [
            None
            if saved[name] is None
            else check_number(f"{field}.{name}", saved[name], at_least=0, at_most=1)
            for name in cls._fields[2:]
        ]
        return cls(rows, errors, *scores)


def performance(probability: Floats, score: Floats, alarms: npt.NDArray[np.bool_]) -> Performance:
    """Expected scores of rows of which each is an error with a known probability; NaN counts in no row.

    >>> labels, score = np.array([1.0, 0.0, 1.0]), np.array([0.9, 0.2, 0.6])
    >>> performance(labels, score, score > 0.7).recall
    0.5

    :param probability: of an error, shape (n,), 0 to 1; labels give what was, calibrated probabilities what
        is to be expected.
    :param score: what rows are ranked by, shape (n,).
    :param alarms: whether the model predicted an error, shape (n,).
    """
    known = ~(np.isnan(probability) | np.isnan(score))
    probability, score, alarms = probability[known], score[known], alarms[known]
    rows, errors = len(probability), float(probability.sum())
    alarmed, hits = int(alarms.sum()), float(probability[alarms].sum())
    auc = precision_area = None
    if 0.0 < errors < rows:
        order = np.argsort(-score, kind="stable")
        # Rows of one score stand on one point of the curves.
        ends = np.append(np.diff(score[order]) != 0.0, True)
        above = np.flatnonzero(ends) + 1
        found = np.cumsum(probability[order])[ends]
        fresh = np.diff(found, prepend=0.0)
        healthy = np.diff(above - found, prepend=0.0)
        auc = float((healthy * (found - fresh / 2.0)).sum() / (errors * (rows - errors)))
        precision_area = float((fresh * found / above).sum() / errors)
    return Performance(
        rows,
        errors,
        _share(auc),
        _share(precision_area),
        _share(2.0 * hits / (alarmed + errors) if alarmed + errors else None),
        _share(hits / alarmed if alarmed else None),
        _share(hits / errors if errors else None),
    )


def _share(value: float | None) -> float | None:
    """A share within 0 and 1: sums of rounded numbers may leave it by a hair."""
    return None if value is None else min(1.0, max(0.0, value))
