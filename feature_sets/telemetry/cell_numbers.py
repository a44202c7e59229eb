"""Columns as numbers, whatever type a file gave them: as floats, or as whole numbers that lose no unit."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from feature_sets.rows.whole_numbers import EXACT, whole_array
from feature_sets.telemetry.arrow_files import NULL_WORDS
from feature_sets.telemetry.cell_text import is_text

_NUMBER = r"^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?$|^[+-]?inf(?:inity)?$"
_IS_NUMBER = re.compile(_NUMBER)
_MINUS = "\u2212"
"""The typographic minus sign, as spreadsheets and some element managers write it."""
THOUSANDS = re.compile(
    r"[+-]?[0-9]{1,3}([ \u00a0\u2009\u202f'\u2019,.])[0-9]{3}(?:\1[0-9]{3})*(?:[.,][0-9]+)?"
)
"""A number with a mark, its first group, between thousands; all of a text must fit."""
_DIGITS = 20
"""Most digits of a whole number of 64 bits."""
_EXPONENT = re.compile(r"\+?(?P<mantissa>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)e\+?[0-9]+")
"""A number with an exponent, in lower case and with a point; all of a text must fit."""
_ROUNDED_FROM = 10**6
"""Smaller numbers are round now and then: who writes 1e3 means a thousand."""
_LONGEST = 1000
"""Longest text that is read as a number of a live event."""


class Numbers(NamedTuple):
    """A column as numbers.

    :param values: float64, NaN where there is none; shape (n,).
    :param refused: cells that hold something else.
    """

    values: npt.NDArray[np.float64]
    refused: npt.NDArray[np.bool_]


class Wholes(NamedTuple):
    """A column as whole numbers.

    :param values: 64 bits without a sign, missing where there is none; shape (n,).
    :param refused: cells that hold something else.
    """

    values: pd.arrays.IntegerArray
    refused: npt.NDArray[np.bool_]


def wholes_of(column: pa.ChunkedArray | pa.Array, largest: int = 2**64 - 1, decimal: str = ".") -> Wholes:
    """A column of any type as whole numbers from 0 to the largest, exactly.

    >>> wholes_of(pa.array(["18446744073709551615", "7.0", "", "1.5"])).values.tolist()
    [18446744073709551615, 7, <NA>, <NA>]

    A number that a file has as a float is taken if it stands for no other whole number. Texts such as
    1.23E+15 are refused, see ``digits_lost``, unless most with an exponent have all of their digits: then the
    others are round numbers.

    :param decimal: of numbers in text, a point or a comma.
    """
    column = _plain(column)
    kind = column.type
    told = np.asarray(pc.is_valid(column), dtype=np.bool_)
    if pa.types.is_integer(kind):
        numbers, fits = _of_integers(column)
    elif pa.types.is_floating(kind):
        numbers, fits = _of_floats(_floats(column))
        told = told & ~np.isnan(_floats(column))
    elif pa.types.is_decimal(kind) or is_text(kind):
        words = pc.utf8_lower(pc.utf8_trim_whitespace(column.cast(pa.string())))
        if pa.types.is_decimal(kind):  # Zeros behind its point say nothing.
            words = pc.replace_substring_regex(words, r"\.0*$", "")
        told = told & ~np.asarray(pc.is_in(words, value_set=pa.array(NULL_WORDS)), dtype=np.bool_)
        numbers, fits = _of_words(words, decimal)
    else:
        numbers, fits = np.zeros(len(column), dtype=np.uint64), np.zeros(len(column), dtype=np.bool_)
    fits = told & fits & (numbers <= np.uint64(largest))
    return Wholes(whole_array(numbers, fits), told & ~fits)


_Whole = tuple[npt.NDArray[np.uint64], npt.NDArray[np.bool_]]


def _of_integers(column: pa.ChunkedArray | pa.Array) -> _Whole:
    fits = np.ones(len(column), dtype=np.bool_)
    if not pa.types.is_unsigned_integer(column.type):
        fits = np.asarray(pc.fill_null(pc.greater_equal(column, 0), False), dtype=np.bool_)
        column = pc.if_else(pa.array(fits), column, 0)
    return np.asarray(column.cast(pa.uint64()).fill_null(0), dtype=np.uint64), fits


def _of_floats(values: npt.NDArray[np.float64]) -> _Whole:
    fits = (values >= 0) & (values < EXACT) & (np.floor(values) == values)
    return np.where(fits, values, 0.0).astype(np.uint64), fits


def _of_words(words: pa.ChunkedArray | pa.Array, decimal: str) -> _Whole:
    """Texts of nothing but digits are exact; any other number is one that was a float."""
    digits = pc.utf8_ltrim(pc.replace_substring_regex(words, r"^\+", ""), characters="0")
    digits = pc.if_else(pc.equal(digits, ""), "0", digits)
    short = pc.match_substring_regex(digits, r"^[0-9]{1,19}$")
    # Of twenty digits those that are no more than 64 bits hold.
    long = pc.and_(pc.match_substring_regex(digits, r"^[0-9]{20}$"), pc.less_equal(digits, str(2**64 - 1)))
    is_whole = pc.and_(pc.or_(short, long), pc.match_substring_regex(words, r"^\+?[0-9]+$"))
    fits = np.asarray(pc.fill_null(is_whole, False), dtype=np.bool_)
    numbers = np.asarray(pc.if_else(pa.array(fits), digits, "0").cast(pa.uint64()), dtype=np.uint64)
    rest = np.flatnonzero(~fits)
    if len(rest):
        numbers, fits = numbers.copy(), fits.copy()
        others = words.take(pa.array(rest))
        truths = np.asarray(pc.is_in(others, value_set=pa.array(["true", "false"])), dtype=np.bool_)
        floats = np.where(truths, np.nan, _of_texts(others, decimal).values)
        numbers[rest], fits[rest] = _of_floats(floats)
        fits[rest] &= ~_rounded(others, decimal)
    return numbers, fits


def _rounded(words: pa.ChunkedArray | pa.Array, decimal: str) -> npt.NDArray[np.bool_]:
    """Which texts have an exponent and too few digits, if these are most of those with an exponent."""
    found = np.zeros(len(words), dtype=np.bool_)
    rows = np.flatnonzero(pc.fill_null(pc.match_substring(words, "e+"), False))
    if not len(rows):
        rows = np.flatnonzero(pc.fill_null(pc.match_substring_regex(words, "[0-9.,]e[0-9]"), False))
    told = [digits_lost(text, decimal) for text in words.take(pa.array(rows)).to_pylist()]
    exponents = sum(lost is not None for lost in told)
    lost = rows[[bool(each) for each in told]] if len(rows) else rows
    if 2 * len(lost) > exponents:
        found[lost] = True
    return found


def digits_lost(text: str, decimal: str = ".") -> int | None:
    """How many digits a whole number lost as it was rounded to one with an exponent, as spreadsheets show it.

    >>> digits_lost("1.23E+15"), digits_lost("1.234567E+06"), digits_lost("1230000"), digits_lost("1e3")
    (13, 0, None, 0)

    :param decimal: a point or a comma.
    :returns: None of a text without an exponent.
    """
    word = text.strip().lower()
    if decimal == ",":
        word = word.replace(".", "?").replace(",", ".")
    found = _EXPONENT.fullmatch(word)
    if found is None or not float(word) < math.inf:
        return None
    number = int(float(word))
    digits = len(found["mantissa"].replace(".", "").lstrip("0"))
    return max(len(str(number)) - digits, 0) if number >= _ROUNDED_FROM else 0


def rounded_hint(text: str, decimal: str = ".") -> str:
    """What a text of a counter has that is rounded; else empty.

    >>> rounded_hint("1.23E+15")
    'was rounded, 13 of its digits are lost, as a spreadsheet shows it: export whole numbers, format 0'

    :param decimal: a point or a comma.
    """
    lost = digits_lost(text, decimal) if len(text) <= _LONGEST else None
    if not lost:
        return ""
    count = "1 of its digits is" if lost == 1 else f"{lost} of its digits are"
    return f"was rounded, {count} lost, as a spreadsheet shows it: export whole numbers, format 0"


def _plain(column: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    """The column without a dictionary, and as text if it has text in bytes."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        try:
            return column.cast(pa.binary()).cast(pa.string())
        except pa.ArrowInvalid:
            return column
    return column


