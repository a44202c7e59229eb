"""Texts of live events are the numbers that they are in files."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_sets.telemetry.arrow_files import NULL_WORDS, read_file
from feature_sets.telemetry.cell_numbers import (
    number_hint,
    number_of_text,
    numbers_of,
    whole_of_text,
    wholes_of,
)

_WORDS = st.one_of(
    st.sampled_from(
        [
            *NULL_WORDS,
            "NIL",
            "#N/A",
            " - ",
            "Null",
            "nIl",
            "----",
            "-1",
            "true",
            "FALSE",
            "nan",
            "N/A",
            "inf",
            "-Infinity",
            "1.",
            ".5",
            "+",
            "+3",
            "00",
            "1e5",
            "1e400",
            "\u22121.5",
            "1e\u22127",
            "\u2212",
            "5\u22122",
        ]
    ),
    st.integers(-(2**65), 2**66).map(str),
    st.floats().map(str),
    st.text("0123456789.+-eE ", max_size=24),
)


def test_a_minus_sign_is_that_of_a_number() -> None:
    texts = ["\u2212795.1", "1E\u221207", "\u2212", "-1"]
    found = numbers_of(pa.array(texts))
    np.testing.assert_array_equal(found.values, [-795.1, 1e-7, math.nan, -1])
    assert found.refused.tolist() == [False, False, True, False]
    assert [number_of_text(text) for text in texts] == [-795.1, 1e-7, None, -1]


@given(_WORDS)
@settings(max_examples=300, deadline=None)
def test_a_text_is_the_number_that_it_is_in_a_file(text: str) -> None:
    found = numbers_of(pa.array([text, "no number"]))
    read = number_of_text(text)
    assert (read is None) == bool(found.refused[0])
    np.testing.assert_array_equal(math.nan if read is None else read, found.values[0])
    wholes = wholes_of(pa.array([text, "no number"]))
    whole = whole_of_text(text)
    if whole is None or whole > 2**64 - 1:
        assert wholes.refused[0]
    else:
        assert not wholes.refused[0]
        assert (whole != whole) == (wholes.values[0] is pd.NA)
        assert whole != whole or whole == wholes.values[0]


@pytest.mark.parametrize(
    "word", [*NULL_WORDS, "NIL", "Nil", "nIL", "#N/A", "N/A", "NaN", "NULL", " -- ", "\\N"]
)
@pytest.mark.parametrize("decimal", [".", ","])
def test_a_word_for_no_value_is_none_as_float_and_as_whole_number(
    tmp_path: Path, word: str, decimal: str
) -> None:
    for texts in ([word, "7"], [word, "high"]):  # Where some cell is no number, a file is read as text.
        path = tmp_path / "metrics.csv"
        path.write_text("".join(f'"{text}"\n' for text in ("cpu", *texts)))
        for column in (pa.array(texts), read_file(path, path.name, ["cpu"], ["cpu"])["cpu"]):
            numbers = numbers_of(column, decimal)
            assert math.isnan(numbers.values[0])
            assert numbers.refused.tolist() == [False, texts[1] == "high"]
    assert wholes_of(pa.array([word, "7"]), decimal=decimal).values.tolist() == [pd.NA, 7]
    for read in (number_of_text(word), whole_of_text(word)):
        assert read is not None and math.isnan(read)


@pytest.mark.parametrize(
    ("text", "decimal", "hint"),
    [
        ("1 234", ".", "has separators of thousands, which are not read"),
        ("-1'234'567.5", ".", "has separators of thousands, which are not read"),
        ("1\u202f234", ",", "has separators of thousands, which are not read"),
        ("1,234", ".", "has separators of thousands, which are not read, or a decimal comma"),
        ("1.234", ",", "has separators of thousands, which are not read, or a decimal point"),
        ("1,234,567.5", ".", "has separators of thousands, which are not read"),
        ("0,5", ".", "has a decimal comma"),
        ("12 34", ".", ""),
        ("1,23,4", ".", ""),
        ("high", ".", ""),
    ],
)
def test_a_number_of_another_way_of_writing_is_refused_and_named(text: str, decimal: str, hint: str) -> None:
    assert numbers_of(pa.array([text]), decimal).refused.all()
    assert number_hint(text, decimal) == hint
