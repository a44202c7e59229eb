"""Which rows of a history an addition in several steps has rewritten, each counted once."""

from __future__ import annotations

import numpy as np

from feature_sets.rows.keyed_rows import Integers, KeyedRows


class RewrittenRows:
    """Keys and times of rows that were rewritten."""

    def __init__(self) -> None:
        self._codes: dict[str | int, int] = {}
        self._rows: Integers = np.empty((0, 2), dtype=np.int64)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def first(self) -> int | None:
        """Time of the earliest, microseconds; None without one."""
        return int(self._rows[:, 1].min()) if len(self._rows) else None

    def add(self, rows: KeyedRows) -> None:
        """Take rows that were rewritten, again or for the first time."""
        codes = np.array([self._codes.setdefault(key, len(self._codes)) for key in rows.keys], dtype=np.int64)
        if len(rows):
            found = np.column_stack([codes[rows.codes], rows.micros])
            self._rows = np.unique(np.concatenate([self._rows, found]), axis=0)
