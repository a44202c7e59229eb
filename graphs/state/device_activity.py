"""When each device was last heard, and what that makes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from feature_sets.checks import duration_seconds
from feature_sets.telemetry.schema import TelemetrySchema
from graphs.protocol.device_state import SILENT_AFTER, DeviceState
from graphs.protocol.device_status import DeviceStatus
from graphs.protocol.records import TelemetryRecord
from graphs.state.maintenance_calendar import MaintenanceCalendar
from graphs.state.static_devices import StaticDevices

FORGOTTEN_SECONDS = 86_400.0
"""After so long without a reading a device that is not registered is forgotten, so that made-up ones do not
fill the memory."""


class DeviceActivity:
    """The state of every device, by the clock of the endpoint: a reading is heard when it arrives.

    :param schema: its ``expected_interval`` says when a device is silent; without one none is.
    :param devices: those that are registered; None if nobody says.
    :param calendar: of maintenance; None if the schema has none.
    """

    def __init__(
        self, schema: TelemetrySchema, devices: StaticDevices | None, calendar: MaintenanceCalendar | None
    ) -> None:
        self._devices, self._calendar = devices, calendar
        expected = schema.expected_interval
        self._silent_seconds = SILENT_AFTER * duration_seconds(expected) if expected else float("inf")
        self.heard: dict[str, float] = {}
        """Arrival of the last counted reading of each device, epoch seconds."""

    def found(self, record: TelemetryRecord, arrived: float) -> DeviceState:
        """State in which a reading finds its device: new with its first one, silent after a silence.

        :param arrived: when the reading did, epoch seconds.
        """
        if record.device_status is DeviceStatus.RETIRED:
            return DeviceState.RETIRED
        if record.maintenance is not None:
            return DeviceState.MAINTENANCE
        return self._by_silence(record.event.device, arrived)

    def now(self, device: str, moment: float) -> DeviceState:
        """State of a device at a time by the clock.

        :param moment: epoch seconds, not before the last reading.
        """
        registered = self._devices is not None and device in self._devices.known
        if registered and self._devices.status(device, moment) is DeviceStatus.RETIRED:  # type: ignore[union-attr]
            return DeviceState.RETIRED
        if self._calendar is not None and self._calendar.at(device, moment) is not None:
            return DeviceState.MAINTENANCE
        return self._by_silence(device, moment)

    def all(self, moment: float) -> Iterator[tuple[str, DeviceState]]:
        """State of every device that is registered or was heard, in order of their keys."""
        known: Mapping[str, object] = self._devices.known if self._devices is not None else {}
        for device in sorted({*known, *self.heard}):
            if device in known or moment - self.heard[device] <= FORGOTTEN_SECONDS:
                yield device, self.now(device, moment)

    def forget(self, moment: float) -> None:
        """Give up devices that are not registered and were not heard for long; it changes no state."""
        old = [name for name, heard in self.heard.items() if moment - heard > FORGOTTEN_SECONDS]
        for device in [name for name in old if self._is_forgotten(name, moment)]:
            del self.heard[device]

    def _is_forgotten(self, device: str, moment: float) -> bool:
        registered = self._devices is not None and device in self._devices.known
        return not registered and moment - self.heard[device] > FORGOTTEN_SECONDS

    def _by_silence(self, device: str, moment: float) -> DeviceState:
        last = self.heard.get(device)
        if last is None or self._is_forgotten(device, moment):
            return DeviceState.NEW
        return DeviceState.SILENT if moment - last > self._silent_seconds else DeviceState.REPORTING
