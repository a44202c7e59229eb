"""What the distances of a batch are made of: far readings, missing ones, constants and new categories."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from drift.distances.jensen_shannon import jensen_shannon
from drift.magnitude import drift_magnitude
from tests.drift.network_rows import measured, network


def far_reading(column):
    """Base and batch four standard deviations apart, and one reading of 1e4 in the base."""
    random = np.random.default_rng(0)
    base = pd.DataFrame({"x": random.normal(50, 10, 5000), "y": random.normal(50, 10, 5000)})
    batch = pd.DataFrame({"x": random.normal(50, 10, 5000), "y": random.normal(50, 10, 5000)})
    batch[column] += 40
    base.loc[7, column] = 1e4
    return base, batch


@pytest.mark.parametrize("far", [1e4, -1e4, math.inf, 1e300])
def test_one_far_reading_in_the_base_hides_nothing(far):
    base, batch = far_reading("x")
    base.loc[7, "x"] = far
    found = drift_magnitude(base, batch, ["x", "y"])
    assert found.drifted
    assert {each.name for each in found.shifts if each.drifted} == {"x", "x x y"}
    assert found.features[0].total_variation > 0.7
    assert found.joint.total_variation > 0.7


def test_one_far_probability_in_the_base_hides_nothing():
    base, batch = far_reading("x")
    assert drift_magnitude(base, batch, [], prediction="x").prediction_shift.drifted


def test_far_readings_in_the_batch_are_drift_only_if_they_are_many():
    base, batch = network(0, 2000), network(1, 1000)
    batch.loc[3, "latency"] = 1e9
    assert measured(base, batch).drifted is False
    batch.loc[batch.index < 300, "latency"] = 1e9
    assert measured(base, batch).drifted is True


def test_distances_equal_their_closed_forms():
    base = pd.DataFrame({"x": [0.0, 10.0, 0.0, 10.0, 0.0] * 20})
    batch = pd.DataFrame({"x": [0.0] * 20 + [10.0] * 70 + [math.nan] * 10})
    shift = drift_magnitude(base, batch, ["x"]).feature_max
    p, q = np.array([0.6, 0.4, 1e-4]), np.array([0.2, 0.7, 0.1])
    assert shift.population_stability == pytest.approx(((p - q) * np.log(p / q)).sum())
    assert shift.jensen_shannon == pytest.approx(jensen_shannon([0.6, 0.4, 0.0], q))
    assert shift.wasserstein == pytest.approx(10 * abs(0.4 - 7 / 9))
    assert (shift.missing_base, shift.missing_batch) == (0.0, 0.1)


def test_wasserstein_is_for_numbers_alone():
    found = measured(network(0), network(1, 500))
    numbers = {each.name for each in found.shifts if each.wasserstein is not None}
    assert numbers == {"latency", "load", "loss"}
    text = pd.DataFrame({"country": ["DE", "FR"] * 100})
    assert drift_magnitude(text, text, ["country"]).features[0].wasserstein is None


@pytest.mark.parametrize("rows", [0, 1])
def test_an_empty_batch_or_one_row_is_not_enough_data(rows):
    found = measured(network(0), network(1).iloc[:rows])
    assert found.drifted is None
    assert found.reason == f"not enough data: batch has {rows} rows, needs at least 100"
    assert found.to_dict()["rows_needed"] == 100
    empty = pd.DataFrame(columns=network(0).columns)
    assert measured(network(0), empty).drifted is None
    assert measured(empty, empty).drifted is None


@pytest.mark.parametrize("column", ["prediction", "label"])
@pytest.mark.parametrize("side", ["base", "batch"])
def test_features_are_judged_though_no_row_has_a_label_or_prediction(column, side):
    base, batch = network(0), network(1, shift=2)
    if side == "base":
        base[column] = math.nan
    else:
        batch[column] = None
    found = measured(base, batch)
    assert found.drifted
    assert column not in {each.kind for each in found.shifts}
    assert found.warnings == (f"{column} {column} is not compared, as no row of the {side} has one",)


def test_labels_alone_that_are_all_missing_are_not_enough_data():
    found = drift_magnitude(network(0), network(1).assign(label=None), [], label="label")
    assert (found.drifted, found.shifts) == (None, ())
    assert found.reason == "not enough data: label label is not compared, as no row of the batch has one"


@pytest.mark.parametrize("cell", [[1, 2], {"a": 1}, {1, 2}, (1, [2])])
@pytest.mark.parametrize("side", ["base", "batch"])
def test_a_cell_that_is_no_single_value_is_refused(cell, side):
    sides = {name: pd.DataFrame({"os": ["7.1", "7.2"] * 100}) for name in ("base", "batch")}
    sides[side].at[3, "os"] = cell
    with pytest.raises(
        ValueError,
        match=rf"{side} column 'os': must hold numbers or text, one in a cell, row 3 does not, got",
    ):
        drift_magnitude(sides["base"], sides["batch"], ["os"])


@pytest.mark.parametrize("nothing", [math.nan, None])
def test_a_feature_without_a_reading_in_the_batch_has_moved(nothing):
    found = measured(network(0), network(1).assign(load=nothing))
    load = found.features[1]
    assert (load.total_variation, load.missing_base, load.missing_batch) == (1.0, 0.0, 1.0)
    assert load.wasserstein is None
    assert load.drifted
    both = measured(network(0).assign(load=nothing), network(1).assign(load=nothing)).features[1]
    assert (both.total_variation, both.drifted) == (0.0, False)
    json.dumps(found.to_dict(), allow_nan=False)


def test_an_unseen_category_counts_as_another():
    base = pd.DataFrame({"os": ["7.1", "7.2"] * 200})
    batch = pd.DataFrame({"os": ["7.1", "7.2", "9.0", "9.1"] * 100})
    found = drift_magnitude(base, batch, ["os"]).features[0]
    assert found.total_variation == pytest.approx(0.5)
    assert found.drifted


def test_a_constant_column_is_measured_whatever_the_bins():
    base = pd.DataFrame({"x": [5.0] * 200})
    for how in ("uniform", "quantile"):
        assert drift_magnitude(base, base, ["x"], how=how).drifted is False
        found = drift_magnitude(base, base + 1e-9, ["x"], how=how)
        assert found.features[0].total_variation == 1.0
        assert found.features[0].wasserstein == pytest.approx(1e-9)


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "boolean"])
def test_a_nullable_column_with_missing_values_is_measured(dtype):
    base = pd.DataFrame({"x": pd.array([1, 0, None] * 100, dtype=dtype)})
    found = drift_magnitude(base, base, ["x"]).features[0]
    assert (found.total_variation, found.wasserstein) == (0.0, 0.0)
    assert found.missing_base == pytest.approx(1 / 3)
