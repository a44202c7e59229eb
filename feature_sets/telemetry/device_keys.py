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

    :param keys: the key as text, None where it cannot be made; shape (n,).
    :param missing: rows in which a part is absent or empty.
    :param ambiguous: rows in which a part other than the last contains the separator.
    :param broken: rows in which a part has a lone surrogate or a NUL.
    """

    keys: npt.NDArray[np.object_]
    missing: npt.NDArray[np.bool_]
    ambiguous: npt.NDArray[np.bool_]
    broken: npt.NDArray[np.bool_]


def no_keys(size: int) -> DeviceKeys:
    """Of rows that have none, and need none."""
    no = np.zeros(size, dtype=bool)
    return DeviceKeys(np.full(size, None, dtype=object), no, no.copy(), no.copy())


def compose_keys(columns: Sequence[Texts], separator: str) -> DeviceKeys:
    """Keys of the rows: the columns joined by the separator.

    :param columns: what the key is made of, outermost first; a single column is the whole key.
    """
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
    joined = np.array([separator.join(row) for row in zip(*parts, strict=True)], dtype=object)
    keys = np.full(size, None, dtype=object)
    keys[good] = joined[combined[good]]
    return DeviceKeys(keys, missing, ambiguous, broken)
