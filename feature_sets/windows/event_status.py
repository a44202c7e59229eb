"""What became of an event that arrived at the windows; ``take`` in ``kernel.py`` decides all but the last."""

from __future__ import annotations

COLUMN = "event_status"
"""Name of the column, or the field, that says it."""

ACCEPTED = "accepted"
"""Counted in its windows; not older than the newest event of its device."""

LATE = "late"
"""Counted too, though older than the newest event; the row shows the device's current windows."""

DUPLICATE = "duplicate"
"""Not counted: this device and time were counted before."""

TOO_LATE = "too_late"
"""Not counted: older than the allowed lateness behind the newest bucket of its device."""

QUARANTINED = "quarantined"
"""Not counted: further ahead of the clock than the tolerance; it moves nothing."""

CONFLICTING = "conflicting"
"""Not counted, as a duplicate, and it has other values than the one that was; who keeps that one tells."""

OF_WINDOWS = (ACCEPTED, LATE, DUPLICATE, TOO_LATE, QUARANTINED)
"""Those that windows tell, in the order of ``kernel.py``."""

STATUSES = (*OF_WINDOWS, CONFLICTING)

COUNTED = (ACCEPTED, LATE)
"""Statuses with features; the others have NaN in every feature."""
