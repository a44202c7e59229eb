"""Whether the device of an event is registered."""

from __future__ import annotations

from enum import StrEnum


class DeviceStatus(StrEnum):
    """What is known of a device at the time of an event."""

    KNOWN = "known"
    """Registered, and not retired."""
    UNKNOWN = "unknown"
    """Never registered; its static features are missing, which the model replaces as in training."""
    RETIRED = "retired"
    """Retired before the time of the event."""


REJECT, ACCEPT = "reject", "accept"
POLICIES = (REJECT, ACCEPT)
"""What becomes of an event whose device is unknown or retired."""
