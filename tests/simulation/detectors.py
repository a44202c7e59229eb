"""What watches the labels in a simulated history: quick to find, with short incidents."""

from __future__ import annotations

from drift.detectors.ddm import DDM
from drift.detectors.page_hinkley import PageHinkley
from drift.grouped_monitor import GroupedMonitor
from drift.incident_outcomes import IncidentOutcomes
from drift.missed_incidents import MissedIncidents
from drift.missed_limit import Base
from drift.monitor import DriftMonitor

WATCHED_OF = 3
"""Of so many histories one gives each champion detectors: else a change of the routing detaches them."""

DETECTORS = GroupedMonitor(
    DriftMonitor([DDM(min_instances=5), PageHinkley(min_instances=5, threshold=3)], cool_down=5),
    missed=MissedIncidents(IncidentOutcomes(gap=1, together=1, wait=2), Base(30, 30)),
).to_dict()
