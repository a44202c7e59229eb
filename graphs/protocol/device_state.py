"""What a device is doing: the states that answers, ``GET /devices`` and metrics tell."""

from __future__ import annotations

from enum import StrEnum

SILENT_AFTER = 3
"""Expected intervals without a reading after which a device is silent."""


class DeviceState(StrEnum):
    """The first that fits, in this order."""

    RETIRED = "retired"
    """Retired, by the time of the event or now."""
    MAINTENANCE = "maintenance"
    """The calendar has it in maintenance: it raises no alarm, and nothing is learned from it."""
    NEW = "new"
    """It has sent nothing yet to this endpoint."""
    SILENT = "silent"
    """No reading of it arrived for more than ``SILENT_AFTER`` expected intervals."""
    REPORTING = "reporting"
    """It sends."""


ORDER = tuple(DeviceState)
