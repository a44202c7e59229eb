"""What every ledger counts, and what is a label from the future to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

_STATES = ("waiting_for_label", "waiting_for_prediction", "joined")


class LedgerCounts:
    """Counts of a ledger: what it remembers by state, and what became of the rest.

    :param tolerance_seconds: how far ahead of the clock the time of a label may be.
    """

    def __init__(self, tolerance_seconds: float) -> None:
        self._tolerance = tolerance_seconds
        self._states: Counter[str] = Counter()
        self.joined = 0
        self.expired: Counter[str] = Counter()
        self.conflicting = 0
        self.contradicted = 0
        """Pairs whose label was told otherwise since; they stay, and the history has what was told."""

    @property
    def states(self) -> dict[str, int]:
        """Records remembered by state."""
        return {name: self._states[name] for name in _STATES}

    @property
    def coverage(self) -> float | None:
        """Share of the predictions that were joined, of those of which it is known; None before the first."""
        known = self.joined + self.expired["waiting_for_label"]
        return self.joined / known if known else None

    def from_future(self, time: float, labeled_at: float) -> bool:
        """Whether a label is about a time further ahead of the clock than the tolerance."""
        return time > labeled_at + self._tolerance

    def saved_counts(self) -> dict[str, Any]:
        """The counts in plain form; ``restore_counts`` reads them back."""
        return {
            "states": dict(self._states),
            "joined": self.joined,
            "expired": dict(self.expired),
            "conflicting": self.conflicting,
            "contradicted": self.contradicted,
        }

    def restore_counts(self, saved: Mapping[str, Any]) -> None:
        """Go on from saved counts."""
        self._states = Counter(saved["states"])
        self.joined = saved["joined"]
        self.expired = Counter(saved["expired"])
        self.conflicting = saved["conflicting"]
        self.contradicted = saved["contradicted"]
