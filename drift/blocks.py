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


def selected(frame: pd.DataFrame, max_rows: int, block_rows: int, rng: np.random.Generator) -> pd.DataFrame:
    """All rows, or a random selection of blocks if they are more than so many."""
    if len(frame) <= max_rows:
        return frame
    blocks = -(-len(frame) // block_rows)
    chosen = np.sort(rng.choice(blocks, max_rows // block_rows, replace=False))
    rows = (chosen[:, None] * block_rows + np.arange(block_rows)).ravel()
    return frame.iloc[rows[rows < len(frame)]]