def numbers_of(column: pa.ChunkedArray | pa.Array, decimal: str = ".") -> Numbers:
    """A column of any type as numbers: those of text too; truth values are 1 and 0.

    >>> numbers_of(pa.array(["1.5", "n/a", "true", "high"]))
    Numbers(values=array([1.5, nan, 1. , nan]), refused=array([False, False, False,  True]))

    :param decimal: of numbers in text, a point or a comma.
    """
    column = _plain(column)
    kind = column.type
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


def number_of_text(text: str) -> float | None:
    """A text as a number, by the rule of ``numbers_of``: NaN if it says that there is none, else None.

    >>> number_of_text("1.5"), number_of_text("True"), number_of_text("n/a"), number_of_text("high")
    (1.5, 1.0, nan, None)
    """
    word = text.strip().lower()
    if word in NULL_WORDS:
        return math.nan
    word = word.replace(_MINUS, "-")
    if word in ("true", "false"):
        return float(word == "true")
    return float(word) if len(word) <= _LONGEST and _IS_NUMBER.match(word) else None


def number_hint(text: str, decimal: str = ".") -> str:
    """What a text has that is no number, if it is one of another way of writing; else empty.

    >>> number_hint("1 234"), number_hint("4,7E-09"), number_hint("high")
    ('has separators of thousands, which are not read', 'has a decimal comma', '')

    :param decimal: of numbers in text, a point or a comma.
    """
    word = text.strip()
    sign, name = (",", "comma") if decimal == "." else (".", "point")
    thousands = "has separators of thousands, which are not read"
    grouped = THOUSANDS.fullmatch(word) is not None
    if re.fullmatch(
        rf"[+-]?[0-9]*\{sign}[0-9]+([eE][+-]?[0-9]+)?", word
    ):  # Before three digits it may be either.
        return f"{thousands}, or a decimal {name}" if grouped else f"has a decimal {name}"
    return thousands if grouped else ""


def whole_of_text(text: str) -> int | float | None:
    """A text as a whole number of at least 0, by the rule of ``wholes_of``; NaN and None as of a number.

    >>> whole_of_text("18446744073709551615"), whole_of_text("7.0"), whole_of_text("1.5")
    (18446744073709551615, 7, None)
    """
    word = text.strip().lower().removeprefix("+")
    if word.isascii() and word.isdigit():
        digits = word.lstrip("0") or "0"
        return int(digits) if len(digits) <= _DIGITS else None
    number = None if word in ("true", "false") else number_of_text(text)
    if number is None or number != number:
        return number
    if digits_lost(word):
        return None
    return int(number) if 0 <= number < EXACT and number.is_integer() else None


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
        words = pc.replace_substring(words, _MINUS, "-")
        words = pc.if_else(pc.equal(words, "true"), "1", pc.if_else(pc.equal(words, "false"), "0", words))
        fits = pc.match_substring_regex(words, _NUMBER)
        numbers = pc.if_else(fits, pc.utf8_ltrim(words, characters="+"), None)
        refused = np.asarray(pc.fill_null(pc.invert(fits), False), dtype=np.bool_)
        return Numbers(_floats(numbers.cast(pa.float64())), refused)
