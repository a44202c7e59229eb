"""Predictions and labels of devices as a ledger remembers them, by device and by time."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

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
        self._by_time: list[tuple[int, str, bool]] = []
        self._unlabeled: list[tuple[int, str]] = []
        self._newest: int | None = None
        self._size = 0

    def __len__(self) -> int:
        """Predictions and labels remembered."""
        return self._size

    @property
    def newest(self) -> float | None:
        """Event time of the newest prediction, epoch seconds; None before the first."""
        return None if self._newest is None else self._newest / 1_000_000

    @property
    def oldest(self) -> float | None:
        """Earliest event time that a label may still be about, epoch seconds; None before a prediction."""
        return None if self._newest is None else (self._newest - self._deadline) / 1_000_000

    @property
    def earliest(self) -> float | None:
        """Event time of the oldest prediction or label, epoch seconds; None without one."""
        return self._by_time[0][0] / 1_000_000 if self._by_time else None

    def saved(self, inputs: Sequence[str]) -> SavedState:
        """Everything that is remembered, but for the incidents; ``restore`` goes on from it exactly.

        :param inputs: names of the features of a prediction.
        """
        parts = {
            "devices": saved_devices(self._devices, inputs),
            "unlabeled": saved_moments(self._unlabeled),
        }
        found = SavedState.of_parts(parts)
        found.plain.update(counts=self.saved_counts(), newest=self._newest, matures=True)
        return found

    def restore(self, state: SavedState, inputs: Sequence[str]) -> None:
        """Remember what was saved.

        :param inputs: names of the features of the model that is served now.
        """
        self._devices = restored_devices(state.part("devices"), inputs)
        self._unlabeled = restored_moments(state.part("unlabeled"))
        self._by_time = [
            (at, device, is_made)
            for device, known in self._devices.items()
            for is_made, times in ((True, known.made), (False, known.told))
            for at in times
        ]
        if "matures" not in state.plain:  # Of a version whose detectors saw an error when it was told.
            made = {(at, of): one for of, known in self._devices.items() for at, one in known.made.items()}
            self._unlabeled = [each for each in self._unlabeled if each in made and made[each].is_open]
        heapq.heapify(self._unlabeled)
        heapq.heapify(self._by_time)
        self._size = len(self._by_time)
        self._newest = state.plain["newest"]
        self.restore_counts(state.plain["counts"])
