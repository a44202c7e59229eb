"""The device key of every row of a table, made of its entity columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.rows.entity_keys import distinct, is_key_text


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


def compose_keys(frame: pd.DataFrame, columns: tuple[str, ...], separator: str) -> DeviceKeys:
    """Keys of the rows: the columns as text without outer spaces, joined by the separator.

    Whole numbers are written without a decimal point, as they were before a missing value made them floats.

    :param columns: what the key is made of, outermost first; a single column is the whole key.
    """
    size = len(frame)
    missing = np.zeros(size, dtype=bool)
    ambiguous = np.zeros(size, dtype=bool)
    broken = np.zeros(size, dtype=bool)
    combined = np.zeros(size, dtype=np.int64)
    for position, column in enumerate(columns):
        codes, values = distinct(frame[column])
        words = [_text(value) for value in values]
        missing |= np.array([not word for word in words] + [True])[codes]
        if position < len(columns) - 1 and separator:
            ambiguous |= np.array([separator in word for word in words] + [False])[codes]
        broken |= np.array([not is_key_text(word) for word in words] + [False])[codes]
        # Renumbered at every step, so that the product of many levels does not overflow.
        combined = pd.factorize(combined * (len(words) + 1) + codes + 1)[0].astype(np.int64)
    ambiguous &= ~missing
    broken &= ~(missing | ambiguous)
    good = ~(missing | ambiguous | broken)
    keys = np.full(size, None, dtype=object)
    _, first, groups = np.unique(combined, return_index=True, return_inverse=True)
    parts = [np.array([_text(v) for v in frame[column].iloc[first]], dtype=object) for column in columns]
    joined = np.array([separator.join(row) for row in zip(*parts, strict=True)], dtype=object)
    keys[good] = joined[groups[good]]
    return DeviceKeys(keys, missing, ambiguous, broken)


def _text(value: object) -> str:
    if value is None or value is pd.NA or value is pd.NaT or value != value:
        return ""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()
