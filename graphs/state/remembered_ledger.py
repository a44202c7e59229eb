"""Predictions and labels of devices as a ledger remembers them, by device and by time."""

from __future__ import annotations

from collections.abc import Sequence

from feature_sets.rows.event_micros import event_micros
from graphs.state.due_times import DueTimes, Past
from graphs.state.fleet_clock import NEVER, FleetClock
from graphs.state.ledger_counts import LedgerCounts
from graphs.state.remembered import RememberedDevice
from graphs.state.snapshots.remembered_devices import (
    restored_devices,
    restored_moments,
    saved_devices,
    saved_moments,
)
from graphs.state.snapshots.saved_state import SavedState


class RememberedLedger(LedgerCounts):
    """What the ledger of derived labels remembers. Times are in microseconds.

    :param deadline_seconds: how much later than its event, in event time, a label may come.
    :param tolerance_seconds: how far ahead of the clock the time of a label may be.
    """

    def __init__(self, deadline_seconds: float, tolerance_seconds: float) -> None:
        super().__init__(tolerance_seconds)
        self._deadline = round(deadline_seconds * 1_000_000)
        self._devices: dict[str, RememberedDevice] = {}
        self._by_time = DueTimes()
        self._unlabeled = DueTimes()
        self._size = 0

    def __len__(self) -> int:
        """Predictions and labels remembered."""
        return self._size

    @property
    def oldest(self) -> float | None:
        """Earliest event time that a label may still be about, epoch seconds; None before a prediction."""
        oldest = self._oldest(self.clock.common)
        return None if oldest == NEVER else oldest / 1_000_000

    def _oldest(self, reached: float) -> float:
        """Earliest event time, in microseconds, that a label may still be about when time has come so far."""
        return NEVER if reached == NEVER else event_micros(reached) - self._deadline

    @property
    def earliest(self) -> float | None:
        """Event time of the oldest prediction or label, epoch seconds; None without one."""
        earliest = self._by_time.earliest()
        return None if earliest is None else earliest / 1_000_000

    def frees(self, after: FleetClock) -> bool:
        """Whether a prediction or label would be forgotten if time had come so far."""
        return self._by_time.due(self._past(after, self._deadline)) is not None

    @staticmethod
    def _past(clock: FleetClock, seconds: int) -> Past:
        """What is more than so many microseconds behind a clock."""
        until, own = (
            NEVER if at == NEVER else event_micros(at) - seconds for at in (clock.common, clock.newest)
        )
        return Past(until, clock.leader, own)

    def saved(self, inputs: Sequence[str]) -> SavedState:
        """Everything that is remembered, but for the incidents; ``restore`` goes on from it exactly.

        :param inputs: names of the features of a prediction.
        """
        parts = {
            "devices": saved_devices(self._devices, inputs),
            "unlabeled": saved_moments(list(self._unlabeled)),
        }
        found = SavedState.of_parts(parts)
        found.plain.update(counts=self.saved_counts(), clock=self.clock.saved(), matures=True)
        return found

    def restore(self, state: SavedState, inputs: Sequence[str]) -> None:
        """Remember what was saved.

        :param inputs: names of the features of the model that is served now.
        """
        self._devices = restored_devices(state.part("devices"), inputs)
        unlabeled = restored_moments(state.part("unlabeled"))
        by_time = [
            (at, device)
            for device, known in self._devices.items()
            for times in (known.made, known.told)
            for at in times
        ]
        if "matures" not in state.plain:  # Of a version whose detectors saw an error when it was told.
            made = {(at, of): one for of, known in self._devices.items() for at, one in known.made.items()}
            unlabeled = [each for each in unlabeled if each in made and made[each].is_open]
        self._unlabeled, self._by_time = DueTimes(unlabeled), DueTimes(by_time)
        self._size = len(by_time)
        if "clock" in state.plain:
            self.clock = FleetClock.restored(state.plain)
        else:  # Of an earlier version, in microseconds.
            newest = state.plain["newest"]
            self.clock = FleetClock.restored({"newest": None if newest is None else newest / 1_000_000})
        self.restore_counts(state.plain["counts"])
