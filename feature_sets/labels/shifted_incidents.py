"""Whether incidents fit the readings much better some hours later or earlier, as those of another zone."""

from __future__ import annotations

import math
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.labels.covered import FOREVER, device_incidents
from feature_sets.rows.keyed_rows import Integers, KeyedRows
from feature_sets.telemetry.schema import TelemetrySchema

_HOUR = 3_600_000_000
_SHIFTS = tuple(range(-14, 15))
"""In hours: zones are at most so far from UTC."""
_LONGEST = 12 * _HOUR
"""Longest incidents that are looked at: a longer one is mostly the same some hours later."""
_ZERO = _SHIFTS.index(0)
_ZONES = tuple(map(ZoneInfo, ("Europe/Berlin", "America/New_York", "Australia/Sydney")))
"""Of each rule by which many clocks are changed, one."""
_WHEN = ("in winter", "in summer")
_BETTER_THEN = "Incidents would fit the readings much better"
_REMEDY = (
    "Look at the zone of their times: assume_timezone is that of all tables, so write an offset, "
    "such as +01:00, in one that has another."
)
_MOST = 2000
_FEWEST = 10
"""Fewest different hours in which incidents begin: those of one hour are likely of one cause."""
_BETTER = 0.5
"""By how many deviations more the readings inside must differ from the usual."""
_SURE, _SHARP = 5.0, 3.0
"""So many standard errors must the best shift be better than none, and than hours that do not fit as well."""
_WIDEST = 5
"""Most hours that fit about as well: what comes before an incident is odd, too, where it can be predicted."""
_CLIP = 6.0
_FEW = 3
"""Fewest hours of incidents that tell something of devices whose zone is in doubt anyway."""
_OF_THE_ODDEST = 2
_AGREE = 0.8
"""Share of a few hours that must agree. By chance 3 of 3 do in 1 % of cases, mostly not so odd."""
_MUCH_BETTER = 2.0

Floats = npt.NDArray[np.float64]


def shift_note(
    readings: KeyedRows, incidents: pd.DataFrame, attributes: pd.DataFrame | None, schema: TelemetrySchema
) -> str:
    """Say by how many hours incidents would fit the readings much better; empty if they do not clearly.

    :param readings: in the order of event time.
    :param incidents: those that count.
    :param attributes: of devices, see ``device_incidents``.
    """
    looked_at, hours, begins = _by_hour(readings, incidents, attributes, schema, _FEWEST)
    if not looked_at:
        return ""
    parts = _of_summer(hours, begins)
    best = _best(hours) if parts is None else None
    if best is not None:
        return (
            f"{_BETTER_THEN} {_words(*best)}: those inside differ from the usual "
            f"by {_mean(hours, best[-1]):.1f} deviations then, and by {_mean(hours, _ZERO):.1f} now "
            f"({looked_at:,} looked at). {_REMEDY}"
        )
    if parts is None:
        return ""
    said = [
        f"{_words(shift, shift)} {when}" for when, shift in zip(_WHEN, parts, strict=True) if shift != _ZERO
    ]
    fits = [when for when, shift in zip(_WHEN, parts, strict=True) if shift == _ZERO]
    beside = f", and as they are {fits[0]}" if fits else ""
    return (
        f"{_BETTER_THEN} {' and '.join(said)}{beside} ({looked_at:,} looked at): "
        f"their clock is not changed as that of the readings is. {_REMEDY}"
    )


def shift_note_of_few(
    readings: KeyedRows, incidents: pd.DataFrame, attributes: pd.DataFrame | None, schema: TelemetrySchema
) -> str:
    """The same of a few incidents, of devices whose zone is in doubt; empty if not nearly all of them agree.

    They do where the readings some hours later are among the oddest two of all shifts, and far odder than in
    the incidents. An hour beside these may be what comes before or after them.
    """
    looked_at, hours, _ = _by_hour(readings, incidents, attributes, schema, _FEW)
    if not looked_at:
        return ""
    hours = hours[np.isfinite(hours).sum(axis=1) > len(_SHIFTS) / 2]
    known = np.where(np.isfinite(hours), hours, -np.inf)
    odder = (known[:, None, :] > known[:, :, None]).sum(axis=2)
    hits = ((odder < _OF_THE_ODDEST) & np.isfinite(hours)).sum(axis=0)
    gains = (
        np.nan_to_num(np.nanmean(hours, axis=0) - np.nanmean(hours[:, _ZERO])) if len(hours) else hits * 0.0
    )
    best = max(range(len(_SHIFTS)), key=lambda at: (hits[at], gains[at]))
    agree = len(hours) >= _FEW and hits[best] >= max(_FEW, _AGREE * len(hours))
    if not agree or abs(_SHIFTS[best]) < 2 or gains[best] < _MUCH_BETTER:
        return ""
    return (
        f"{_BETTER_THEN} about {_words(best, best)}: those inside differ from the usual by "
        f"{_mean(hours, best):.1f} deviations then, and by {_mean(hours, _ZERO):.1f} now, "
        f"in {hits[best]:,} of {len(hours):,} hours in which incidents begin. {_REMEDY}"
    )


