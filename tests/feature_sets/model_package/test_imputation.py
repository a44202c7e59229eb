"""Missing inputs: a lone row is handled as one of many, to the same bits."""

from __future__ import annotations

import numpy as np

from feature_sets.model_package.imputation import LARGEST, count_missing, replace_missing


def test_a_lone_row_is_as_one_of_many() -> None:
    generator = np.random.default_rng(5)
    rows = generator.normal(0, 1, (300, 7)) * 10.0 ** generator.integers(-50, 50, (300, 7))
    edges = [np.nan, np.inf, -np.inf, LARGEST, -LARGEST, np.nextafter(LARGEST, np.inf), 0.0, -0.0, 5e-324]
    rows[generator.random(rows.shape) < 0.3] = np.nan
    rows.ravel()[: len(edges)] = edges
    replacements = generator.normal(0, 1, 7)
    together, missing = replace_missing(rows, replacements), count_missing(rows)
    assert missing.min() + missing.max() > 0 and not np.isnan(together).any()
    for place in range(len(rows)):
        row = rows[place : place + 1]
        alone = replace_missing(row, replacements)
        assert (alone.shape, alone.dtype, alone.tobytes()) == ((1, 7), np.float32, together[place].tobytes())
        assert (count_missing(row).dtype, count_missing(row).tolist()) == (np.int64, [missing[place]])
