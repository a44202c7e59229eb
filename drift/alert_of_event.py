"""The alert that a drift event tells of, to be held against labels of another model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drift.alert import USUAL, Alert
from drift.drift_event import SEVERITIES, tells_both_rates


def alert_of(event: Mapping[str, Any], inflation: float = 1.0) -> Alert | None:
    """What ends the alert of a drift, as its event tells it; None where that does not tell both its rates.

    :param event: see ``DriftEvent``, of a detector of the error rate.
    :param inflation: by how much the errors that are held against it vary more than independent ones.
    """
    if not tells_both_rates(event):
        return None
    before, rate = event["reference_rate"], event["sample_rate"]
    return Alert(
        id=str(event.get("alert") or ""),
        source=str(event["source"]),
        raised=str(event["event_time"]),
        raised_at=0,
        onset=str(event.get("onset") or event["event_time"]),
        severity=event.get("severity") or SEVERITIES[0],
        rate_before=before,
        rate=rate,
        lower_limit=USUAL.limit(before, rate),
        labels_before=event.get("reference_labels") or 0,
        told_labels=event.get("sample_labels") or 0,
        inflation=inflation,
    )
