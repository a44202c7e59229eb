"""What became of an incident, and of the predictions in it."""

from __future__ import annotations

from dataclasses import dataclass

from feature_sets.telemetry.incident_events import IncidentStatus
from graphs.protocol.records import LabeledPair


@dataclass(frozen=True)
class Changed:
    """What became of an incident.

    :param status: of it.
    :param labeled: predictions that it labeled as errors now.
    :param too_late: predictions in it that were taken as healthy before.
    :param pairs: that are complete now.
    :param is_late: whether it is new, and began before what is taken as healthy by now.
    """

    status: IncidentStatus
    labeled: int
    too_late: int
    pairs: list[LabeledPair]
    is_late: bool = False
