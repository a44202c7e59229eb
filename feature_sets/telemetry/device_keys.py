"""The device key of every row of a table, made of its entity columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.rows.entity_keys import is_key_text
from feature_sets.telemetry.cell_text import Texts


@dataclass(frozen=True)
class DeviceKeys:
    """Composed keys of a table.

    :param texts: the key of each row, none where it cannot be made; shape (n,).
    :param missing: rows in which a part is absent or empty.
    :param ambiguous: rows in which a part other than the last contains the separator.
    :param broken: rows in which a part has a lone surrogate or a NUL.
    """

    texts: Texts
    missing: npt.NDArray[np.bool_]
    ambiguous: npt.NDArray[np.bool_]
    broken: npt.NDArray[np.bool_]

    @property
    def keys(self) -> npt.NDArray[np.object_]:
        """The keys as objects, None where there is none."""
        keys: npt.NDArray[np.object_] = self.texts.series().to_numpy()
        return keys


def no_keys(size: int) -> DeviceKeys:
    """Of rows that have none, and need none."""
    no = np.zeros(size, dtype=bool)
    return DeviceKeys(Texts(np.full(size, -1, dtype=np.int64), []), no, no.copy(), no.copy())


def compose_keys(columns: Sequence[Texts], separator: str) -> DeviceKeys:
    """Keys of the rows: the columns joined by the separator.

    :param columns: what the key is made of, outermost first; a single column is the whole key.
    """
    if len(columns) == 1:
        return _of_one(columns[0])
    size = len(columns[0].codes)
    missing = np.zeros(size, dtype=bool)
    ambiguous = np.zeros(size, dtype=bool)
    broken = np.zeros(size, dtype=bool)
    combined = np.zeros(size, dtype=np.int64)
    for position, (codes, words) in enumerate(columns):
        missing |= codes < 0
        if position < len(columns) - 1 and separator:
            ambiguous |= np.array([separator in word for word in words] + [False])[codes]
        broken |= np.array([not is_key_text(word) for word in words] + [False])[codes]
        # Renumbered at every step, so that the product of many levels does not overflow.
        combined = pd.factorize(combined * (len(words) + 1) + codes + 1)[0].astype(np.int64)
    ambiguous &= ~missing
    broken &= ~(missing | ambiguous)
    good = ~(missing | ambiguous | broken)
    first = np.flatnonzero(np.diff(np.maximum.accumulate(combined), prepend=-1))
    parts = [np.array([*words, ""], dtype=object)[codes[first]] for codes, words in columns]
    # Several may be one key; each is numbered once.
    numbers: dict[str, int] = {}
    used = good[first]
    codes = np.array(
        [
            numbers.setdefault(separator.join(row), len(numbers)) if is_good else -1
            for row, is_good in zip(zip(*parts, strict=True), used.tolist(), strict=True)
        ],
        dtype=np.int64,
    )
    return DeviceKeys(Texts(codes[combined], list(numbers)), missing, ambiguous, broken)


def _of_one(column: Texts) -> DeviceKeys:
    """Keys that are the texts of a column."""
    codes, words = column
    fits = [is_key_text(word) for word in words]
    broken = np.array([not fit for fit in fits] + [False])[codes]
    places = np.array([*np.where(fits, np.cumsum(fits) - 1, -1), -1], dtype=np.int64)
    keys = [word for word, fit in zip(words, fits, strict=True) if fit]
    return DeviceKeys(Texts(places[codes], keys), codes < 0, np.zeros(len(codes), dtype=bool), broken)
