"""When each device was last heard, and what that makes of it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

import numpy as np

from feature_sets.checks import duration_seconds
from feature_sets.telemetry.schema import TelemetrySchema
from graphs.protocol.device_state import SILENT_AFTER, DeviceState
from graphs.protocol.device_status import DeviceStatus
from graphs.protocol.records import TelemetryRecord
from graphs.state.device_store import Features
from graphs.state.maintenance_calendar import MaintenanceCalendar
from graphs.state.sorted_keys import SortedKeys, after
from graphs.state.static_devices import StaticDevices

FORGOTTEN_SECONDS = 86_400.0
"""After so long without a reading a device that is not registered is forgotten, so that made-up ones do not
fill the memory."""

_NONE: dict[str, Features] = {}
_MANY, _RECOUNT_SECONDS = 10_000, 10.0


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
        self._keys, self._forgotten = SortedKeys(), 0
        self._counted: tuple[float, Counter[DeviceState]] = (-math.inf, Counter())

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

    def all(self, moment: float, behind: str = "") -> Iterator[tuple[str, DeviceState]]:
        """State of every device that is registered or was heard, in order of their keys.

        :param behind: key that all of them come after.
        """
        known = self._known
        keys = self._keys.of(known, self.heard, self._forgotten)
        for place in range(after(keys, behind), len(keys)):
            device = keys[place]
            if device in known or moment - self.heard[device] <= FORGOTTEN_SECONDS:
                yield device, self.now(device, moment)

    def counts(self, moment: float) -> Counter[DeviceState]:
        """How many devices are in each state; of more than 10,000 as they were up to 10 seconds ago."""
        counted, found = self._counted
        is_large = len(self._known) + len(self.heard) > _MANY
        if not (is_large and 0 <= moment - counted < _RECOUNT_SECONDS):
            is_idle = self._calendar is None or self._calendar.is_idle(moment)
            found = self._by_hearing(moment) if is_idle else Counter(state for _, state in self.all(moment))
            self._counted = moment, found
        return Counter(found)

    def _by_hearing(self, moment: float) -> Counter[DeviceState]:
        """The same while no device is in maintenance: by columns, as one by one a million take a second."""
        known, devices = self._known, self._devices
        silences = moment - np.fromiter(self.heard.values(), np.float64, len(self.heard))
        registered = np.fromiter(map(known.__contains__, self.heard), np.bool_, len(self.heard))
        kept = silences[registered | (silences <= FORGOTTEN_SECONDS)]
        silent = int(np.count_nonzero(kept > self._silent_seconds))
        found = Counter({DeviceState.SILENT: silent, DeviceState.REPORTING: len(kept) - silent})
        found[DeviceState.NEW] = len(known) - int(np.count_nonzero(registered))
        for device in devices.ever_retired if devices is not None else ():
            if device in known and self.now(device, moment) is DeviceState.RETIRED:
                found[self._by_silence(device, moment)] -= 1
                found[DeviceState.RETIRED] += 1
        return found

    @property
    def _known(self) -> dict[str, Features]:
        return self._devices.known if self._devices is not None else _NONE

    def forget(self, moment: float) -> None:
        """Give up devices that are not registered and were not heard for long; it changes no state."""
        old = [name for name, heard in self.heard.items() if moment - heard > FORGOTTEN_SECONDS]
        for device in [name for name in old if self._is_forgotten(name, moment)]:
            del self.heard[device]
            self._forgotten += 1

    def _is_forgotten(self, device: str, moment: float) -> bool:
        registered = self._devices is not None and device in self._devices.known
        return not registered and moment - self.heard[device] > FORGOTTEN_SECONDS

    def _by_silence(self, device: str, moment: float) -> DeviceState:
        last = self.heard.get(device)
        if last is None or self._is_forgotten(device, moment):
            return DeviceState.NEW
        return DeviceState.SILENT if moment - last > self._silent_seconds else DeviceState.REPORTING
