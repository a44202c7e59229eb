"""How often a device sends: the rule of the schema's ``expected_interval``."""

from __future__ import annotations

from feature_sets.checks import InputError, duration_seconds


def check_expected_interval(interval: str) -> int:
    """Raise InputError unless a text is a duration of at least a second; gives its seconds."""
    seconds = duration_seconds(interval, "expected_interval")
    if seconds < 1:
        raise InputError("expected_interval", "must be at least 1s", interval)
    return seconds
