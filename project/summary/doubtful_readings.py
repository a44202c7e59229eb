"""Readings that an endpoint does not take because of their time, or whose unit is doubtful."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from project.http_json import UnreachableError, get_json

_TIMEOUT = 5.0
_NAMED = 3
QUARANTINED, TOO_LATE = "quarantined", "too_late"
"""As in ``event_status``, whose room takes a second to load: ``netops status`` is quick."""
_WHY = {
    QUARANTINED: "with a time ahead of the clock, which count for nothing",
    TOO_LATE: "that are older than the windows of their device reach, which count for nothing",
}
_MEND = {
    QUARANTINED: "set the clock and the time zone of these devices",
    TOO_LATE: "set the clock of these devices if they send late for no other reason",
}


def doubtful_readings_of(address: str) -> list[str]:
    """A sentence for each doubt; nothing of an endpoint that does not answer, as its state tells that.

    :param address: of the endpoint.
    """
    try:
        told = get_json(f"{address}/readings", _TIMEOUT)
    except UnreachableError:  # One of an earlier release has no such route.
        return []
    return [*untaken_lines(told), *unit_lines(told)]


def unit_lines(told: Mapping[str, Any]) -> list[str]:
    """Metrics that seem to arrive in another unit than on the days before.

    :param told: answer of the endpoint's ``/readings``.
    """
    return [f"{of['warning']}; seen until {_minute(of['last'])} UTC" for of in told["units"]]


def untaken_lines(told: Mapping[str, Any]) -> list[str]:
    """How many devices send readings that are not taken, and some of them.

    :param told: answer of the endpoint's ``/readings``.
    """
    lines = []
    for status, why in _WHY.items():
        count = told["untaken_devices"][status]
        if not count:
            continue
        named = [each for each in told["untaken"] if each["status"] == status]
        some = [_device(each) for each in named[:_NAMED]]
        if count > len(some):
            some.append(f"and {count - len(some):,} more")
        who = "1 device sends" if count == 1 else f"{count:,} devices send"
        lines.append(f"{who} readings {why}: {', '.join(some)}; {_MEND[status]}")
    return lines


def _device(told: Mapping[str, Any]) -> str:
    ahead = told["ahead_seconds"]
    where = f"{_span(ahead)} ahead" if ahead > 0 else f"{_span(-ahead)} behind"
    count = f"{told['readings']:,} reading{'' if told['readings'] == 1 else 's'}"
    return f"{told['device']} {where} ({count} since {_minute(told['since'])} UTC)"


def _minute(time: str) -> str:
    return time[:16].replace("T", " ")


def _span(seconds: float) -> str:
    """A length of time for people.

    >>> _span(90), _span(3600), _span(7260), _span(260_000)
    ('90 s', '60 min', '2.0 h', '3.0 days')
    """
    if seconds < 600:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"
