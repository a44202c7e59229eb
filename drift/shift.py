"""What a comparison of a batch with the base data set found: distances and one verdict."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from drift.change_size import severity_of
from drift.drift_event import SEVERITIES, DriftEvent, Severity
from drift.share_text import percent

Kind = Literal["feature", "prediction", "label", "joint"]
Verdict = Literal["moved", "not_moved", "no_verdict"]

_TINY = 1e-12
_WIDE = 0.3
"""Limit of a column from which on it is told beside "no drift" that less of it would not have been seen."""


@dataclass(frozen=True)
class ShareShift:
    """How much a share of one column has changed.

    :param what: that its rows have in common, such as ``= 1``, ``is missing``, ``is above 12.5`` or ``is a
        category that the base does not have``.
    :param base: share of the rows of the base, 0 to 1.
    :param batch: the same of the batch.
    :param limit: share of the batch from which on it may be called moved, in the direction in which it is.
    :param p_value: as that of a column, of which all share one risk with all shares.
    :param moved: whether that is beyond chance and beyond the least change; None without a verdict.
    :param of_errors: whether it is the share of wrong predictions, which moves only if it rises.
    """

    what: str
    base: float
    batch: float
    limit: float
    p_value: float | None
    moved: bool | None
    of_errors: bool = False

    @property
    def change(self) -> float:
        """By how much it has changed, whichever way."""
        return abs(self.batch - self.base)

    def __str__(self) -> str:
        return f"{self.what}: {percent(self.base)} to {percent(self.batch)}"


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
        None if there is too little of the column for a verdict on its distance.
    :param limit: total variation distance from which on this column may be called drift.
    :param drifted: whether its distance, or one of its shares, is beyond chance and beyond the limit; None if
        no share is, and there is no verdict on the distance.
    :param by_distance: whether its distance is.
    :param shares: what is looked at of its values by itself, see ``drift/shares.py``.
    :param reason: why there is no verdict, in words; empty if there is one.
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
    p_value: float | None
    limit: float
    drifted: bool | None
    by_distance: bool = False
    shares: tuple[ShareShift, ...] = ()
    reason: str = ""

    @property
    def verdict(self) -> Verdict:
        """What is said of it: a column without a verdict may have moved as well as not."""
        if self.drifted is None:
            return "no_verdict"
        return "moved" if self.drifted else "not_moved"

    @property
    def is_far(self) -> bool:
        """Whether its distance is beyond the limit, be it by chance or not."""
        return self.total_variation >= self.limit

    @property
    def moved_by_itself(self) -> bool:
        """Whether its own values moved, not only how many of the predictions are wrong."""
        return self.by_distance or any(share.moved for share in self.shares if not share.of_errors)

    @property
    def moved_share(self) -> ShareShift | None:
        """The share that changed most of those that moved; of two classes, the one that is more."""
        moved = [share for share in self.shares if share.moved]
        return max(moved, key=lambda one: (round(one.change, 9), one.batch > one.base), default=None)

    @property
    def severity(self) -> Severity | None:
        """How much the move matters: by the distance beyond chance, or the change of the share.

        That of a class is judged as an error rate is, see ``severity_of``. None if nothing moved.
        """
        found = [_severity(self.excess)] if self.by_distance else []
        share = self.moved_share
        if share is not None:
            classes = self.kind in ("label", "prediction")
            found.append(severity_of(share.base, share.batch) if classes else _severity(share.change))
        return max(found, key=SEVERITIES.index, default=None)

    @property
    def weight(self) -> tuple[int, float]:
        """By which moves are put in order, the heaviest last; of what has not moved, below all others."""
        share, severity = self.moved_share, self.severity
        beyond = max(self.excess, share.change if share is not None else 0.0)
        return (-1 if severity is None else SEVERITIES.index(severity)), beyond

    def __str__(self) -> str:
        share = self.moved_share
        if share is None or self.by_distance:
            more = "" if share is None else f" ({share})"
            return f"{self.kind} {self.name} {self.total_variation:.2f}{more}"
        return f"{self.kind} {self.name} {share}"

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
    :param block_rows: consecutive rows that were dealt out together.
    :param warnings: what lessens the verdict, and what to do about it, in words.
    """

    n_base: int
    n_batch: int
    shifts: tuple[ColumnShift, ...]
    drifted: bool | None
    reason: str
    rows_needed: int
    block_rows: int = 1
    warnings: tuple[str, ...] = ()

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
    def errors_rose(self) -> bool:
        """Whether a larger share of predictions is wrong than in the base."""
        shares = self.prediction_shift.shares if self.prediction_shift is not None else ()
        return any(share.moved for share in shares if share.of_errors)

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

    def event(self, event_time: str, where: str = "") -> DriftEvent | None:
        """Make the event to report, of the column whose move is heaviest; None without drift.

        Its source is ``total_variation``, with the distance; or ``share``, with the share of the batch, if
        only that has moved. How sure it is counts all columns together.

        :param event_time: event time of the last row of the batch, ISO 8601 with a zone.
        :param where: on which devices a feature moved, in words; empty where nobody knows.
        :raises InputError: if that is no time.
        """
        if not self.drifted:
            return None
        worst = max((shift for shift in self.shifts if shift.drifted), key=lambda shift: shift.weight)
        share = worst.moved_share
        detail, p_values = f"{worst.kind} {worst.name}", [worst.p_value]
        source, value, limit = "total_variation", worst.total_variation, worst.limit
        if share is not None:
            detail = f"{detail} {share}"
            p_values.append(share.p_value)
            if not worst.by_distance:
                source, value, limit = "share", share.batch, share.limit
        return DriftEvent(
            source=source,
            level="drift",
            event_time=event_time,
            value=value,
            limit=limit,
            n_seen=self.n_batch,
            detail=f"{detail}; {where}" if where else detail,
            severity=worst.severity,
            confidence=1 - min(known for known in p_values if known is not None),
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
            "block_rows": self.block_rows,
            "warnings": list(self.warnings),
            "feature_mean": self.feature_mean,
            "feature_max": None if furthest is None else furthest.total_variation,
            "feature_max_name": None if furthest is None else furthest.name,
            "feature_max_verdict": None if furthest is None else furthest.verdict,
            "shifts": [{**dataclasses.asdict(shift), "verdict": shift.verdict} for shift in self.shifts],
        }

    def _only(self, kind: Kind) -> ColumnShift | None:
        return next((shift for shift in self.shifts if shift.kind == kind), None)


def reason_of(shifts: Sequence[ColumnShift]) -> str:
    """The verdict on some columns, in words, with the heaviest moves first."""
    moved = sorted((shift for shift in shifts if shift.drifted), key=lambda shift: shift.weight, reverse=True)
    if moved:
        return f"{len(moved)} of {len(shifts)} columns moved: {', '.join(map(str, moved[:3]))}"
    furthest = max(shifts, key=lambda shift: shift.total_variation / max(shift.limit, _TINY))
    told = f"{furthest} ({furthest.expected_by_chance:.2f} by chance, the limit is {furthest.limit:.2f})"
    widest = max(shifts, key=lambda shift: 0.0 if shift.kind == "joint" else shift.limit)
    blind = ""
    if widest.limit >= _WIDE and widest.kind != "joint":
        blind = f"; {widest.kind} {widest.name} counts only from {widest.limit:.2f} on"
    return f"none of {len(shifts)} columns moved; furthest: {told}{blind}"


def _severity(excess: float) -> Severity:
    """By the distance beyond what chance explains: from 0.2 on moderate, from 0.4 on severe."""
    return "severe" if excess >= 0.4 else "moderate" if excess >= 0.2 else "minor"
