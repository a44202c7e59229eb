"""The slow, obvious version of the rates of counters, in whole numbers of any size: the oracle."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from feature_sets.windows.counters import CounterRule, Counters

UPTIME_SLACK = 60_000_000
"""How far an uptime that begins again may be from what it must be then, in microseconds."""

Wholes = Mapping[str, int]
"""The whole numbers of a reading by column; one that is missing is not among them."""


def rate(
    rule: CounterRule, counters: Counters, known: Sequence[tuple[int, Wholes]], time: int, wholes: Wholes
) -> float:
    """The rate of a counter at a reading; NaN if there is none.

    :param known: event time in microseconds and whole numbers of everything that was counted before.
    :param time: of the reading, which is not among them.
    :param wholes: of the reading.
    """
    if rule.column not in wholes:
        return math.nan
    earlier = [(at, given) for at, given in known if at < time and rule.column in given]
    earlier.sort(key=lambda reading: reading[0])
    if not earlier or time - earlier[-1][0] < counters.min_interval:
        return math.nan
    while len(earlier) > 1 and earlier[-1][0] - earlier[-2][0] < counters.min_interval:
        earlier.pop()
    since, before = earlier[-1]
    elapsed = time - since
    if elapsed > counters.max_gap:
        return math.nan
    ran, up = None, counters.uptime
    if up is not None and up in before and up in wholes:
        ran = _kept_running(before[up], wholes[up], elapsed, counters.uptime_wraps)
    if ran is False:
        return math.nan
    counted = wholes[rule.column] - before[rule.column]
    if counted < 0:
        counted += 2**rule.bits
        if rule.max_rate is None and not (ran and rule.bits == 32 and counted < 2**31):
            return math.nan
    found = float(counted) * 1e6 / float(elapsed)
    if rule.max_rate is not None and found > rule.max_rate:
        return math.nan
    found *= rule.scale
    low = -math.inf if rule.low is None else rule.low
    high = math.inf if rule.high is None else rule.high
    return found if low <= found <= high and math.isfinite(found) else math.nan


def _kept_running(before: int, now: int, elapsed: int, wraps: int) -> bool:
    if wraps and now < before and abs(now + wraps - before - elapsed) <= UPTIME_SLACK:
        return True
    return now >= before and now >= elapsed
