"""Readings that need somebody to look at them: not taken because of their time, or in a doubtful unit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.windows import event_status
from graphs.protocol.request import Request
from graphs.protocol.telemetry_columns import columns_of
from graphs.protocol.times import iso_time
from graphs.state.live_units import LiveUnits
from graphs.state.serving_metrics import ServingMetrics
from graphs.state.snapshots.saved_state import SavedState
from graphs.state.untaken_readings import UntakenReadings

_NAMED = 10
"""Devices whose readings are not taken that are named, of each reason."""


class DoubtfulReadings:
    """Notes them by what the windows made of each reading, live or replayed.

    :param schema: of the readings.
    :param metrics: that show them.
    :param moment: gives the time by the clock of the endpoint, epoch seconds.
    """

    def __init__(self, schema: TelemetrySchema, metrics: ServingMetrics, moment: Callable[[], float]) -> None:
        self._moment = moment
        self._untaken, self._units = UntakenReadings(), LiveUnits(schema)
        metrics.untaken_devices.read = lambda: {
            (status,): count for status, count in self._untaken.counts(moment()).items()
        }
        metrics.unit_suspicions.read = lambda: {
            (metric,): count for metric, count in self._units.counts().items()
        }

    def take(self, request: Request) -> None:
        """Note readings; nearly always there is nothing to note."""
        columns, untaken, units = columns_of(request.telemetry), self._untaken, self._units
        if columns is None:
            for index, record in enumerate(request.telemetry):
                event, status = record.event, record.status
                if not untaken.is_idle((status,)):
                    untaken.take(event.device, status, event.time, request.arrived(index))
                if status in event_status.COUNTED and units.wants(event.device, event.time):
                    units.take(event.device, event.time, event.metrics)
            return
        devices, times, statuses = columns.plain.devices, columns.plain.times, columns.statuses
        if not untaken.is_idle(statuses):
            for device, time, status in zip(devices, times, statuses, strict=True):
                untaken.take(device, status, time, request.arrival)
        if units.is_idle(devices, max(times)):
            return
        values = columns.plain.values
        for place, (device, time, status) in enumerate(zip(devices, times, statuses, strict=True)):
            if status in event_status.COUNTED and units.wants(device, time):
                units.take(device, time, {name: values[name][place] for name in units.columns})

    def settle(self) -> None:
        """Look at what was taken, while nobody waits for an answer."""
        self._units.settle()

    def told(self) -> dict[str, Any]:
        """Answer of ``GET /readings``."""
        moment = self._moment()
        return {
            "at": iso_time(moment),
            "untaken_devices": self._untaken.counts(moment),
            "untaken": self._untaken.told(moment, _NAMED),
            "units": self._units.told(),
        }

    def saved(self) -> SavedState:
        """All of it."""
        return SavedState({"untaken": self._untaken.saved()}).with_part("units", self._units.saved())

    def restore(self, state: SavedState) -> None:
        """Go on from what ``saved`` gave; a snapshot of an earlier release has nothing."""
        self._untaken.restore(state.plain.get("untaken", {}))
        self._units.restore(state.part("units"))
