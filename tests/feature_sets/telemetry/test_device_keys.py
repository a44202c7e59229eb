"""Device keys of table rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from feature_sets.telemetry import device_keys
from feature_sets.telemetry.cell_text import Texts, cell_text, texts_of


def compose_keys(frame: pd.DataFrame, columns: tuple[str, ...], separator: str) -> device_keys.DeviceKeys:
    return device_keys.compose_keys([texts(frame[column]) for column in columns], separator)


def texts(column: pd.Series) -> Texts:
    try:
        return texts_of(pa.Array.from_pandas(column))
    except UnicodeEncodeError:  # Arrow holds no half characters, but a key may have come with one.
        cells = [cell_text(cell) for cell in column]
        values = list(dict.fromkeys(cell for cell in cells if cell))
        return Texts(np.array([values.index(cell) if cell else -1 for cell in cells]), values)


def test_levels_are_joined_row_by_row_in_the_given_order() -> None:
    frame = pd.DataFrame({"b": ["x", "y", "x", "y"], "a": ["1", "1", "2", "1"]})
    assert compose_keys(frame, ("a", "b"), "/").keys.tolist() == ["1/x", "1/y", "2/x", "1/y"]
    assert compose_keys(frame, ("b", "a"), ":").keys.tolist() == ["x:1", "y:1", "x:2", "y:1"]


def test_missing_and_empty_levels_are_missing_and_spaces_outside_do_not_count() -> None:
    frame = pd.DataFrame({"a": ["p", None, " ", "p ", np.nan], "b": ["q", "q", "q", " q", ""]})
    keys = compose_keys(frame, ("a", "b"), "/")
    assert keys.keys.tolist() == ["p/q", None, None, "p/q", None]
    assert keys.missing.tolist() == [False, True, True, False, True]


def test_whole_numbers_are_written_without_a_point_even_beside_a_missing_one() -> None:
    keys = compose_keys(pd.DataFrame({"a": [7.0, np.nan, 12.0], "b": [1, 2, 3]}), ("a", "b"), "/")
    assert keys.keys.tolist() == ["7/1", None, "12/3"]


def test_a_separator_inside_an_outer_level_is_ambiguous_but_not_in_the_last() -> None:
    frame = pd.DataFrame({"a": ["r/1", "r"], "b": ["e", "e/1"]})
    keys = compose_keys(frame, ("a", "b"), "/")
    assert keys.ambiguous.tolist() == [True, False]
    assert keys.keys.tolist() == [None, "r/e/1"]
    assert not compose_keys(frame, ("a",), "/").ambiguous.any()


def test_keys_with_a_nul_or_half_a_character_are_broken_and_not_taken_for_others() -> None:
    frame = pd.DataFrame({"a": ["p", "p\0x", "p\0", "\ud800", "'\\ud800'", None], "b": ["q"] * 5 + ["\0"]})
    keys = compose_keys(frame, ("a", "b"), "/")
    assert keys.keys.tolist() == ["p/q", None, None, None, "'\\ud800'/q", None]
    assert keys.broken.tolist() == [False, True, True, True, False, False]
    assert keys.missing.tolist() == [False] * 5 + [True]


def test_no_rows_give_no_keys() -> None:
    assert compose_keys(pd.DataFrame({"a": [], "b": []}), ("a", "b"), "/").keys.tolist() == []


def test_many_levels_do_not_overflow() -> None:
    frame = pd.DataFrame({f"c{i}": np.arange(2000) * 7919 % 2000 for i in range(12)})
    keys = compose_keys(frame, tuple(frame.columns), "/").keys
    assert len(set(keys)) == 2000
    assert keys[3] == "/".join(str(3 * 7919 % 2000) for _ in range(12))
