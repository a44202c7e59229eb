"""Columns as numbers, whatever type a file gave them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from feature_sets.telemetry.arrow_files import NULL_WORDS
from feature_sets.telemetry.cell_text import is_text

_NUMBER = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?$|^[+-]?inf(?:inity)?$"


class Numbers(NamedTuple):
    """A column as numbers.

    :param values: float64, NaN where there is none; shape (n,).
    :param refused: cells that hold something else.
    """

    values: npt.NDArray[np.float64]
    refused: npt.NDArray[np.bool_]


def numbers_of(column: pa.ChunkedArray | pa.Array, decimal: str = ".") -> Numbers:
    """A column of any type as numbers: those of text too; truth values are 1 and 0.

    >>> numbers_of(pa.array(["1.5", "n/a", "true", "high"]))
    Numbers(values=array([1.5, nan, 1. , nan]), refused=array([False, False, False,  True]))

    :param decimal: of numbers in text, a point or a comma.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        try:
            column = column.cast(pa.binary()).cast(pa.string())
        except pa.ArrowInvalid:
            return _refused(column)
    if is_text(column.type):
        return _of_texts(column.cast(pa.string()), decimal)
    if (
        pa.types.is_floating(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_null(kind)
    ):
        return Numbers(_floats(column), np.zeros(len(column), dtype=np.bool_))
    return _refused(column)


def _floats(column: pa.ChunkedArray | pa.Array) -> npt.NDArray[np.float64]:
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    if pa.types.is_decimal(column.type):  # Its own way to a float may miss the nearest one.
        column = column.cast(pa.string())
    if not pa.types.is_float64(column.type):
        column = column.cast(pa.float64(), safe=False)
    if isinstance(column, pa.Array):
        column = pa.chunked_array([column])
    return np.asarray(column.to_numpy(), dtype=np.float64)


def _refused(column: pa.ChunkedArray | pa.Array) -> Numbers:
    given = np.asarray(pc.is_valid(column), dtype=np.bool_)
    return Numbers(np.full(len(column), np.nan), given)


def _of_texts(column: pa.ChunkedArray | pa.Array, decimal: str) -> Numbers:
    words = pc.utf8_lower(pc.utf8_trim_whitespace(column))
    empty = pc.is_in(words, value_set=pa.array(NULL_WORDS))
    words = pc.if_else(empty, None, words)
    if decimal == ",":  # Now a point is no number.
        words = pc.replace_substring(pc.replace_substring(words, ".", "?"), ",", ".")
    try:
        return Numbers(_floats(words.cast(pa.float64())), np.zeros(len(column), dtype=np.bool_))
    except pa.ArrowInvalid:
        words = pc.if_else(pc.equal(words, "true"), "1", pc.if_else(pc.equal(words, "false"), "0", words))
        fits = pc.match_substring_regex(words, _NUMBER)
        numbers = pc.if_else(fits, pc.utf8_ltrim(words, characters="+"), None)
        refused = np.asarray(pc.fill_null(pc.invert(fits), False), dtype=np.bool_)
        return Numbers(_floats(numbers.cast(pa.float64())), refused)
