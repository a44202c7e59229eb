"""Golden rows: made at packaging, kept to the last bit, checked by whoever loads the model."""

from __future__ import annotations

import numpy as np
import pytest

from feature_sets.model_package.errors import ModelPackageError
from feature_sets.model_package.golden import ROWS, TOLERANCE, GoldenRows


def answer(rows: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.nan_to_num(rows).sum(axis=1)))


@pytest.mark.parametrize("count", [0, 1, 5, 1000])
def test_rows_are_spread_over_all_and_one_has_no_reading(count: int) -> None:
    rows = np.random.default_rng(1).normal(0, 1, (count, 3)).astype(np.float32)
    golden = GoldenRows.of(rows, answer)
    assert len(golden.rows) == min(count, ROWS - 1) + 1
    assert np.isnan(golden.rows[0]).all() and not np.isnan(golden.rows[1:]).any()
    if count:
        assert golden.rows[-1].tolist() == rows[-1].tolist()
    back = GoldenRows.from_bytes(golden.to_bytes(), 3)
    assert back.to_bytes() == golden.to_bytes()
    np.testing.assert_array_equal(back.rows, golden.rows)
    golden.check("model", answer)


@pytest.mark.parametrize("off", [2 * TOLERANCE, np.nan])
def test_a_model_that_answers_otherwise_is_refused_by_the_row(off: float) -> None:
    golden = GoldenRows.of(np.ones((4, 2), np.float32), answer)

    def other(rows: np.ndarray) -> np.ndarray:
        found = answer(rows)
        found[2] += off
        return found

    with pytest.raises(ModelPackageError, match=r"model, golden row 2: must be answered with 0\.88"):
        golden.check("model", other)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "must hold rows and their probabilities"),
        (b"[]", "must hold rows and their probabilities"),
        (b'{"rows": []}', "'probability'.* is required"),
        (b'{"rows": [], "probability": []}', "must hold rows of 2 inputs"),
        (b'{"rows": [[1]], "probability": [0.5]}', "must hold rows of 2 inputs"),
        (b'{"rows": [[1, 2]], "probability": [0.5, 0.5]}', "must hold rows of 2 inputs"),
        (b'{"rows": [[1, "x"]], "probability": [0.5]}', "must hold rows and their probabilities"),
        (b'{"rows": [[1, NaN]], "probability": [0.5]}', "must hold rows and their probabilities"),
        (b'{"rows": 3, "probability": [0.5]}', "must hold rows and their probabilities"),
    ],
)
def test_a_file_of_another_form_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(ModelPackageError, match=message):
        GoldenRows.from_bytes(content, 2)
