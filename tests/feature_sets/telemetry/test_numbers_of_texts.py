"""Texts of live events are the numbers that they are in files."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_sets.telemetry.cell_numbers import number_of_text, numbers_of, whole_of_text, wholes_of

_WORDS = st.one_of(
    st.sampled_from(
        ["", "true", "FALSE", "nan", "N/A", "inf", "-Infinity", "1.", ".5", "+", "+3", "00", "1e5", "1e400"]
    ),
    st.integers(-(2**65), 2**66).map(str),
    st.floats().map(str),
    st.text("0123456789.+-eE ", max_size=24),
)


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