def _by_hour(
    readings: KeyedRows,
    incidents: pd.DataFrame,
    attributes: pd.DataFrame | None,
    schema: TelemetrySchema,
    fewest: int,
) -> tuple[int, Floats, Integers]:
    """How many incidents are looked at, their oddness by hour and shift, and the hours in which they begin.

    :param fewest: different hours; with fewer none is looked at.
    """
    found = device_incidents(incidents, [str(key) for key in readings.keys], attributes, schema)
    closed = np.flatnonzero((found.end != FOREVER) & (found.end - found.start <= _LONGEST))[:_MOST]
    found = found.take(closed)
    if len(np.unique(found.start // _HOUR)) < fewest:
        return 0, np.empty((0, len(_SHIFTS))), np.empty(0, dtype=np.int64)
    inside = _inside(readings, found.codes, found.start, found.end, _oddness(readings, schema))
    grouped = pd.DataFrame(inside).groupby(found.start // _HOUR).mean()
    return len(closed), grouped.to_numpy(), grouped.index.to_numpy()


def _of_summer(hours: Floats, begins: Integers) -> tuple[int, int] | None:
    """Shifts of the incidents of winter and of summer, where these are an hour apart; None otherwise.

    :param begins: hours since the epoch in which they begin, shape (n,).
    """
    told: set[bytes] = set()
    for zone in _ZONES:
        moments = [datetime.fromtimestamp(int(hour) * 3600, zone) for hour in begins]
        is_summer = np.array([bool(moment.dst()) for moment in moments], dtype=np.bool_)
        if is_summer.tobytes() in told or min(is_summer.sum(), (~is_summer).sum()) < _FEWEST:
            continue
        told.add(is_summer.tobytes())
        parts = hours[~is_summer], hours[is_summer]
        found = [_best(part) for part in parts]
        if any(shift is not None and shift[0] < shift[1] for shift in found):
            continue  # An hour more or less is not certain then.
        both = [
            _furthest(part) if shift is None else shift[-1] for shift, part in zip(found, parts, strict=True)
        ]
        if any(shift is not None for shift in found) and abs(both[0] - both[1]) == 1:
            return both[0], both[1]
    return None


def _best(hours: Floats) -> tuple[int, int] | None:
    """Places of the first and the last shift with which incidents fit much better; None if there is none.

    Several fit where the readings before an incident, or after it, are odd as well. Such hours right beside
    none are what is before, or after, incidents that are right.
    """
    best = _furthest(hours)
    if best == _ZERO or np.isfinite(hours[:, _ZERO]).sum() < _FEWEST:
        return None
    gain, sure = _gain(hours, best, _ZERO)
    if gain < _BETTER or sure < _SURE:
        return None
    first, last = (_edge(hours, best, step) for step in (-1, 1))
    is_beside = first < last and _ZERO in (first - 1, last + 1)
    return None if is_beside or last - first >= _WIDEST else (first, last)


def _edge(hours: Floats, best: int, step: int) -> int:
    """Place of the furthest shift in one direction up to which all are about as good as the best one."""
    at = best
    while 0 <= at + step < len(_SHIFTS) and at + step != _ZERO:
        if _gain(hours, best, at + step)[1] >= _SHARP:
            break
        at += step
    return at


def _furthest(hours: Floats) -> int:
    """Place of the shift with which those inside differ most from the usual."""
    told = np.isfinite(hours).sum(axis=0)
    enough = told >= np.maximum(_FEWEST, told[_ZERO] / 2)
    return int(np.argmax([_mean(hours, at) if enough[at] else -np.inf for at in range(len(_SHIFTS))]))


def _mean(hours: Floats, at: int) -> float:
    return float(np.nanmean(hours[:, at]))


def _words(first: int, last: int) -> str:
    least, most = sorted((abs(_SHIFTS[first]), abs(_SHIFTS[last])))
    told = f"{most}" if least == most else f"{least} to {most}"
    return f"{told} hour{'s' * (most > 1)} {'later' if _SHIFTS[last] > 0 else 'earlier'}"


def _oddness(readings: KeyedRows, schema: TelemetrySchema) -> Floats:
    """How far each reading is from the usual of its device, in deviations, of the metric that is furthest."""
    frame = readings.frame
    furthest = np.zeros(len(readings))
    for metric in schema.metrics:
        values = frame[metric.column].astype("float64")
        if metric.counter is not None:  # What it counted since, as its level says nothing.
            values = values.groupby(readings.codes).diff().where(lambda counted: counted >= 0)
        middle = values.groupby(readings.codes).transform("median")
        distance = (values - middle).abs()
        usual = distance.groupby(readings.codes).transform("median") * 1.4826
        spread = values.groupby(readings.codes).transform("std")
        deviations = (distance / usual.where(usual > 0, spread)).to_numpy()
        furthest = np.fmax(furthest, np.where(np.isfinite(deviations), deviations, 0.0))
    return np.minimum(furthest, _CLIP)


def _inside(readings: KeyedRows, codes: Integers, start: Integers, end: Integers, odd: Floats) -> Floats:
    """Mean oddness of the readings in each incident, by shift, shape (incidents, shifts); NaN without one."""
    order = np.lexsort((readings.micros, readings.codes))
    micros, of = readings.micros[order], readings.codes[order]
    total = np.concatenate([[0.0], np.cumsum(odd[order])])
    found = np.full((len(codes), len(_SHIFTS)), math.nan)
    for code in np.unique(codes):
        rows = np.flatnonzero(codes == code)
        first, last = np.searchsorted(of, [code, code + 1])
        for at, shift in enumerate(_SHIFTS):
            low, high = (
                first + np.searchsorted(micros[first:last], bound[rows] + shift * _HOUR)
                for bound in (start, end)
            )
            count = high - low
            mean = (total[high] - total[low]) / np.maximum(count, 1)
            found[rows, at] = np.where(count > 0, mean, math.nan)
    return found


def _gain(hours: Floats, one: int, other: int) -> tuple[float, float]:
    """By how much one shift is better than another, and that in standard errors; 0 where nobody can say."""
    gains = hours[:, one] - hours[:, other]
    gains = gains[np.isfinite(gains)]
    if len(gains) < _FEWEST:
        return 0.0, 0.0
    error = float(gains.std(ddof=1)) / math.sqrt(len(gains))
    gain = float(gains.mean())
    return gain, gain / error if error else math.copysign(math.inf, gain)
