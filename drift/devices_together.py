"""How much of what varies is of all devices together: then many devices say no more than one of them.

The rows of one device and span of time are dealt out at random to base and batch (``chance.py``), as if
devices had nothing to do with each other. The load of a router, the heat of a site or a storm is on many of
them at once: a hundred devices of one site are one thermometer. The variance of a mean over n equal units,
each two of them correlated by r, is 1 + (n - 1) r times that of independent ones (L. Kish, "Survey Sampling",
1965: the design effect of clusters). Here a unit is a device in a span, and a cluster is all devices in it.

The correlation is that of the base: of its rows in each bin, around what the device has of them at that hour,
so that neither levels of devices nor a daily cycle count.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import csr_array

from drift.coded_columns import Codes, Index
from drift.reference_rows import LEAST_BLOCKS

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

_HOURS = 24

_LEAST_SPANS = 4
"""Spans of the base from which a correlation can be told; if it has fewer, they are quartered."""

_MOST_BINS = 64
"""Bins that are counted by device and span: of a column with thousands of values, they would not fit."""

_MOSTLY = 2.0
"""Variance from which on more of it is of all devices together than of each by itself."""

TOO_FEW_TIMES = "moves on all devices at once, and a side is too short for ten times of that"
"""Why there is no verdict on such a column."""


class Together(NamedTuple):
    """What is of all devices together, column by column.

    :param variance: times that the distance varies more than devices by themselves make it, at least 1; shape
        (c,).
    :param is_enough: whether each side has as much of it as ``LEAST_BLOCKS`` independent units; shape (c,).
    """

    variance: Floats
    is_enough: Bools

    def too_few(self, names: Sequence[str]) -> str:
        """Which columns nothing can be said of, in words; empty if there is none.

        :param names: of the first columns.
        """
        found = [name for name, is_enough in zip(names, self.is_enough, strict=False) if not is_enough]
        if not found:
            return ""
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        return f"{', '.join(found[:3])}{more}: {TOO_FEW_TIMES}; no verdict"


class _Units(NamedTuple):
    """Rows of one side by device and span.

    :param of_row: unit of each row, shape (n,).
    :param spans: span of each unit, numbered from 0 on; shape (u,).
    :param rows: of each unit, shape (u,).
    """

    of_row: Index
    spans: Index
    rows: Floats

    @classmethod
    def of(cls, devices: Index, seconds: Floats, span_seconds: float) -> _Units:
        numbers = np.floor((seconds - seconds.min()) / span_seconds)
        spans = np.unique(numbers, return_inverse=True)[1].astype(np.int64)
        count = int(spans.max()) + 1
        units, of_row = np.unique(devices * count + spans, return_inverse=True)
        return cls(of_row.astype(np.int64), units % count, np.bincount(of_row).astype(np.float64))

    @property
    def others(self) -> float:
        """Units in the span of a unit beside it: one less than devices, if all have equally many rows."""
        return float((np.bincount(self.spans, weights=self.rows) ** 2).sum() / (self.rows**2).sum()) - 1

    @property
    def equal(self) -> float:
        """Units of equally many rows that these are as good as."""
        return float(self.rows.sum() ** 2 / (self.rows**2).sum())


def devices_together(
    columns: Sequence[tuple[Codes, Codes]],
    sizes: Sequence[int],
    frames: tuple[pd.DataFrame, pd.DataFrame],
    entity: str | None,
    time: str | None,
    spans: Sequence[float],
    hours: Index | None,
) -> Together:
    """Tell how much each column varies on all devices at the same time.

    :param columns: bin of each value in base and batch, shapes (n,) and (m,).
    :param sizes: number of bins per column.
    :param frames: base and batch, with the key and the event time.
    :param entity: column of the device key; None tells nothing, as no time does.
    :param time: column of event times, with a zone.
    :param spans: of each column, seconds over which rows of a device depend on each other; 0 tells nothing.
    :param hours: hour of the day of each row of the base; None if it cannot be told from chance.
    """
    variance, is_enough = np.ones(len(columns)), np.ones(len(columns), dtype=bool)
    if entity is None or time is None:
        return Together(variance, is_enough)
    devices = [pd.factorize(frame[entity])[0].astype(np.int64) for frame in frames]
    seconds = [(frame[time] - frame[time].min()).dt.total_seconds().to_numpy() for frame in frames]
    # Spans of about the same length are one: a longer one has what a shorter one has.
    doubled = np.array([2.0 ** math.ceil(math.log2(span)) if span else 0.0 for span in spans])
    for span in np.unique(doubled[doubled > 0]):
        sides = [_Units.of(*each, span) for each in zip(devices, seconds, strict=True)]
        at_once = _units_of_enough_spans(devices[0], seconds[0], span)
        if at_once.others <= 0:
            continue
        around = _Around.of(at_once, devices[0], hours)
        for place in np.flatnonzero(doubled == span):
            effect = _design_effect(columns[place][0].astype(np.int64), sizes[place], at_once, around)
            correlation = min(1.0, max(0.0, (effect - 1) / at_once.others))
            effects = [1 + side.others * correlation for side in sides]
            variance[place] = sum(each / side.equal for each, side in zip(effects, sides, strict=True))
            variance[place] /= sum(1 / side.equal for side in sides)
            is_enough[place] = all(
                each < _MOSTLY or side.equal / each >= LEAST_BLOCKS
                for each, side in zip(effects, sides, strict=True)
            )
    return Together(variance, is_enough)


def _units_of_enough_spans(devices: Index, seconds: Floats, span_seconds: float) -> _Units:
    """Rows of the base by device and span, which is shorter if there are too few."""
    longest = float(seconds.max()) / _LEAST_SPANS
    while span_seconds > longest > 0:
        span_seconds /= 4
    return _Units.of(devices, seconds, span_seconds)


class _Around(NamedTuple):
    """What rows are looked at around: those of the device, and of the hour if it has another unit of it.

    :param of_row: cell of each row, shape (n,).
    :param rows: of each cell, shape (k,).
    :param in_units: rows of each cell in each unit, shape (u, k).
    """

    of_row: Index
    rows: Floats
    in_units: csr_array

    @classmethod
    def of(cls, units: _Units, devices: Index, hours: Index | None) -> _Around:
        if hours is not None:
            found = cls._of(units, devices * _HOURS + hours)
            if found.in_units.nnz >= 2 * len(found.rows):
                return found
        return cls._of(units, devices)

    @classmethod
    def _of(cls, units: _Units, cells: Index) -> _Around:
        of_row = np.unique(cells, return_inverse=True)[1].astype(np.int64)
        rows = np.bincount(of_row).astype(np.float64)
        ones, shape = np.ones(len(of_row)), (len(units.rows), len(rows))
        return cls(of_row, rows, csr_array((ones, (units.of_row, of_row)), shape=shape))


def _design_effect(codes: Index, size: int, units: _Units, around: _Around) -> float:
    """Times that sums over devices vary more than independent ones would, all bins together.

    Of a column that does not vary it is 1.
    """
    if size > _MOST_BINS:  # Some values each count as one: they move together, or do not, all the same.
        codes, size = codes % _MOST_BINS, _MOST_BINS
    count, cells = len(units.rows), len(around.rows)
    found = np.bincount(codes * count + units.of_row, minlength=size * count).reshape(size, count).T
    shares = np.bincount(codes * cells + around.of_row, minlength=size * cells).reshape(size, cells).T
    apart = found - around.in_units @ (shares / around.rows[:, None])
    own = float((apart**2).sum())
    if own <= 1e-9 * len(codes):
        return 1.0
    sums = csr_array((np.ones(count), (units.spans, np.arange(count)))) @ apart
    return float((sums**2).sum()) / own
