"""Features of the events of a request, as columns and by name."""

from __future__ import annotations

import math

import numpy as np
import pytest

from graphs.protocol.feature_rows import FeatureRow, FeatureTable, model_inputs

TABLE = FeatureTable(
    ("cpu", "cpu_avg"), np.array([[1.0, 2.0], [3.0, np.nan], [5.0, 6.0]]), [{"m": 1.0}, {}, {"m": 0.0}]
)


def test_a_row_is_a_mapping_of_its_features():
    rows = [FeatureRow(TABLE, row) for row in range(3)]
    assert dict(rows[0]) == {"cpu": 1.0, "cpu_avg": 2.0, "m": 1.0} and len(rows[1]) == 2
    assert rows[1].get("m", 7.0) == 7.0 and math.isnan(rows[1]["cpu_avg"])
    with pytest.raises(KeyError):
        FeatureRow(FeatureTable(("cpu",), np.ones((1, 1))), 0)["m"]


@pytest.mark.parametrize("places", [[0, 1, 2], [2, 0], [1]])
@pytest.mark.parametrize("names", [("m", "cpu_avg", "other"), ("cpu",), ("m",), ()])
def test_inputs_of_a_table_are_those_by_name(names, places):
    rows = [FeatureRow(TABLE, place) for place in places]
    found = model_inputs(rows, names)
    assert found.shape == (len(places), len(names))
    np.testing.assert_array_equal(found, model_inputs([dict(row) for row in rows], names))
    mixed = [rows[0], *(dict(row) for row in rows[1:])]
    np.testing.assert_array_equal(found, model_inputs(mixed, names))
