"""Rows of a history by key and time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from feature_sets.ingestion.history.added_rows import places_in
from feature_sets.ingestion.history.stored_history import StoredHistory, StoredRows
from feature_sets.rows.keyed_rows import KeyedRows


def held_rows(
    history: StoredHistory, rows: KeyedRows, columns: Sequence[str] = ()
) -> tuple[npt.NDArray[np.intp], StoredRows]:
    """Where rows are in a history: the place of each among the stored rows, -1 for one that it has not.

    Only files of their time are read.

    :param rows: at least one.
    :param columns: which to read beside the key and the time.
    """
    first, last = int(rows.micros.min()), int(rows.micros.max())
    files = [file for file in history.manifest.files if file.first <= last and file.last >= first]
    stored = history.near(
        files, columns, rows.keys, lambda found: (found.micros >= first) & (found.micros <= last)
    )
    return places_in(rows.codes, rows.micros, stored.codes, stored.micros), stored
