"""Computed columns of the labels in a history that grows: maintenance, and what is predicted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from feature_sets.ingestion.history.computed import AnyArrival, Ranges, Recomputed
from feature_sets.ingestion.history.horizon_target import HorizonTarget
from feature_sets.labels.maintenance import with_maintenance
from feature_sets.rows.keyed_rows import Bools, KeyedRows
from feature_sets.telemetry.each_horizon import ahead_targets
from feature_sets.telemetry.intervals import Intervals
from feature_sets.telemetry.maintenance_columns import IN_MAINTENANCE
from feature_sets.telemetry.schema import TelemetrySchema


@dataclass(frozen=True)
class LabelColumns(AnyArrival):
    """Whether a device is in maintenance and, with a horizon, what is predicted.

    :param schema: with ``maintenance``.
    :param calendar: when devices are in maintenance, now.
    :param again: times in which the calendar says something else than when the history was written.
    """

    schema: TelemetrySchema
    calendar: Intervals
    again: Ranges = ()

    @property
    def _target(self) -> HorizonTarget | None:
        return HorizonTarget(self.schema) if ahead_targets(self.schema) else None

    @property
    def names(self) -> tuple[str, ...]:
        """Maintenance, and the target of a horizon."""
        return (IN_MAINTENANCE, *(self._target.names if self._target else ()))

    @property
    def inputs(self) -> tuple[str, ...]:
        """What the target is computed from."""
        return self._target.inputs if self._target else ()

    @property
    def behind(self) -> int:
        """As far as the target sees."""
        return self._target.behind if self._target else 0

    @property
    def ahead(self) -> int:
        """As far as the target sees."""
        return self._target.ahead if self._target else 0

    def recompute(self, rows: KeyedRows, added: Bools, is_whole: bool = False) -> Recomputed:
        """Both columns of added rows, of those in ``again``, and of rows whose target may see one of them."""
        looked_at = added.copy()
        for first, end in self.again:
            looked_at |= (rows.micros >= first) & (rows.micros < end)
        frame = with_maintenance(rows.frame, self.schema, self.calendar)
        inside = frame[IN_MAINTENANCE].to_numpy(dtype=np.float64)
        if self._target is None:
            return Recomputed(looked_at, {IN_MAINTENANCE: inside[looked_at]}, np.zeros_like(looked_at))
        found = self._target.recompute(replace(rows, frame=frame), looked_at)
        return replace(found, values={IN_MAINTENANCE: inside[found.changed], **found.values})
