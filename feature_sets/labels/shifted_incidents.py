"""Whether incidents fit the readings much better some hours later or earlier, as those of another zone."""

from __future__ import annotations

import math

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
_MOST = 2000
_FEWEST = 10
"""Fewest different hours in which incidents begin: those of one hour are likely of one cause."""
_BETTER = 0.5
"""By how many deviations more the readings inside must differ from the usual."""
_SURE, _SHARP = 5.0, 3.0
"""So many standard errors must the best shift be better than none, and than the hours beside it."""
_CLIP = 6.0

Floats = npt.NDArray[np.float64]


def shift_note(
    readings: KeyedRows, incidents: pd.DataFrame, attributes: pd.DataFrame | None, schema: TelemetrySchema
) -> str:
    """Say by how many hours incidents would fit the readings much better; empty if they do not clearly.

    :param readings: in the order of event time.
    :param incidents: those that count.
    :param attributes: of devices, see ``device_incidents``.
    """
    found = device_incidents(incidents, [str(key) for key in readings.keys], attributes, schema)
    closed = np.flatnonzero((found.end != FOREVER) & (found.end - found.start <= _LONGEST))[:_MOST]
    found = found.take(closed)
    if len(np.unique(found.start // _HOUR)) < _FEWEST:
        return ""
    inside = _inside(readings, found.codes, found.start, found.end, _oddness(readings, schema))
    hours = pd.DataFrame(inside).groupby(found.start // _HOUR).mean().to_numpy()
    zero = _SHIFTS.index(0)
    told = np.isfinite(hours).sum(axis=0)
    means = np.array(
        [
            np.nanmean(column) if count >= max(_FEWEST, told[zero] / 2) else -np.inf
            for column, count in zip(hours.T, told, strict=True)
        ]
    )
    best = int(np.argmax(means))
    if best == zero or told[zero] < _FEWEST:
        return ""
    beside = [at for at in (best - 1, best + 1) if 0 <= at < len(_SHIFTS) and at != zero]
    gain, sure = _gain(hours, best, zero)
    if gain < _BETTER or sure < _SURE or any(_gain(hours, best, at)[1] < _SHARP for at in beside):
        return ""
    shift = _SHIFTS[best]
    size = f"{abs(shift)} hour{'s' * (abs(shift) > 1)} {'later' if shift > 0 else 'earlier'}"
    return (
        f"Incidents would fit the readings much better {size}: those inside differ from the usual by "
        f"{means[best]:.1f} deviations then, and by {means[zero]:.1f} now ({len(closed):,} looked at). "
        "Look at the zone of their times: assume_timezone is that of all tables, so write an offset, "
        "such as +01:00, in one that has another."
    )


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
