"""Statistics of columns of numbers are those of MLRun, whatever the numbers are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from mlrun.data_types import InferOptions
from mlrun.data_types.infer import get_df_stats

from feature_sets.ingestion.statistics import statistics

OPTIONS = InferOptions.Stats + InferOptions.Histogram


def columns(count: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng([7, count])
    plain = generator.normal(1e9, 1e-3, count)
    return {
        "plain": plain,
        "gaps": np.where(generator.random(count) < 0.3, np.nan, plain),
        "empty": np.full(count, np.nan),
        "endless": np.where(generator.random(count) < 0.3, np.inf, generator.normal(size=count)),
        "both ends": generator.choice([np.inf, -np.inf, np.nan, 1.0], count),
        "constant": np.full(count, 0.1),
        "large": generator.normal(0, 1e160, count),
        "whole": generator.integers(-5, 10**17, count),
        "label": generator.integers(0, 2, count),
        "narrow": generator.normal(size=count).astype(np.float32),
        "state": generator.random(count) < 0.5,
    }


@pytest.mark.parametrize("count", [1, 2, 3, 250, 20_000])
def test_statistics_of_numbers_are_those_of_mlrun_digit_for_digit(count):
    frame = pd.DataFrame(columns(count))
    with np.errstate(invalid="ignore", over="ignore"):
        expected = {name: get_df_stats(frame[[name]], OPTIONS)[name] for name in frame}
    assert statistics({str(name): frame[name] for name in frame}, InferOptions.all()) == expected


def test_no_rows_have_no_statistics():
    assert statistics({"none": pd.Series([], dtype="float64")}, InferOptions.all()) == {}


def test_a_histogram_that_is_not_asked_for_is_not_made():
    (found,) = statistics({"one": pd.Series([1.0, 2.0])}, InferOptions.Stats).values()
    assert "hist" not in found
