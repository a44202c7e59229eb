"""Words and numbers by which a network says that there is no value, such as ``unknown`` or -9999."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from feature_sets.checks import InputError
from feature_sets.rows.whole_numbers import whole_array
from feature_sets.telemetry.arrow_files import NULL_WORDS
from feature_sets.telemetry.cell_numbers import Numbers, Wholes, number_of_text, numbers_of
from feature_sets.telemetry.cell_text import texts_of
from feature_sets.telemetry.unit_text import number_in_unit

FIELD = "no_value"

Given = tuple[str | float, ...]

_NO_WORDS: Mapping[str, float] = MappingProxyType({})


def no_values(where: str, content: object) -> Given:
    """Words and numbers of a schema that mean no value; a number in quotes is that number.

    >>> no_values("no_value", ["Unknown", -9999, "65535"])
    ('unknown', -9999, 65535)

    :raises InputError: unless it is a list of words and finite numbers.
    """
    if content is None:
        return ()
    rule = "must be a list of words and finite numbers (words such as no and off in quotes)"
    if isinstance(content, str) or not isinstance(content, Sequence):
        raise InputError(where, rule, content)
    return tuple(_one(where, rule, value) for value in content)


def _one(where: str, rule: str, value: object) -> str | float:
    if isinstance(value, str):
        word = value.strip().lower()
        number = number_of_text(word)
        if word in ("true", "false") or word in NULL_WORDS or number is None:
            return word
        value = number
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 2**64:
        raise InputError(where, rule, value)
    return int(value) if float(value).is_integer() else value


@dataclass(frozen=True)
class CellRule:
    """How cells of one metric are read, beyond the rule for all numbers.

    :param words: that mean no value, in lower case.
    :param numbers: that mean no value, in the unit of the metric.
    :param unit: that numbers with a unit are converted to; empty takes none.
    :param values: word, in lower case, -> the number that it stands for.
    """

    words: frozenset[str] = frozenset()
    numbers: tuple[float, ...] = ()
    unit: str = ""
    values: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, *given: Given, unit: str = "", values: Mapping[str, float] = _NO_WORDS) -> CellRule:
        """Of what a schema says of all metrics and of one."""
        every = [value for some in given for value in some]
        words = frozenset(value for value in every if isinstance(value, str))
        told = [value for value in every if not isinstance(value, str)]
        # A file of 32 bits, and who sends on what it has, has -9999.9 as -9999.900390625.
        short = [float(np.float32(value)) for value in told if not float(value).is_integer()]
        return cls(words, tuple(dict.fromkeys([*told, *short])), unit, values)

    @property
    def is_plain(self) -> bool:
        """Whether it says nothing."""
        return not (self.words or self.numbers or self.unit or self.values)

    def number(self, text: str, decimal: str = ".") -> float | None:
        """A text that is no number by the rule for all: as a number, NaN for none, else None."""
        word = text.strip().lower()
        if word in self.words:
            return math.nan
        if word in self.values:
            return float(self.values[word])
        return number_in_unit(text, self.unit, decimal)

    def is_none(self, number: float) -> bool:
        """Whether a number means no value."""
        return number in self.numbers

    def of_numbers(self, read: Numbers, column: pa.ChunkedArray | pa.Array, decimal: str = ".") -> Numbers:
        """A column of numbers by this rule.

        :param read: the column by the rule for all numbers.
        :param column: as the file has it; asked only where a cell is refused.
        :param decimal: of numbers in text.
        """
        values, refused = read
        if refused.any() and (self.words or self.unit or self.values):
            rows = np.flatnonzero(refused)
            found, still = self._read_again(column.take(pa.array(rows)), decimal)
            values, refused = values.copy(), refused.copy()
            values[rows], refused[rows] = found, still
        if self.numbers:
            none = np.isin(values, np.array(self.numbers, dtype=np.float64))
            values = np.where(none, np.nan, values) if none.any() else values
        return Numbers(values, refused)

    def _read_again(
        self, cells: pa.ChunkedArray | pa.Array, decimal: str
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """Numbers of refused cells, and which of them are still refused."""
        try:
            codes, words = texts_of(cells)
        except InputError:  # Lists and structures.
            return np.full(len(cells), np.nan), np.ones(len(cells), dtype=np.bool_)
        found = [self.number(word, decimal) for word in words]
        values = np.array([math.nan if value is None else value for value in found] + [math.nan])
        refused = np.array([value is None for value in found] + [True])
        return values[codes], refused[codes]

    def of_wholes(self, read: Wholes, column: pa.ChunkedArray | pa.Array, decimal: str = ".") -> Wholes:
        """A column of whole numbers by this rule; a number that means none may be negative."""
        values, refused = read
        if refused.any() and (self.words or self.numbers):
            rows = np.flatnonzero(refused)
            again = self.of_numbers(*_as_numbers(column.take(pa.array(rows)), decimal), decimal)
            refused = refused.copy()
            refused[rows] = ~np.isnan(again.values) | again.refused
        wholes = [number for number in self.numbers if number >= 0 and float(number).is_integer()]
        if wholes and len(values):
            told = ~np.asarray(values.isna())
            numbers = values.to_numpy(np.uint64, na_value=0)
            none = np.isin(numbers, np.array(wholes, dtype=np.uint64))
            if (told & none).any():
                values = whole_array(np.where(none, np.uint64(0), numbers), told & ~none)
        return Wholes(values, refused)


PLAIN = CellRule()
"""Nothing beyond the rule for all numbers."""


def _as_numbers(
    cells: pa.ChunkedArray | pa.Array, decimal: str
) -> tuple[Numbers, pa.ChunkedArray | pa.Array]:
    return numbers_of(cells, decimal), cells
