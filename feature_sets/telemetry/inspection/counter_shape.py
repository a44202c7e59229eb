"""Whether numbers have the shape of a counter: whole ones that only fall where it wraps or begins again."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from feature_sets.rows.keyed_rows import Bools, Integers
from feature_sets.telemetry.cell_numbers import numbers_of, wholes_of
from feature_sets.telemetry.counter import UNITS

_LARGE = 10_000
"""A smaller number that never falls may be anything, unless its name is that of a counter."""
_STEPS = 10
_OFTEN = 0.02
"""Share of steps that may be resets."""
_TOP = 2**32
"""Where a counter of 32 bits begins again."""
_WRAPS, _WRAPS_NAMED = 0.1, 0.25
"""Share of steps that may be wraps of 32 bits; if the name, too, is that of a counter, the second."""
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


class CounterShape(NamedTuple):
    """A counter that numbers seem to be.

    :param fields: of its metric in a schema.
    :param why: what was seen, for people.
    """

    fields: dict[str, Any]
    why: str


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


def counter_shape(
    column: pa.ChunkedArray, readings: pd.DataFrame, name: str = "", decimal: str = "."
) -> CounterShape | None:
    """The counter that these numbers are; None if they have not the shape of one.

    A counter that is small or slow is known by its name, too. One of 32 bits on a fast link wraps several
    times a day: that is not taken for resets.

    :param column: one cell for each of the readings.
    :param readings: ``device``, ``time`` and ``run`` of each, see ``TableProfile.runs``.
    :param name: of the metric.
    :param decimal: of numbers in text, a point or a comma.
    """
    values, refused = wholes_of(column, decimal=decimal)
    if refused.any() or values.isna().all():
        return None
    frame = readings.assign(value=values).dropna().sort_values(["device", "time"], kind="stable")
    numbers = frame["value"].to_numpy(dtype=np.uint64)
    same = _are_steps(frame["device"].to_numpy(), frame["run"].to_numpy())
    before, after = numbers[:-1][same], numbers[1:][same]
    falls, rises = after < before, after > before
    if len(before) <= _STEPS or not rises.any():
        return None
    # Where it begins again it is mostly far below what it was; a young one may not be, when it is read next.
    far = after[falls] < before[falls] // np.uint64(2)
    wraps = _wraps(before, after)
    resets = falls & ~wraps
    is_named = counts_something(name)
    often = np.mean(resets) >= _OFTEN or np.mean(wraps) > (_WRAPS_NAMED if is_named else _WRAPS)
    if often or np.count_nonzero(far) < _FAR * len(far):
        return None
    if is_named:
        # What happens now and then and is over again rises as often as it falls.
        if 4 * np.count_nonzero(resets) > np.count_nonzero(rises):
            return None
    elif int(numbers.max()) < _LARGE or np.mean(rises) <= 0.1:
        return None
    narrow = bool(wraps.any()) or _NARROW.search(name) is not None
    fields = {"kind": "counter", **({"bits": 32} if narrow and int(numbers.max()) < _TOP else {})}
    return CounterShape(
        fields, _seen(int(np.count_nonzero(wraps)), int(np.count_nonzero(resets)), len(before))
    )


def _are_steps(device: Integers, run: Integers) -> Bools:
    """Which readings are the next one of the device of the reading before.

    Between two runs it may have begun again, and have counted for days since. So steps between runs count
    only where most are.
    """
    same: Bools = device[1:] == device[:-1]
    within: Bools = same & (run[1:] == run[:-1])
    return within if 2 * np.count_nonzero(within) >= np.count_nonzero(same) else same


def _wraps(before: Integers, after: Integers) -> Bools:
    """Which steps are wraps of a counter of 32 bits; none if the numbers are not those of one.

    A wrap falls by more than half of what 32 bits hold. A gauge that falls as far rises as far, too.
    """
    none = np.zeros(len(before), dtype=bool)
    highest = int(max(before.max(), after.max()))
    if not _TOP // 10 * 9 < highest < _TOP:
        return none
    steps = after.astype(np.int64) - before.astype(np.int64)
    wraps: Bools = steps < -(_TOP // 2)
    return none if 4 * np.count_nonzero(steps > _TOP // 2) > np.count_nonzero(wraps) else wraps


def _seen(wraps: int, resets: int, steps: int) -> str:
    """What numbers of a counter do, for people."""
    falls = []
    if wraps:
        falls.append(f"{wraps:,} {'wrap' if wraps == 1 else 'wraps'} at 2^32")
    if resets:
        falls.append(f"{resets:,} {'fall' if resets == 1 else 'falls'} where it begins again")
    if not falls:
        return "whole numbers that never fall: a counter, its rate"
    return f"whole numbers that rise, but for {' and '.join(falls)} in {steps:,} steps: a counter, its rate"


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

    :param readings: as in ``counter_shape``.
    """
    if not _UPTIME.search(_plain(name)):
        return None
    values = numbers_of(column, decimal).values
    frame = readings.assign(value=values).dropna().sort_values(["device", "time"], kind="stable")
    steps = frame[["value", "time"]].diff()[1:]
    steps = steps[_are_steps(frame["device"].to_numpy(), frame["run"].to_numpy())]
    rates = (steps["value"] / steps["time"].dt.total_seconds()).to_numpy()
    rates = rates[np.isfinite(rates)]
    for unit, micros in UNITS.items():
        # A restart falls, and some readings are taken late.
        if len(rates) and np.mean(np.abs(rates * micros / 1e6 - 1) < 0.2) > 0.5:
            return unit
    return None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
