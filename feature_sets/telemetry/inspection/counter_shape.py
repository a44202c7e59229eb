"""Whether numbers have the shape of a counter: whole ones that never fall but where it begins again."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from feature_sets.telemetry.cell_numbers import numbers_of, wholes_of
from feature_sets.telemetry.counter import UNITS

_LARGE = 10_000
"""A smaller number that never falls may be anything, unless its name is that of a counter."""
_STEPS = 10
_OFTEN = 0.02
"""Share of steps that may be resets."""
_FAR = 0.9
"""Share of the resets that lose more than half."""

_COUNTS = re.compile(
    r"octets|bytes|pkts|packets|frames|errors?$|errs|discards|drops|dropped|unknownprotos|collisions|flaps|transitions|resets|total$"
    r"|count(er)?s?$"
)
"""What is counted, in names of IF-MIB, OpenConfig, Linux and Prometheus."""
_COUNTS_NOT = re.compile(
    r"rate|per(s|sec|second|minute)$|[bp]ps$|percent|pct|ratio|avg|mean|util|used|free|avail|size|limit|loss"
)
_NARROW = re.compile(
    r"if(in|out)(octets|(n?ucast|multicast|broadcast)pkts|discards|errors|unknownprotos)$", re.IGNORECASE
)
"""Objects of IF-MIB (RFC 2863) that are Counter32."""
_UPTIME = re.compile(r"uptime")


def repeated_snapshots(readings: pd.DataFrame, seconds: float | None) -> str | None:
    """Shortest interval of a rate, as a duration, if some readings come right after another.

    Collectors take a snapshot again when they start or reconnect. It is none if that is how devices report.

    :param readings: ``device`` and ``time`` of each.
    :param seconds: between two readings, usually.
    """
    if seconds is None or seconds < 2:
        return None
    ordered = readings.dropna().sort_values(["device", "time"], kind="stable")
    steps = ordered.groupby("device")["time"].diff().dt.total_seconds().dropna()
    shortest = int(seconds // 2)
    near = ((steps > 0) & (steps < shortest)).mean()
    return f"{shortest}s" if 0 < near < _OFTEN else None


def counts_something(name: str) -> bool:
    """Whether a name is one that counters have.

    >>> counts_something("/if/counters/in-octets"), counts_something("in_bytes_rate")
    (True, False)
    """
    plain = _plain(name)
    return bool(_COUNTS.search(plain)) and not _COUNTS_NOT.search(plain)


def counter_fields(
    column: pa.ChunkedArray, readings: pd.DataFrame, name: str = "", decimal: str = "."
) -> dict[str, Any] | None:
    """Fields of a metric in a schema that is this counter; None if it has not the shape of one.

    A counter that is small or slow is known by its name, too.

    :param column: one cell for each of the readings.
    :param readings: ``device`` and ``time`` of each.
    :param name: of the metric.
    :param decimal: of numbers in text, a point or a comma.
    """
    values, refused = wholes_of(column, decimal=decimal)
    if refused.any() or values.isna().all():
        return None
    frame = readings.assign(value=values).dropna().sort_values(["device", "time"], kind="stable")
    numbers = frame["value"].to_numpy(dtype=np.uint64)
    device = frame["device"].to_numpy()
    same = device[1:] == device[:-1]
    before, after = numbers[:-1][same], numbers[1:][same]
    falls, rises = after < before, after > before
    if len(before) <= _STEPS or not rises.any():
        return None
    # Where it begins again it is mostly far below what it was; a young one may not be, when it is read next.
    far = after[falls] < before[falls] // np.uint64(2)
    if np.mean(falls) >= _OFTEN or np.count_nonzero(far) < _FAR * len(far):
        return None
    if counts_something(name):
        # What happens now and then and is over again rises as often as it falls.
        if 4 * np.count_nonzero(falls) > np.count_nonzero(rises):
            return None
    elif int(numbers.max()) < _LARGE or np.mean(rises) <= 0.1:
        return None
    top = np.uint64(2**32)
    wrapped = (before[falls] > top // np.uint64(10) * np.uint64(9)) & (after[falls] < top // np.uint64(10))
    narrow = bool(wrapped.any()) or _NARROW.search(name) is not None
    return {"kind": "counter", **({"bits": 32} if narrow and int(numbers.max()) < 2**32 else {})}


def has_lost_units(column: pa.ChunkedArray, name: str, decimal: str = ".") -> bool:
    """Whether a counter, by its name, has large numbers as floats, which do not hold every whole number."""
    if not counts_something(name):
        return False
    values, refused = numbers_of(column, decimal)
    given = values[~np.isnan(values)]
    is_whole = not refused.any() and bool((given == np.floor(given)).all())
    return is_whole and bool(wholes_of(column, decimal=decimal).refused.any())


def uptime_unit(column: pa.ChunkedArray, readings: pd.DataFrame, name: str, decimal: str = ".") -> str | None:
    """Unit of numbers that say how long a device has been running; None if they do not.

    They are called so, and rise as time passes.
    """
    if not _UPTIME.search(_plain(name)):
        return None
    values = numbers_of(column, decimal).values
    frame = readings.assign(value=values).dropna().sort_values(["device", "time"], kind="stable")
    steps = frame.groupby("device").agg({"value": "diff", "time": "diff"}).dropna()
    rates = (steps["value"] / steps["time"].dt.total_seconds()).to_numpy()
    rates = rates[np.isfinite(rates)]
    for unit, micros in UNITS.items():
        # A restart falls, and some readings are taken late.
        if len(rates) and np.mean(np.abs(rates * micros / 1e6 - 1) < 0.2) > 0.5:
            return unit
    return None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
