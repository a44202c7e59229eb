"""What telemetry comes in: readings, labels and devices."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from feature_sets.telemetry.calendar import Calendar
from feature_sets.telemetry.incident_rows import IncidentPart
from feature_sets.telemetry.links import GivenLinks
from feature_sets.telemetry.readings import FrameReadings, Readings

VALID_FROM = "valid_from"
"""Column of the static file, if it has one, with the time from which a row holds."""


@dataclass(frozen=True)
class Telemetry:
    """Checked telemetry; every frame has the composed key in the column ``device``.

    :param metrics: ``device``, event time (UTC), the arrival time where the schema names one, then the
        metrics in schema order as float64; NaN is no reading. Sorted by (time, device); each pair occurs
        once.
    :param labels: ``device``, event time (UTC), the label as 0 or 1, then the columns that exclude rows.
        Sorted the same way; each pair occurs once.
    :param static: one row a device, sorted by ``device``: the static columns and those of the population;
        the newest ones, where they changed.
    :param attributes: the same with the time from which each row holds, ``valid_from`` in UTC; NaT is from
        the beginning. None where nobody says from when.
    :param incidents: errors with a start and an end, where the schema has its labels in that form.
    :param restated: devices of which the source says nothing new; they are not in the two frames above.
    :param maintenance: every entry that the source has in its calendar; None where it says nothing of it.
    :param links: what the source says of links between devices; None where it says nothing.
    :param readings: those that are not in memory; ``metrics`` has no row then.
    """

    metrics: pd.DataFrame
    labels: pd.DataFrame
    static: pd.DataFrame
    attributes: pd.DataFrame | None = None
    restated: frozenset[str] = frozenset()
    maintenance: Calendar | None = None
    incidents: IncidentPart | None = None
    readings: Readings | None = None
    links: GivenLinks | None = None

    def all_readings(self, time: str) -> Readings:
        """The readings, wherever they are.

        :param time: column of the event time.
        """
        return FrameReadings(self.metrics, time) if self.readings is None else self.readings

    def loaded(self) -> Telemetry:
        """The same with all readings in memory."""
        if self.readings is None:
            return self
        return replace(self, metrics=self.readings.frame(), readings=None)
