"""Cells of a column as text, whatever type a file gave them, and when two of them say the same.

Text stays text, but for spaces around it. A whole number has no decimal point, as a float too; truth values
are ``true`` and ``false``; a decimal has no zeros at its end; times are ISO 8601.
"""

from __future__ import annotations

import datetime
import re
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from feature_sets.checks import InputError

_WHOLE = re.compile(r"[+-]?[0-9]+\.0+")
_TRUTHS = {
    **dict.fromkeys(("true", "yes", "on", "1", "1.0"), True),
    **dict.fromkeys(("false", "no", "off", "0", "0.0"), False),
}


class Texts(NamedTuple):
    """A column as text.

    :param codes: the number of each row's text, -1 where the cell is empty; shape (n,).
    :param values: the different texts.
    """

    codes: npt.NDArray[np.int64]
    values: list[str]

    def series(self) -> pd.Series:
        """One object a different text, shared by its rows; None where the cell is empty."""
        return pd.Series(np.array([*self.values, None], dtype=object)[self.codes], dtype=object)


def cell_text(value: Any) -> str | None:
    """Text of one cell; None if it is empty.

    >>> cell_text(7.0), cell_text(True), cell_text("1.10 "), cell_text(Decimal("1.10"))
    ('7', 'true', '1.10', '1.1')

    :raises InputError: if it is a list or a structure.
    """
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, bytes):
        # What is no text keeps its bytes as half characters, which no key may have.
        return value.decode("utf-8", "surrogateescape").strip() or None
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float | np.floating | Decimal):
        return _number_text(value)
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, datetime.timedelta):
        return str(value)
    raise InputError("cell", "must be a plain value", type(value).__name__)


def _number_text(value: float | np.floating[Any] | Decimal) -> str | None:
    if value != value:
        return None
    if isinstance(value, Decimal):
        if not value.is_finite():
            return str(value)
        return str(int(value)) if value == value.to_integral_value() else format(value.normalize(), "f")
    number = float(value)
    return str(int(number)) if number.is_integer() else repr(number)


def texts_of(column: pa.ChunkedArray | pa.Array) -> Texts:
    """A column of any type as text.

    >>> texts_of(pa.array([2**53 + 1, None, 7]))
    Texts(codes=array([ 0, -1,  1]), values=['9007199254740993', '7'])

    :raises InputError: if its cells are lists or structures.
    """
    if isinstance(column, pa.Array):
        column = pa.chunked_array([column])
    if pa.types.is_null(column.type):
        return Texts(np.full(len(column), -1, dtype=np.int64), [])
    if not pa.types.is_dictionary(column.type):
        try:
            column = column.dictionary_encode()
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
            raise InputError("column", "must hold plain values", str(column.type)) from None
    column = column.unify_dictionaries()
    if not column.num_chunks:
        return Texts(np.zeros(0, dtype=np.int64), [])
    numbers: dict[str, int] = {}
    places = []
    for value in _plain(column.chunk(0).dictionary):
        text = cell_text(value)
        places.append(-1 if text is None else numbers.setdefault(text, len(numbers)))
    codes = np.concatenate(
        [
            chunk.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
            for chunk in column.chunks
        ]
    )
    # The last one stands for the rows without a value.
    return Texts(np.array([*places, -1], dtype=np.int64)[codes], list(numbers))


def _plain(values: pa.Array) -> list[Any]:
    if pa.types.is_timestamp(values.type):  # Python's times end at microseconds.
        values = values.cast(pa.timestamp("us", values.type.tz), safe=False)
    try:
        return list(values.to_pylist())
    except (OverflowError, ValueError):
        return [plain_value(value) for value in values]


def shown(value: object) -> str:
    """A value as it is told to people: that there is none is no word of a file.

    >>> shown("None"), shown(None), shown(float("nan")), shown(5.0)
    ("'None'", 'none', 'none', '5.0')
    """
    return "none" if value is None or value != value else repr(value)


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of this type holds text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def plain_value(cell: pa.Scalar) -> Any:
    """Value of a cell; of times beyond those of Python the number that Arrow keeps."""
    try:
        return cell.as_py()
    except (OverflowError, ValueError):
        return cell.value


def truth_of(text: str | None) -> bool | None:
    """The truth value that a word says, None if none.

    >>> truth_of("Yes"), truth_of("0"), truth_of("01")
    (True, False, None)
    """
    return None if text is None else _TRUTHS.get(text.lower())


def one_form(text: str) -> str:
    """Text of a cell in the one form that truth values have, whoever wrote them.

    >>> one_form("True"), one_form("Yes")
    ('true', 'Yes')
    """
    return text.lower() if text.lower() in ("true", "false") else text


def id_text(text: str) -> str:
    """Text of an id in the one form of whole numbers: a file writes 7 as 7.0 where another row has none.

    >>> id_text("7.0"), id_text("1.10"), id_text("007"), id_text("INC7.0")
    ('7', '1.10', '007', 'INC7.0')
    """
    return text.partition(".")[0] if _WHOLE.fullmatch(text) else text


def ids_of(column: pa.ChunkedArray | pa.Array) -> Texts:
    """A column of ids as text, each in the form of ``id_text``."""
    codes, words = texts_of(column)
    numbers: dict[str, int] = {}
    places = [numbers.setdefault(id_text(word), len(numbers)) for word in words]
    return Texts(np.array([*places, -1], dtype=np.int64)[codes], list(numbers))


def says_the_same(text: str | None, value: Any) -> bool:
    """Whether a cell has the value that a schema names: the same text, or the same truth value.

    >>> says_the_same("yes", True), says_the_same("01", "01"), says_the_same("1.10", 1.1)
    (True, True, False)

    :param text: of the cell; one that is empty has no value.
    :param value: of the schema.
    """
    if text is None:
        return False
    wanted = cell_text(value)
    truth = truth_of(wanted)
    return text == wanted or (truth is not None and truth_of(text) == truth)


def check_value(where: str, value: Any) -> None:
    """Raise InputError unless a cell could have this value of a schema."""
    rule = "must be text, a number or a truth value"
    try:
        text = cell_text(value)
    except InputError:
        raise InputError(where, rule, value) from None
    if text is None:
        raise InputError(where, rule, value)


def rows_saying(column: pd.Series, value: Any) -> npt.NDArray[np.bool_]:
    """Which rows of a column have the value that a schema names; the rule is that of ``says_the_same``.

    :param column: of any type.
    :returns: shape (n,).
    """
    codes, values = pd.factorize(column)
    same = [says_the_same(cell_text(found), value) for found in values.tolist()]
    return np.array([*same, False], dtype=np.bool_)[codes]
