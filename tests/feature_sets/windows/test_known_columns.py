"""Windows by columns and in chunks are those of one pass, to the last bit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.windows import event_status
from feature_sets.windows.arrival_order import windows_as_known
from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.known_columns import known_columns

DEFINITION = WindowDefinition(
    "box", "at", ("cpu", "loss"), ("avg", "stddev", "min", "last", "median"), ("20s", "1m"), "10s"
)


@pytest.mark.parametrize("arrival", [None, "came"])
@pytest.mark.parametrize("chunk", [1, 7, 10_000])
def test_chunks_are_one_pass(chunk: int, arrival: str | None) -> None:
    generator = np.random.default_rng(5)
    times = np.sort(1_700_000_000 + generator.integers(0, 600, 300)).astype(float)
    frame = pd.DataFrame(
        {
            "box": generator.choice(["a", "b", "c"], 300),
            "at": times,
            "came": times + generator.choice([0, 5, 90, -100], 300),
            "cpu": np.where(generator.random(300) < 0.2, np.nan, generator.normal(50, 10, 300)),
            "loss": generator.gamma(2.0, 5.0, 300),
        }
    )
    rows = KeyedRows.of(frame, "box", "at").in_event_order()
    expected = windows_as_known(rows, DEFINITION, arrival)
    names = DEFINITION.feature_names
    values, statuses = known_columns(rows, DEFINITION, arrival, names, chunk)
    assert statuses.tolist() == expected[event_status.COLUMN].tolist()
    assert len(set(statuses)) > (1 if arrival else 0)
    one, other = values.T.copy(), expected[list(names)].to_numpy().copy()
    np.testing.assert_array_equal(one.view(np.int64), other.view(np.int64))
