"""How many rows in a row are dealt out together, and which rows are compared where there are many."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from drift.coded_columns import CodedColumn, Index
from drift.dependent_rows import dependent_rows
from drift.discretize import Floats
from drift.reference_rows import LEAST_BLOCKS
from drift.shares import Share

MOST_PROBED = 50_000
"""Rows of the base from which their dependence is estimated, at most."""


def stretches_of(base: pd.DataFrame, entity: str | None) -> Index:
    """Rows of each device, one after another; all rows are one stretch if no column says the device."""
    if entity is None or not len(base):
        return np.array([len(base)])
    keys = base[entity].to_numpy()
    starts = np.concatenate([[0], np.flatnonzero(keys[1:] != keys[:-1]) + 1, [len(keys)]])
    return np.diff(starts)


def needed_block(columns: list[CodedColumn], shares: list[Share], stretches: Index) -> int:
    """Rows in a row of the base over which any column, or share of it, depends on itself."""
    return dependent_rows(_series(columns, shares), stretches)


def _series(columns: list[CodedColumn], shares: list[Share]) -> Iterator[Floats]:
    for column in columns:
        if column.numbers is not None:
            codes = column.base.astype(np.float64)
            is_number = column.base < column.size - 1
            if is_number.any():  # Where a reading is missing, it is nothing out of the ordinary here.
                yield np.where(is_number, codes, codes[is_number].mean())
    for share in shares:
        yield share.base.astype(np.float64)


def chosen_block(given: int, needed: int, rows: int, entity: str | None) -> tuple[int, str]:
    """Rows that are dealt out together, and a warning where they should be more.

    :param given: at least so many.
    :param needed: over so many they depend on each other.
    :param rows: of the smaller side that is compared; ``LEAST_BLOCKS`` blocks must fit into them.
    :param entity: see ``stretches_of``.
    """
    block = max(given, min(needed, rows // LEAST_BLOCKS))
    if block >= needed:
        return block, ""
    unsorted = ""
    if entity is None:
        unsorted = ", or name the entity if these are rows of one device after those of another"
    return block, (
        f"rows depend on each other over about {needed:,} in a row, and {rows:,} rows have room for "
        f"{LEAST_BLOCKS} blocks of {block:,} only: drift may be found where there is none; compare "
        f"{needed * LEAST_BLOCKS:,} rows or more of each side{unsorted}"
    )


def block_starts(
    frame: pd.DataFrame, block_rows: int, entity: str | None, time: str | None, gap_seconds: float
) -> Index:
    """First row of each block of a frame in device order, shape (blocks,).

    Rows depend on each other for a time, and a device that sends seldom has few rows in it. So where devices
    and times are known, a block is a span of time of one device.

    :param block_rows: that depend on each other, of a device that sends as most rows do.
    :param entity: column of the device key; None makes each ``block_rows`` rows a block, as no time does.
    :param time: column of event times, with a zone.
    :param gap_seconds: between two rows of a device that sends as most rows do.
    """
    if entity is None or time is None or block_rows == 1:
        return np.arange(0, len(frame), block_rows)
    firsts = np.cumsum(stretches_of(frame, entity))[:-1]
    micros = frame[time].dt.tz_convert("UTC").dt.tz_localize(None).to_numpy("datetime64[us]").astype(np.int64)
    begun = np.repeat(micros[np.concatenate([[0], firsts])], stretches_of(frame, entity))
    spans = (micros - begun) // max(1, round(block_rows * gap_seconds * 1e6))
    is_first = np.ones(len(frame), dtype=bool)
    is_first[1:] = spans[1:] != spans[:-1]
    is_first[firsts] = True
    return np.flatnonzero(is_first)


def selected(
    frame: pd.DataFrame, starts: Index, max_rows: int, rng: np.random.Generator
) -> tuple[pd.DataFrame, Index]:
    """All rows, or blocks at equal distances from a random one on if they are more than about so many.

    Equal distances keep the mix of devices, which drawing at random does not if they have few blocks each.

    :param starts: first row of each block.
    :returns: the rows, and where their blocks start.
    """
    if len(frame) <= max_rows:
        return frame, starts
    count = max(1, len(starts) * max_rows // len(frame))
    chosen = ((np.arange(count) + rng.random()) * (len(starts) / count)).astype(np.int64)
    sizes = np.diff(starts, append=len(frame))
    is_chosen = np.zeros(len(starts), dtype=bool)
    is_chosen[chosen] = True
    kept = np.cumsum(sizes[chosen])
    return frame[np.repeat(is_chosen, sizes)], np.concatenate([[0], kept[:-1]])
