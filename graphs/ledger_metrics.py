"""What the ledger tells the world: what waits, what became of the rest, how late labels are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from feature_sets.telemetry.early_incidents import EarlyIncidents
from feature_sets.telemetry.schema import DEVICE
from graphs.protocol.request import Request
from graphs.protocol.times import iso_time
from graphs.state.ahead_join import AheadJoin
from graphs.state.derived_ledger import DerivedLedger
from graphs.state.ledger import PredictionLedger
from graphs.state.ledger_counts import Conflict
from graphs.state.serving_metrics import ServingMetrics


def show_ledger(
    metrics: ServingMetrics,
    ledger: PredictionLedger | DerivedLedger,
    ahead: AheadJoin | None,
    early: EarlyIncidents | None,
) -> None:
    """Have the metrics read a ledger, and what waits for what follows it."""

    def states() -> dict[tuple[str, ...], float]:
        known: dict[tuple[str, ...], float] = {(state,): count for state, count in ledger.states.items()}
        if early is not None:
            known["incident_waiting_for_start",] = len(early)
        return known if ahead is None else {**known, ("waiting_for_what_follows",): len(ahead)}

    def outcomes() -> dict[tuple[str, ...], float]:
        early_ones: dict[tuple[str, ...], float] = {}
        if early is not None:
            early_ones = {("forgotten_incident",): early.forgotten, ("refused_end",): early.refused_ends}
        return {
            **early_ones,
            ("joined",): ledger.joined,
            ("expired",): ledger.expired["waiting_for_label"],
            ("expired_label",): ledger.expired["waiting_for_prediction"],
            ("conflicting",): ledger.conflicting,
            ("conflicting_reading",): ledger.conflicting_readings,
        }

    def coverage() -> dict[tuple[str, ...], float]:
        known = ledger.coverage
        return {} if known is None else {(): known}

    metrics.ledger.read, metrics.ledger_outcomes.read, metrics.coverage.read = states, outcomes, coverage


def count_pairs(metrics: ServingMetrics, request: Request) -> None:
    """Count the pairs that a request completed; how late they are is told of live ones alone."""
    if not request.pairs:
        return
    right = sum(pair.made.prediction == pair.label for pair in request.pairs)
    for outcome, count in (("yes", right), ("no", len(request.pairs) - right)):
        if count:
            metrics.pairs.labels(outcome).inc(count)
    delays = [pair.labeled_at - pair.predicted_at for pair in request.pairs]
    early = sum(delay < 0 for delay in delays)
    if early:
        metrics.early.inc(early)
    if request.started:
        histogram = metrics.join_delay.of()
        for delay in delays:
            histogram.observe(delay)


def told_early_incidents(early: EarlyIncidents | None) -> dict[str, int]:
    """What ``GET /labeled`` says of incidents that wait for their start; nothing where there can be none."""
    if early is None:
        return {}
    return {
        "incidents_waiting_for_start": len(early),
        "forgotten_incidents": early.forgotten,
        "refused_ends": early.refused_ends,
    }


def told_exclusions(metrics: ServingMetrics) -> dict[str, int]:
    """What ``GET /labeled`` says of what is kept out of the pairs, by the names of the metrics."""
    of = {
        "suppressed_predictions": metrics.suppressed,
        "excluded_pairs": metrics.excluded_pairs,
        "outside_population": metrics.outside_population,
    }
    return {name: int(sum(count for _, count in family.counts())) for name, family in of.items()}


def told_ledger(ledger: PredictionLedger | DerivedLedger, time: str) -> dict[str, Any]:
    """What ``GET /labeled`` says of a ledger.

    :param time: name of the event-time column.
    """
    states = ledger.states
    return {
        "waiting": states["waiting_for_label"],
        "waiting_for_prediction": states["waiting_for_prediction"],
        "joined": ledger.joined,
        "expired": ledger.expired["waiting_for_label"],
        # Those that came first and waited in vain; one that comes too late is ``LabelStatus.EXPIRED``.
        "expired_labels": ledger.expired["waiting_for_prediction"],
        "conflicting": ledger.conflicting,
        "conflicts": _told_conflicts(ledger.conflicts, time),
        "contradicted": ledger.contradicted,
        "late_labels": ledger.late,
        "late_by_seconds": ledger.late_by,
        "remembered": len(ledger),
        "newest_event_time": None if ledger.newest is None else iso_time(ledger.newest),
    }


def _told_conflicts(conflicts: Iterable[Conflict], time: str) -> list[dict[str, Any]]:
    """Conflicts as people read them, the newest last."""
    return [
        {
            DEVICE: each.device,
            time: iso_time(each.time),
            "kept": each.kept,
            "other": each.other,
            "told_at": iso_time(each.told_at),
        }
        for each in conflicts
    ]
