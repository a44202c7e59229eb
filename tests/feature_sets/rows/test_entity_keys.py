"""Keys of entities: what is refused, and that no two keys are taken for one."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_sets.rows import entity_keys
from feature_sets.rows.entity_keys import checked_key, distinct, key_codes


class Site(StrEnum):
    OSLO = "osl"


@pytest.mark.parametrize("key", ["a", "", "é/1", Site.OSLO, np.str_("a"), 0, -5, 2**70, np.int64(7)])
def test_text_and_whole_numbers_are_keys_alone_and_in_a_column(key: Any) -> None:
    assert checked_key(key) == key
    column = pd.Series([key, "other", key], dtype=object)
    codes, keys = key_codes(column)
    assert (codes.tolist(), keys) == ([0, 1, 0], [key, "other"])
    assert all(type(value) in (int, str, Site, np.str_) for value in keys)


BROKEN = ["a\0b", "\0", "a\ud800", "\udfff/b"]
NO_KEYS = [True, np.True_, 1.0, None, float("nan"), b"a", ("a",), pd.NaT]


@pytest.mark.parametrize("key", [*BROKEN, *NO_KEYS])
def test_anything_else_is_refused_alone_and_in_a_column_whatever_stands_before_it(key: Any) -> None:
    rule = "must be (whole Unicode characters without NUL|text or a whole number), got"
    with pytest.raises(ValueError, match=f"key: {rule}"):
        checked_key(key)
    for before in ("a", repr(key), 1, 0):
        column = pd.Series([before, before, key, "b"], dtype=object, name="device")
        with pytest.raises(
            ValueError, match=rf"column 'device': ({rule}|must have a key in every row, got '1 without')"
        ):
            key_codes(column)


@pytest.mark.parametrize("dtype", ["bool", "float64", "datetime64[ns]", "Float64", "boolean"])
def test_columns_of_other_types_are_refused(dtype: str) -> None:
    with pytest.raises(ValueError, match="column 'device': must be text or a whole number, got"):
        key_codes(pd.Series([0, 1], name="device").astype(dtype))


@pytest.mark.parametrize(
    "dtype", ["object", "string[python]", "string[pyarrow]", "category", "int64", "uint8", "Int64"]
)
def test_every_type_of_column_gives_plain_keys_as_they_first_occur(dtype: str) -> None:
    numbers = "int" in dtype.lower()
    column = pd.Series([3, 1, 3, 2] if numbers else ["c", "a", "c", "b"], dtype=dtype)
    codes, keys = key_codes(column)
    assert (codes.tolist(), keys) == ([0, 1, 0, 2], [3, 1, 2] if numbers else ["c", "a", "b"])
    assert codes.dtype == np.int64
    assert {type(key) for key in keys} == {int if numbers else str}
    assert [part.tolist() if not isinstance(part, list) else part for part in key_codes(column[:0])] == [
        [],
        [],
    ]


_TEXTS = st.text(st.sampled_from(["a", "\0", "\ud800", "'", "\\", "é"]), max_size=3)


@given(st.lists(_TEXTS | st.none()), st.sampled_from(["object", "string[python]"]))
def test_texts_that_differ_are_told_apart_and_missing_ones_are_missing(
    texts: list[str | None], dtype: str
) -> None:
    codes, values = distinct(pd.Series(texts, dtype=dtype))
    assert [None if code < 0 else values[code] for code in codes] == texts
    assert values == list(dict.fromkeys(text for text in texts if text is not None))


_OBJECTS = ["one", "two", "a\0", "a\0b", "\ud800", 1, True, 1.0, 2**70, None, float("nan")]


@given(st.lists(st.sampled_from(_OBJECTS), min_size=2, max_size=8), st.booleans())
def test_rows_that_share_their_objects_get_what_rows_with_objects_of_their_own_get(
    values: list[Any], strided: bool
) -> None:
    # Two equal texts may be two objects: those of the second half are.
    again = ["".join(list(value)) if isinstance(value, str) else value for value in values]
    rows = values * 300 + again * 300
    column = pd.Series(rows, dtype=object)
    if strided:
        column = pd.DataFrame(np.array([rows, rows], dtype=object).T.copy())[1]
    codes, found = distinct(column)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entity_keys, "_WORTH_IDENTITIES", len(rows) + 1)
        wanted, values = distinct(column)
    assert codes.tolist() == wanted.tolist()
    assert list(map(repr, found)) == list(map(repr, values))
