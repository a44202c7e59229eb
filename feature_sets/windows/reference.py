"""The slow, obvious version of the rolling windows: the oracle that every engine is tested against.

It keeps every counted reading of a device for ever, and for each row looks through all of them. Sums, means
and variances are exact fractions, rounded once at the end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

from feature_sets.checks import InputError, duration_seconds
from feature_sets.rows.event_micros import column_micros
from feature_sets.windows import event_status
from feature_sets.windows.counters import CounterRule, Counters
from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.readings import is_missing

UPTIME_SLACK = 60_000_000
"""How far an uptime that begins again may be from what it must be then, in microseconds."""
Wholes = Mapping[str, int]
"""The whole numbers of a reading by column; one that is missing is not among them."""


@dataclass
class _Device:
    """Everything counted for one device: (time in microseconds, exact readings by metric), by arrival.

    A metric without a reading is not among them. ``wholes`` has the counters of the same events.
    """

    events: list[tuple[int, dict[str, Fraction]]] = field(default_factory=list)
    wholes: list[tuple[int, dict[str, int]]] = field(default_factory=list)


def reference(
    events: pd.DataFrame,
    definition: WindowDefinition,
    clock: Callable[[], float] | None = None,
    arrival: str | None = None,
) -> pd.DataFrame:
    """Features and status of each event, in order of arrival.

    :param events: one event a row in order of arrival; has the key, the event time and the metrics.
    :param clock: epoch seconds now, asked once an event; used where there is no arrival time.
    :param arrival: column with the time at which each event arrived.
    :returns: ``definition.computed_names`` and ``event_status``; same index.
    :raises InputError: if neither a clock nor an arrival column is given.
    """
    if clock is None and arrival is None:
        raise InputError("reference", "must be given a clock or an arrival column", None)
    period = definition.period_micros
    devices: dict[object, _Device] = {}
    statuses: list[str] = []
    rows: list[dict[str, float]] = []
    times = column_micros(events[definition.timestamp])
    arrivals = column_micros(events[arrival]) if arrival is not None else None
    records = events[[definition.entity, *definition.input_columns]].to_dict("records")
    for position, record in enumerate(records):
        time = int(times[position])
        if arrivals is not None:
            now = int(arrivals[position])
        elif clock is not None:
            now = round(clock() * 1_000_000)
        device = devices.setdefault(record[definition.entity], _Device())
        status = _status(device, time, now, definition)
        statuses.append(status)
        if status not in event_status.COUNTED:
            rows.append(dict.fromkeys(definition.computed_names, math.nan))
            continue
        rates = _rates(device, time, record, definition)
        given = {
            metric: rates[metric] if metric in rates else float(record[metric])
            for metric in definition.metrics
        }
        exact = {metric: Fraction(value) for metric, value in given.items() if math.isfinite(value)}
        device.events.append((time, exact))
        newest_bucket = max(t // period for t, _ in device.events)
        row = dict(rates)
        for window, buckets in zip(definition.windows, definition.window_buckets, strict=True):
            inside = [
                (t, values)
                for t, values in device.events
                if newest_bucket - buckets < t // period <= newest_bucket
            ]
            for metric in definition.metrics:
                readings = [(t, values[metric]) for t, values in inside if metric in values]
                for operation in definition.operations:
                    row[f"{metric}_{operation}_{window}"] = aggregate(operation, readings)
        if definition.expected is not None:
            row |= _presence([t for t, _ in device.events], time, newest_bucket, definition)
        rows.append(row)
    features = pd.DataFrame(
        rows, index=events.index, columns=list(definition.computed_names), dtype=np.float64
    )
    features[event_status.COLUMN] = np.array(statuses, dtype=object)
    return features


def _rates(
    device: _Device, time: int, record: Mapping[Any, Any], definition: WindowDefinition
) -> dict[str, float]:
    """The rates of the counters at an event, which is counted."""
    counters = definition.counters
    if counters is None:
        return {}
    wholes = {name: int(record[name]) for name in counters.columns if not is_missing(record[name])}
    rates = {rule.metric: rate(rule, counters, device.wholes, time, wholes) for rule in counters.rules}
    device.wholes.append((time, wholes))
    return rates


def _status(device: _Device, time: int, now: int, definition: WindowDefinition) -> str:
    period = definition.period_micros
    if time > now + definition.tolerance_micros:
        return event_status.QUARANTINED
    if not device.events:
        return event_status.ACCEPTED
    newest_bucket = max(t // period for t, _ in device.events)
    remembered = [t for t, _ in device.events if t // period > newest_bucket - definition.longest_buckets]
    if time in remembered:
        return event_status.DUPLICATE
    if time // period <= newest_bucket - definition.lateness_buckets:
        return event_status.TOO_LATE
    return event_status.LATE if time < max(t for t, _ in device.events) else event_status.ACCEPTED


def _presence(
    times: Sequence[int], time: int, newest_bucket: int, definition: WindowDefinition
) -> dict[str, float]:
    """Age and received shares of an event, whose time is among those counted so far."""
    period = definition.period_micros
    expected = duration_seconds(definition.expected or "") * 1_000_000
    oldest = newest_bucket - definition.longest_buckets
    before = [t for t in times if t < time and t // period > oldest]
    row = {"age": (time - max(before)) / 1e6 if before else math.nan}
    for window, buckets in zip(definition.windows, definition.window_buckets, strict=True):
        received = sum(newest_bucket - buckets < t // period for t in times)
        row[f"received_share_{window}"] = float(Fraction(received * expected, buckets * period))
    return row


def aggregate(operation: str, readings: Sequence[tuple[int, Fraction]]) -> float:
    """One operation over the readings of a window.

    >>> aggregate("stdvar", [(0, Fraction(1)), (1, Fraction(2)), (2, Fraction(6))])
    7.0

    :param readings: (time, value) pairs in any order.
    :returns: ``count`` is 0 without readings; everything else is then NaN. Sample variance needs two.
    """
    if operation == "count":
        return float(len(readings))
    if not readings:
        return math.nan
    values = [value for _, value in readings]
    match operation:
        case "sum":
            return float(sum(values))
        case "sqr":
            return float(sum(value * value for value in values))
        case "avg":
            return float(sum(values) / len(values))
        case "min":
            return float(min(values))
        case "max":
            return float(max(values))
        case "median":
            ordered = sorted(values)
            return float((ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2)
        case "first":
            return float(min(readings)[1])
        case "last":
            return float(max(readings)[1])
        case "stdvar" | "stddev":
            if len(values) < 2:
                return math.nan
            mean = sum(values) / len(values)
            variance = float(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
            return variance if operation == "stdvar" else math.sqrt(variance)
    raise InputError("operation", "must be one of the schema's operations", operation)


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
