"""Which labels nothing is learned from: what the schema excludes, and what maintenance covers."""

from __future__ import annotations

from feature_sets.telemetry.cell_text import cell_text, says_the_same
from feature_sets.telemetry.events import LabelEvent, excluding_columns
from feature_sets.telemetry.schema import TelemetrySchema
from graphs.state.maintenance_calendar import MaintenanceCalendar


class ExcludedLabels:
    """Tells them, by what is known of maintenance now.

    :param schema: with its ``exclude_labels``.
    :param calendar: of maintenance; None without one.
    """

    def __init__(self, schema: TelemetrySchema, calendar: MaintenanceCalendar | None) -> None:
        self._calendar, self._horizon_seconds = calendar, schema.horizon_seconds
        self._label = schema.exclude_labels.get(schema.label)
        self._others = tuple(excluding_columns(schema).values())
        self._has_rule = bool(schema.exclude_labels)

    @property
    def is_none(self) -> bool:
        """Whether no label is."""
        return not self._has_rule and (self._calendar is None or not self._calendar.entries)

    def has(self, event: LabelEvent) -> bool:
        """Whether the schema or a maintenance excludes a label."""
        if self.is_none:
            return False
        if self.in_maintenance(event.device, event.time):
            return True
        said = event.observed if self._horizon_seconds else event.label
        if self._label is not None and says_the_same(cell_text(said), self._label):
            return True
        return any(
            says_the_same(cell_text(other), value)
            for other, value in zip(event.others, self._others, strict=False)
        )

    def in_maintenance(self, device: str, time: float) -> bool:
        """Whether a device is in maintenance at a time, or within the horizon after it."""
        calendar = self._calendar
        return calendar is not None and calendar.meets(device, time, self._horizon_seconds)
