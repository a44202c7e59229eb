"""How long an event can still be in a window."""

from __future__ import annotations

from feature_sets.windows.definition import WindowDefinition


def longest_reach(definition: WindowDefinition) -> float:
    """Seconds after the arrival of an event in which it can still be in a window.

    Its time may be ahead of its arrival by the tolerance; a later one may be behind its own by the lateness,
    and its windows reach back the longest window from there, rates of counters further.
    """
    buckets = definition.kept_buckets + definition.lateness_buckets
    return (buckets * definition.period_micros + definition.tolerance_micros) / 1_000_000
