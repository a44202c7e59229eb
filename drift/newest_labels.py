"""How often the newest labels were predicted wrong, where an alert tells of its own moment."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from drift.wrong_devices import WrongDevices

LEAST_NEWEST = 100
"""The error rate of fewer labels says too little."""


@dataclass(frozen=True)
class NewestLabels:
    """The newest labels of a stream, with an open alert those after it alone.

    :param labels: how many.
    :param wrong: how many of them were predicted wrong.
    :param since: event time of the label before the first of them, ISO 8601 UTC.
    :param before: share of wrong labels before the alert that is open, without one that of the base; None if
        it is not known.
    :param devices: of which devices the wrong ones are, while an alert is open; None where nobody knows.
    """

    labels: int
    wrong: int
    since: str
    before: float | None
    devices: WrongDevices | None = None

    @property
    def rate(self) -> float:
        """Share that was predicted wrong."""
        return self.wrong / self.labels

    def to_dict(self) -> dict[str, Any]:
        """Plain content for JSON."""
        return {**asdict(self), "rate": self.rate, "devices": self.devices and self.devices.to_dict()}
