"""What a comparison of a batch with the base data set found: distances and one verdict."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from drift.drift_event import DriftEvent, Severity

Kind = Literal["feature", "prediction", "label", "joint"]


@dataclass(frozen=True)
class ColumnShift:
    """Distance between the base and the batch distribution of one column, or of several jointly.

    :param kind: feature, prediction, label, or joint (several features at once).
    :param name: the column; joint ones joined with `` x ``.
    :param total_variation: 0 to 1.
    :param hellinger: 0 to 1.
    :param kullback_leibler: both directions summed, nats, 0 to ``largest_divergence()``.
    :param jensen_shannon: 0 to 1.
    :param population_stability: 0 or more; see ``drift/distances/population_stability.py``.
    :param wasserstein: in the unit of the column; None if it is no column of numbers.
    :param missing_base: share of missing values in the base; joint ones: of rows with any.
    :param missing_batch: the same of the batch.
    :param expected_by_chance: mean total variation distance of two samples of these sizes without drift.
    :param p_value: share of random divisions in which any column is as extreme; all columns share one risk.
    :param limit: total variation distance from which on this column may be called drift.
    :param drifted: whether it is beyond chance and beyond the limit.
    """

    kind: Kind
    name: str
    total_variation: float
    hellinger: float
    kullback_leibler: float
    jensen_shannon: float
    population_stability: float
    wasserstein: float | None
    missing_base: float
    missing_batch: float
    expected_by_chance: float
    p_value: float
    limit: float
    drifted: bool

    @property
    def excess(self) -> float:
        """Total variation distance above the one expected by chance; negative if below."""
        return self.total_variation - self.expected_by_chance


@dataclass(frozen=True)
class DriftMagnitude:
    """Distances of a batch from the base data set, and the one verdict that everyone uses.

    :param n_base: base rows compared.
    :param n_batch: batch rows compared.
    :param shifts: one per feature, prediction and label, then the joint one; empty without a verdict.
    :param drifted: None if there were not enough rows to say.
    :param reason: why, in words.
    :param rows_needed: rows that each side needs for a verdict.
    """

    n_base: int
    n_batch: int
    shifts: tuple[ColumnShift, ...]
    drifted: bool | None
    reason: str
    rows_needed: int

    @property
    def features(self) -> tuple[ColumnShift, ...]:
        """The features' own distances, in the order they were given."""
        return tuple(shift for shift in self.shifts if shift.kind == "feature")

    @property
    def joint(self) -> ColumnShift | None:
        """Distance of the features' joint distribution, where it was computed."""
        return self._only("joint")

    @property
    def prediction_shift(self) -> ColumnShift | None:
        """Distance of what the model says, where there are predictions."""
        return self._only("prediction")

    @property
    def class_shift(self) -> ColumnShift | None:
        """Distance of the labels, where there are labels."""
        return self._only("label")

    @property
    def feature_mean(self) -> float | None:
        """Mean total variation distance over the features."""
        distances = [shift.total_variation for shift in self.features]
        return sum(distances) / len(distances) if distances else None

    @property
    def feature_max(self) -> ColumnShift | None:
        """The feature that moved furthest by total variation."""
        return max(self.features, key=lambda shift: shift.total_variation, default=None)

    def event(self, event_time: str) -> DriftEvent | None:
        """Make the event to report, of the column that moved furthest; None without drift.

        Severity is by the distance beyond chance; how sure it is counts all columns together.

        :param event_time: event time of the last row of the batch, ISO 8601 with a zone.
        :raises InputError: if that is no time.
        """
        if not self.drifted:
            return None
        worst = max((shift for shift in self.shifts if shift.drifted), key=lambda shift: shift.excess)
        return DriftEvent(
            source="total_variation",
            level="drift",
            event_time=event_time,
            value=worst.total_variation,
            limit=worst.limit,
            n_seen=self.n_batch,
            detail=f"{worst.kind} {worst.name}",
            severity=_severity(worst.excess),
            confidence=1 - worst.p_value,
            sample_labels=self.n_batch,
            reference_labels=self.n_base,
        )

    def to_dict(self) -> dict[str, Any]:
        """Give everything, the summaries included, as plain JSON values."""
        furthest = self.feature_max
        return {
            "drifted": self.drifted,
            "reason": self.reason,
            "n_base": self.n_base,
            "n_batch": self.n_batch,
            "rows_needed": self.rows_needed,
            "feature_mean": self.feature_mean,
            "feature_max": None if furthest is None else furthest.total_variation,
            "feature_max_name": None if furthest is None else furthest.name,
            "shifts": [dataclasses.asdict(shift) for shift in self.shifts],
        }

    def _only(self, kind: Kind) -> ColumnShift | None:
        return next((shift for shift in self.shifts if shift.kind == kind), None)


def _severity(excess: float) -> Severity:
    """By the distance beyond what chance explains: from 0.2 on moderate, from 0.4 on severe."""
    return "severe" if excess >= 0.4 else "moderate" if excess >= 0.2 else "minor"
