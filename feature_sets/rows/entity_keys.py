"""Keys of entities: what is taken for one, and the keys of a column told apart exactly."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from feature_sets.checks import InputError

_WORTH_IDENTITIES = 1000
"""Rows from which on looking for shared objects costs less than it saves."""

_SEPARATORS = ("/", "|", ":", ";", "@", "~", "#")
"""What may join the parts of a key, the usual one first."""

KEY_TEXT_RULE = "must be whole Unicode characters without NUL"


def is_key_text(text: str) -> bool:
    """Whether text can be a key: no lone surrogate, which no file can hold, and no NUL.

    pandas compares texts up to the first NUL, so two keys that differ after it would be one.
    """
    if "\0" in text:
        return False
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def checked_key(key: Any, name: str = "key") -> str | int:
    """Raise InputError unless a key is text or a whole number, as snapshots can hold.

    A boolean is neither, and ``is_key_text`` says which text is taken.

    :param name: what an error calls it.
    """
    if isinstance(key, str):
        if not is_key_text(key):
            raise InputError(name, KEY_TEXT_RULE, key)
        return key
    if not isinstance(key, Integral) or isinstance(key, bool):
        raise InputError(name, "must be text or a whole number", key)
    return int(key)


def key_parts(key: str, levels: int, separator: str) -> list[str]:
    """Values that a key is made of, outermost first; only the last one may have the separator in it.

    >>> key_parts("oslo/a/b", 2, "/"), key_parts("oslo/a/b", 1, "/")
    (['oslo', 'a/b'], ['oslo/a/b'])

    :param levels: how many values it should have; a key that was made of fewer gives fewer.
    """
    return key.split(separator, levels - 1) if separator and levels > 1 else [key]


def free_separator(values: Iterable[str]) -> str:
    """The usual separator, or else one that is in none of these parts of keys; empty if all are.

    >>> free_separator(["leaf1", "eth0"]), free_separator(["leaf1:57400", "ethernet-1/1"])
    ('/', '|')
    """
    left = list(_SEPARATORS)
    for value in values:
        left = [separator for separator in left if separator not in value]
        if not left:
            return ""
    return left[0]


def key_codes(column: pd.Series) -> tuple[npt.NDArray[np.int64], list[str | int]]:
    """The number of each row's key, shape (n,), and the keys in the order in which they first occur.

    >>> codes, keys = key_codes(pd.Series(["b", "a", "b"], name="box"))
    >>> codes.tolist(), keys
    ([0, 1, 0], ['b', 'a'])

    :raises InputError: if a row has no key, or one that ``checked_key`` refuses.
    """
    name = f"column '{column.name}'"
    codes, values = distinct(column)
    missing = int(np.count_nonzero(codes < 0))
    if missing:
        raise InputError(name, "must have a key in every row", f"{missing} without")
    if column.dtype == object and not all(isinstance(value, str) for value in values):
        for value in column:  # 1 == True, so not all of them need be among the distinct ones.
            checked_key(value, name)
    return codes, [checked_key(value, name) for value in values]


def distinct(column: pd.Series) -> tuple[npt.NDArray[np.int64], list[Any]]:
    """``pandas.factorize``, which takes some texts for equal that are not; this one does not.

    :returns: the number of each row's value, -1 for a missing one, and the values as they first occur.
    """
    if column.dtype == "string[python]":
        column = column.astype(object)
    if column.dtype == object and len(column) >= _WORTH_IDENTITIES:
        identities = _objects(column)
        if identities is not None:
            numbers, objects = identities
            of_objects, found = distinct(objects)
            return of_objects[numbers], found
    if column.dtype == object and pd.api.types.infer_dtype(column, skipna=True) == "string":
        try:
            # As fast as pandas, and it compares whole texts.
            texts = pa.array(column, type=pa.dictionary(pa.int64(), pa.string()), from_pandas=True)
        except UnicodeEncodeError:
            return _distinct_texts(column)
        # Arrow's own memory is read-only, for which the window kernels would be compiled once more.
        return texts.indices.fill_null(-1).to_numpy().copy(), texts.dictionary.to_pylist()
    codes, values = pd.factorize(column)
    return codes.astype(np.int64, copy=False), values.tolist()


def _objects(column: pd.Series) -> tuple[npt.NDArray[np.int64], pd.Series] | None:
    """The number of each row's object, by identity, and the objects as they first occur.

    Columns made from files or by repetition hold each text once and point to it from many rows. Comparing
    where they point costs a tenth of comparing texts, and one object has but one value.

    :returns: None if too few rows share their object for that to be worth it.
    """
    array = np.ascontiguousarray(column.to_numpy())
    pointers: npt.NDArray[np.intp] = np.ndarray(len(array), dtype=np.intp, buffer=array)
    some = pointers[: len(pointers) // 8]
    if len(pd.unique(some)) > len(some) // 4:
        return None
    numbers, uniques = pd.factorize(pointers)
    if len(uniques) > len(pointers) // 4:
        return None
    newest = np.maximum.accumulate(numbers)
    first = np.flatnonzero(np.diff(newest, prepend=-1))
    return numbers, column.iloc[first]


def _distinct_texts(column: pd.Series) -> tuple[npt.NDArray[np.int64], list[Any]]:
    """``distinct`` of texts that are not all whole, which Arrow does not take."""
    numbers: dict[str, int] = {}
    codes = [
        numbers.setdefault(value, len(numbers)) if isinstance(value, str) else -1 for value in column.tolist()
    ]
    return np.array(codes, dtype=np.int64), list(numbers)
