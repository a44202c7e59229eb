"""Columns that are no numbers, though they look so: with a unit, with marks of thousands, of rows."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from feature_sets.listed import listed
from feature_sets.telemetry.arrow_files import NULL_WORDS
from feature_sets.telemetry.cell_numbers import THOUSANDS, number_of_text, numbers_of
from feature_sets.telemetry.cell_text import is_text, texts_of
from feature_sets.telemetry.inspection.column_profile import ROW_NUMBER
from feature_sets.telemetry.inspection.table_profile import TableProfile

_PANDAS_INDEX = re.compile(r"^__index_level_[0-9]+__$")
"""What pandas calls an index without a name in Parquet; it may repeat, as where rows were put together."""
_ROW_NAME = re.compile(r"^(unnamed: ?[0-9.]+|level_[0-9]|#|row[ _]?(id|no|nr|num|number|index)?|)$")
"""What the numbers of rows are called, as pandas and R write them."""
_UNIT = re.compile(r"^[+-]?[0-9][0-9.,]* ?(%|‰|°?[A-Za-zµ]+(/[A-Za-z]+)?)$")
_WITH_UNIT = re.compile(r"numbers with .* behind, ")
_MARKS = re.compile(rf"{THOUSANDS.pattern}|[+-]?[0-9]*[.,]?[0-9]+([eE][+-]?[0-9]+)?")
"""A number with marks between thousands, or with either decimal sign."""
_BUT = ", but for "
_LOOKED_AT = 1000
_MOST_UNITS, _SHOWN, _FILES = 8, 5, 2
_MOSTLY = 0.8
_MOST_WORDS = 3
_FEW = 10
_MARKED = 10
"""Fewest different numbers with three digits behind the sign."""
"""Up to so many different values are rather names, such as ``10G``."""


def _numbers_rows(table: TableProfile, name: str) -> bool:
    """Whether a column numbers the rows: by its name, and each once in a file or named by pandas."""
    column = table.columns[name]
    counts = (column.kind == "number" and column.whole) or column.kind == "truth"
    if counts and _PANDAS_INDEX.search(name):
        return True
    if not counts or column.missing or not _ROW_NAME.search(name.strip().lower()):
        return False
    codes, first = texts_of(table.head[name]).codes, 0
    for length in table.lengths:
        part = codes[first : first + length]
        if len(np.unique(part)) != len(part):
            return False
        first += length
    return True


def with_row_numbers(table: TableProfile) -> TableProfile:
    """The same, in which columns with the numbers of rows are of that kind, which has no use."""
    columns = {
        name: replace(column, kind=ROW_NUMBER) if _numbers_rows(table, name) else column
        for name, column in table.columns.items()
    }
    return replace(table, columns=columns)


def plain_number_hint(table: TableProfile, name: str) -> str:
    """What keeps a column of text from being numbers, if its first values have it; else empty.

    Words that mean no value are passed over, and up to three others if few rows have them; both are told.
    """
    codes, texts = texts_of(table.head[name])
    told = np.array([text.lower() not in NULL_WORDS for text in texts] + [False])
    others = _no_numbers([text for text, is_told in zip(texts, told.tolist(), strict=False) if is_told])
    if others is None:
        return ""
    is_other = np.array([text in others for text in texts] + [False])[codes]
    count, rows = int(np.count_nonzero(is_other)), int(np.count_nonzero(told[codes]))
    if count > (1 - _MOSTLY) * rows:
        return ""
    numbers = table.head[name].filter(pa.array(told[codes] & ~is_other)) if count else table.head[name]
    found = _unit_or_marks(numbers) or _other_sign(numbers, table.decimal)
    if not found:
        # Where nearly all are numbers that could be times, a row of units is one that is left out.
        return _other_words(table, name) if table.columns[name].kind == "text" else ""
    none = [repr(text) for text in texts if text.lower() in NULL_WORDS]
    found += f", and {listed(none, _MOST_WORDS)} for no value" if none else ""
    return found + (f", but for {_named(others)} in {_rows(count)}" if count else "")


def _no_numbers(texts: Sequence[str]) -> list[str] | None:
    """Texts that are no number in any writing, with a unit or without; None if they are more than a few."""
    found: list[str] = []
    for text in texts:
        if number_of_text(text) is not None or _UNIT.search(text) or _MARKS.fullmatch(text):
            continue
        found.append(text)
        if len(found) > _MOST_WORDS:
            return None
    return found


def _named(words: Sequence[str]) -> str:
    return " and ".join(map(repr, words))


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


def has_unit(hint: str) -> bool:
    """Whether ``plain_number_hint`` tells of units."""
    return _WITH_UNIT.match(hint) is not None


def number_way(name: str, hint: str) -> str:
    """What makes a column a metric that has what ``plain_number_hint`` tells."""
    if hint.startswith("numbers, but for"):
        return "if that means no value, name it in no_value, and the column in metrics."
    words = hint.partition(_BUT)[2].rpartition(" in ")[0]
    none = f" What of {words} means no value may be named in its no_value." if words else ""
    if has_unit(hint):
        units = re.findall(r"'([^']*)'", hint.partition(" behind, ")[0])
        unit = json.dumps(units[0]) if len(units) == 1 else "..."
        return (
            f"in metrics it may have a unit, to which these are converted, such as {name}: {{unit: {unit}}}; "
            f"else it is a metric only if they are plain numbers.{none}"
        )
    return f"it is a metric only if they are plain numbers.{none}"


def has_both_signs(table: TableProfile, name: str) -> bool:
    """Whether a column of text is numbers, some with a decimal point and some with a decimal comma."""
    column = table.head[name]
    point, comma = (numbers_of(column, sign).refused for sign in ".,")
    return bool(point.any() and comma.any() and not (point & comma).any())


def both_signs_sentence(table: TableProfile, names: Sequence[str]) -> str:
    """What is told of columns with both decimal signs.

    :param names: the columns, one at least.
    """
    column = table.head[names[0]]
    other = numbers_of(column, table.decimal).refused
    ends = np.cumsum(table.lengths)
    files = [
        file
        for file, begin, end in zip(table.files, ends - table.lengths, ends, strict=False)
        if other[begin:end].any()
    ]
    named = ("comma", "points") if table.decimal == "." else ("point", "commas")
    value = texts_of(column.filter(pa.array(other))).values[0]
    columns = listed([f"'{name}'" for name in names], _SHOWN)
    return (
        f"A decimal {named[0]}, such as {value!r}, is in {np.count_nonzero(other):,} of the {len(other):,} "
        f"rows looked at, of {listed(files, _FILES)}; others have decimal {named[1]}. With one sign in all "
        f"files of the table these are metrics: {columns}."
    )


def may_be_thousands(column: pa.ChunkedArray, name: str, decimal: str) -> str:
    """Tell that the decimal sign of a metric may stand between thousands: by it nobody knows; else empty.

    Each number with it has three digits behind, as 1.016, and those without are below 1000. Of readings that
    are rounded to three digits some end with a zero, which is left out, or are below 1.

    >>> cells = [str(size) if size < 1000 else f"{size / 1000:.3f}" for size in range(900, 1100, 7)]
    >>> may_be_thousands(pa.chunked_array([cells]), "users", ".")[:55]
    "'users' has three digits behind each '.', such as '1.00"

    :param column: its cells.
    :param decimal: a point or a comma.
    """
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not is_text(kind):
        return ""
    values = texts_of(column).values[:_LOOKED_AT]
    grouped = re.compile(rf"[+-]?[1-9][0-9]{{0,2}}{re.escape(decimal)}[0-9]{{3}}")
    marked = [value for value in values if decimal in value]
    if len(marked) < _MARKED or len(marked) == len(values) or not all(map(grouped.fullmatch, marked)):
        return ""
    if not any(value.endswith("0") for value in marked):
        return ""
    if not all(re.fullmatch(r"[+-]?[0-9]{1,3}", value) for value in values if decimal not in value):
        return ""
    return (
        f"'{name}' has three digits behind each {decimal!r}, such as {marked[0]!r}, and no number above 999 "
        f"without: it is read as a decimal sign. If it stands between thousands, export plain numbers."
    )


def _other_words(table: TableProfile, name: str) -> str:
    """A few words that come among numbers, such as the U of RRDtool for none."""
    numbers = numbers_of(table.head[name], table.decimal)
    told = np.count_nonzero(~numbers.refused & ~np.isnan(numbers.values))
    if (
        not numbers.refused.any()
        or told <= _FEW
        or told < _MOSTLY * (told + np.count_nonzero(numbers.refused))
    ):
        return ""
    words = texts_of(table.head[name].filter(pa.array(numbers.refused))).values
    if len(words) > _MOST_WORDS:
        return ""
    return f"numbers, but for {_named(words)} in {_rows(int(np.count_nonzero(numbers.refused)))}"


def _unit_or_marks(column: pa.ChunkedArray) -> str:
    values = [value for value in texts_of(column).values if value.lower() not in NULL_WORDS]
    if len(values) <= _FEW:
        return ""
    values = values[:_LOOKED_AT]
    with_unit = [value for value in values if _UNIT.search(value)]
    units = {found[1] for value in with_unit if (found := _UNIT.search(value))}
    if units and all(_UNIT.search(value) or number_of_text(value) is not None for value in values):
        named = listed([f"'{unit}'" for unit in sorted(units)], _SHOWN)
        if len(units) <= _MOST_UNITS:
            return f"numbers with {named} behind, such as {with_unit[0]!r}"
    plain = re.compile(r"^[+-]?[0-9]+([.,][0-9]+)?$")
    marks = {found[1] for value in values if (found := THOUSANDS.fullmatch(value))}
    if len(marks) == 1 and all(THOUSANDS.fullmatch(value) or plain.search(value) for value in values):
        shown = next(value for value in values if THOUSANDS.fullmatch(value))
        return f"numbers with {marks.pop()!r} between thousands, such as {shown!r}"
    return ""


def _other_sign(column: pa.ChunkedArray, decimal: str) -> str:
    """That a column has another decimal sign than its table, if it is numbers by that alone; else empty."""
    signs = (".", ",") if decimal == "." else (",", ".")
    own, other = (numbers_of(column, sign) for sign in signs)
    if not own.refused.any() or other.refused.any() or np.isnan(other.values).all():
        return ""
    values = texts_of(column.filter(pa.array(own.refused))).values
    named = ("comma", "points") if decimal == "." else ("point", "commas")
    return f"numbers with a decimal {named[0]}, such as {values[0]!r}, where its table has decimal {named[1]}"
