"""The states of a label after it was noted."""

from __future__ import annotations

from enum import StrEnum

DEADLINE_SETTING = "NETOPS_LABEL_DEADLINE"
"""Variable that says how late a label may come."""


class LabelStatus(StrEnum):
    """What became of a label."""

    JOINED = "joined"
    """Its prediction was waiting for it."""
    KEPT = "kept"
    """It becomes history and is joined with no prediction.

    The schema excludes it, its device is in maintenance then or within the horizon, or, with a horizon, it is
    the label itself.
    """
    WAITING = "waiting"
    """No prediction yet; it waits until the deadline."""
    DUPLICATE = "duplicate"
    """The same label was there before."""
    CONFLICTING = "conflicting"
    """Another label was there before; it is kept."""
    EXPIRED = "expired"
    """It arrived after the deadline; it never waited, so it is none of the ledger's ``expired_labels``."""
    QUARANTINED = "quarantined"
    """It is about a time that is further ahead of the clock than the tolerance."""
