"""How often a device sends: the rule of the schema's ``expected_interval``, and the features it makes."""

from __future__ import annotations

from collections.abc import Sequence

from feature_sets.checks import InputError, duration_seconds

AGE = "age"


def check_expected_interval(interval: str) -> int:
    """Raise InputError unless a text is a duration of at least a second; gives its seconds."""
    seconds = duration_seconds(interval, "expected_interval")
    if seconds < 1:
        raise InputError("expected_interval", "must be at least 1s", interval)
    return seconds


def presence_names(windows: Sequence[str]) -> tuple[str, ...]:
    """Names of the features of how regularly a device sends, in output order.

    >>> presence_names(("1m", "5m"))
    ('age', 'received_share_1m', 'received_share_5m')
    """
    return (AGE, *(f"received_share_{length}" for length in windows))
