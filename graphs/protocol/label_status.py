"""What can become of a label."""

from __future__ import annotations

from enum import StrEnum


class LabelStatus(StrEnum):
    """What became of a label."""

    JOINED = "joined"
    """Its prediction was waiting for it."""
    WAITING = "waiting"
    """No prediction yet; it waits until the deadline."""
    DUPLICATE = "duplicate"
    """The same label came before."""
    CONFLICTING = "conflicting"
    """Another label came before, which is kept."""
    EXPIRED = "expired"
    """It came after the deadline."""
    QUARANTINED = "quarantined"
    """It is about a time that is further ahead of the clock than the tolerance."""
