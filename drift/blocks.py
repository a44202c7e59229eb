"""How many rows in a row are dealt out together, and which rows are compared where there are many."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from drift.coded_columns import CodedColumn, Index
from drift.dependent_rows import Dependence, dependent_rows
from drift.discretize import Floats
from drift.reference_rows import LEAST_BLOCKS
from drift.shares import Share

_HOURS = 24
_TWO_DAYS = pd.Timedelta(days=1.9)
"""A base of less does not say what repeats every day; the last reading of a day is just before its end."""

_MIX = 0.1
"""Total variation distance between the shares of rows that devices have, up to which these are the same."""

MOST_PROBED = 50_000
"""Rows of the base from which their dependence is estimated, at most."""


def stretches_of(base: pd.DataFrame, entity: str | None) -> Index:
    """Rows of each device, one after another; all rows are one stretch if no column says the device."""
    if entity is None or not len(base):
        return np.array([len(base)])
    keys = base[entity].to_numpy()
    starts = np.concatenate([[0], np.flatnonzero(keys[1:] != keys[:-1]) + 1, [len(keys)]])
    return np.diff(starts)


def needed_blocks(
    columns: list[CodedColumn], shares: list[Share], stretches: Index, hours: Index | None = None
) -> list[Dependence]:
    """Of each column, for how many rows in a row of the base it, or a share of it, depends on itself.

    :param hours: hour of the day of each row: what repeats with it is no dependence, and would hide how
        levels of days depend. None if no column says the time.
    """
    cells = None if hours is None else _cells(stretches, hours)
    found = []
    for number, column in enumerate(columns):
        series = _series(column, [share for share in shares if share.column == number])
        found.append(dependent_rows((_without(each, cells) for each in series), stretches))
    return found


def _cells(stretches: Index, hours: Index) -> Index:
    """Number of the hour of the day and stretch that each row is of."""
    return np.repeat(np.arange(len(stretches)), stretches) * _HOURS + hours


def _without(values: Floats, cells: Index | None) -> Floats:
    """Values around the mean of their cell; of a cell that is all there is, around nothing else."""
    if cells is None:
        return values
    counts = np.maximum(1, np.bincount(cells))
    return np.asarray(values - (np.bincount(cells, weights=values) / counts)[cells], dtype=np.float64)


def hours_of(base: pd.DataFrame, entity: str | None, time: str | None) -> Index | None:
    """Hour of the day of each row, in the zone of the times.

    None without times, or of a base of less than two days.
    """
    if entity is None or time is None or not len(base):
        return None
    if base[time].max() - base[time].min() < _TWO_DAYS:
        return None
    return np.asarray(base[time].dt.hour, dtype=np.int64)


def _series(column: CodedColumn, shares: list[Share]) -> Iterator[Floats]:
    if column.numbers is not None:
        codes = column.base.astype(np.float64)
        is_number = column.base < column.size - 1
        if is_number.any():  # Where a reading is missing, it is nothing out of the ordinary here.
            yield np.where(is_number, codes, codes[is_number].mean())
    for share in shares:
        yield share.base.astype(np.float64)


def chosen_block(
    given: int, needed: Dependence, rows: int, entity: str | None, longest: str
) -> tuple[int, str]:
    """Rows that are dealt out together, and why there is no verdict where they should be more.

    :param given: at least so many.
    :param needed: for how long they depend on each other.
    :param rows: of the smaller side that is compared; ``LEAST_BLOCKS`` blocks must fit into them.
    :param entity: see ``stretches_of``.
    :param longest: the column that needs so many, for people.
    """
    block = max(given, min(needed.rows, rows // LEAST_BLOCKS))
    if block >= needed.least:
        return block, ""
    unsorted = ""
    if entity is None:
        unsorted = ", or name the entity if these are rows of one device after those of another"
    return block, (
        f"rows depend on each other over about {needed.least:,} in a row, "
        f"those of {longest} for longest, and "
        f"{rows:,} rows have room for {LEAST_BLOCKS} blocks of {block:,} only; it takes "
        f"{needed.least * LEAST_BLOCKS:,} rows or more of each side{unsorted}"
    )


def usual_gap(base: pd.DataFrame, entity: str | None, time: str | None) -> float:
    """Seconds from one row of a device to its next, of the device of the median row; 0 if none has two.

    Of rows of some hours only, the hours between count: so many rows take as long.

    :param entity: column of the device key; None gives 0, as no time does.
    :param time: column of event times, with a zone.
    """
    if entity is None or time is None or not len(base):
        return 0.0
    times = base.groupby(entity, sort=False)[time]
    gaps = (times.transform("max") - times.transform("min")).dt.total_seconds()
    return float((gaps / (times.transform("size") - 1).clip(lower=1)).median())


def rows_of_a_device(batch: pd.DataFrame, entity: str | None, time: str | None, gap_seconds: float) -> int:
    """How many rows at the gap a device of the batch has in a row, that of the median row; 0 if nobody knows.

    A block is no longer than that, also in the base: minutes of a batch differ from each other by more than
    hours of the base do, and would not be chance beside those.

    :param gap_seconds: see ``usual_gap``.
    """
    if entity is None or time is None or not gap_seconds or not len(batch):
        return 0
    times = batch.groupby(entity, sort=False)[time]
    spans = (times.transform("max") - times.transform("min")).dt.total_seconds()
    return 1 + round(float(spans.median()) / gap_seconds)


def block_starts(
    frame: pd.DataFrame, block_rows: int, entity: str | None, time: str | None, gap_seconds: float
) -> Index:
    """First row of each block of a frame in device order, shape (blocks,).

    Rows depend on each other for a time, and a device that sends seldom has few rows in it. So where devices
    and times are known, a block is a span of time of one device. All of a device are equally long, so that
    none is a rest, and no shorter than ``block_rows`` rows take at the gap.

    :param block_rows: that depend on each other, of a device that sends as most rows do.
    :param entity: column of the device key; None makes each ``block_rows`` rows a block, as no time does.
    :param time: column of event times, with a zone.
    :param gap_seconds: see ``usual_gap``; 0 is as no time.
    """
    if entity is None or time is None or block_rows == 1 or not gap_seconds:
        return np.arange(0, len(frame), block_rows)
    rows = stretches_of(frame, entity)
    firsts = np.cumsum(rows) - rows
    seconds = (frame[time] - frame[time].min()).dt.total_seconds().to_numpy()
    first, last = seconds[firsts], seconds[firsts + rows - 1]
    # The last row stands for the time until the next one would have come.
    whole = (last - first) * rows / np.maximum(1, rows - 1) + (rows == 1)
    blocks = np.maximum(1, np.floor(whole / (block_rows * gap_seconds) * (1 + 1e-9)))
    number = np.floor((seconds - first.repeat(rows)) * (blocks / whole).repeat(rows) * (1 + 1e-9))
    is_first = np.ones(len(frame), dtype=bool)
    is_first[1:] = number[1:] != number[:-1]
    is_first[firsts] = True
    return np.flatnonzero(is_first)


def has_same_devices(base: pd.DataFrame, batch: pd.DataFrame, entity: str | None) -> bool:
    """Whether rows are of several devices, in about the same shares on both sides.

    If not, what is of the others is a difference that must show. One of less than ``_MIX`` is less than the
    usual least distance that is called drift.

    :param entity: column of the device key; None if nobody knows.
    """
    if entity is None or entity not in batch:
        return False
    shares = [frame[entity].value_counts(normalize=True) for frame in (base, batch)]
    apart = shares[0].sub(shares[1], fill_value=0.0).abs().sum() / 2
    return len(shares[0]) > 1 and bool(apart <= _MIX)


def block_devices(
    frames: tuple[pd.DataFrame, pd.DataFrame], starts: tuple[Index, Index], entity: str
) -> tuple[Index, Index]:
    """Number of the device of each block, of base and batch.

    :param frames: base and batch in device order.
    :param starts: first row of each block.
    """
    of_block = [frame[entity].iloc[first] for frame, first in zip(frames, starts, strict=True)]
    codes = pd.factorize(pd.concat(of_block, ignore_index=True))[0].astype(np.int64)
    return codes[: len(starts[0])], codes[len(starts[0]) :]


def selected(
    frame: pd.DataFrame, starts: Index, max_rows: int, rng: np.random.Generator
) -> tuple[pd.DataFrame, Index]:
    """All rows, or a random block of each so many in a row if they are more than about so many.

    That keeps the mix of devices and times, which drawing from all does not if a device has few blocks.
    Blocks at equal distances might be of the same hours of all devices.

    :param starts: first row of each block.
    :returns: the rows, and where their blocks start.
    """
    if len(frame) <= max_rows:
        return frame, starts
    count = max(1, len(starts) * max_rows // len(frame))
    chosen = np.unique(((np.arange(count) + rng.random(count)) * (len(starts) / count)).astype(np.int64))
    sizes = np.diff(starts, append=len(frame))
    is_chosen = np.zeros(len(starts), dtype=bool)
    is_chosen[chosen] = True
    kept = np.cumsum(sizes[chosen])
    return frame[np.repeat(is_chosen, sizes)], np.concatenate([[0], kept[:-1]])
