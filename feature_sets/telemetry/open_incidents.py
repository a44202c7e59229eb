"""Which rows of files of incidents are open, whatever their end says: those that a column says so of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from feature_sets.rows.keyed_rows import Bools
from feature_sets.telemetry.column_words import absent_words, among
from feature_sets.telemetry.table_rows import TableRows

IGNORED = "end_of_open"
"""What the report counts: rows with an end that does not count."""


def open_rows(rows: TableRows, words: Mapping[str, Sequence[str]], end: str, whole: bool = True) -> Bools:
    """Rows that say that they are open, shape (n,); the report says how many of these have an end.

    :param words: column -> its values of open ones, in capitals or not.
    :param end: column of ends.
    :param whole: whether there is nothing but these rows: then a value that none has is warned of.
    """
    found = np.zeros(len(rows.frame), dtype=np.bool_)
    for column, values in words.items():
        codes, texts = pd.factorize(rows.frame[column])
        is_open = among(texts, values)[codes]
        ignored = is_open & ~found & rows.frame[end].notna().to_numpy() & rows.keep
        rows.report.count(IGNORED, column, int(np.count_nonzero(ignored)))
        found |= is_open
        if whole and (absent := absent_words(column, texts, values, "labels.open")):
            rows.report.notes.append(absent)
    return found
