"""Bins: fitted on the base, open at both ends, missing values apart."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drift.discretize import CategoryBins, NumberBins, fit_bins, fit_categories, fit_column

repeatable = settings(deadline=None, derandomize=True, database=None)

numbers = st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=60)


def index(bins, *values):
    return bins.index(pd.Series(values)).tolist()


def test_uniform_bins_are_equally_wide_between_the_smallest_and_the_largest_value():
    bins = fit_bins(pd.Series([0.0, 10.0, 3.0]))
    assert bins.edges == pytest.approx((2, 4, 6, 8))
    assert bins.size == 6
    #  bin  0         1         2         3         4
    #  ..0      2)[2      4)[4      6)[6      8)[8     10..
    assert index(bins, 0, 1.99, 2, 3.99, 4, 5, 7.99, 8, 10) == [0, 0, 1, 1, 2, 2, 3, 4, 4]


def test_values_outside_the_base_land_in_the_end_bins():
    bins = fit_bins(pd.Series([0.0, 10.0]))
    assert index(bins, -1e300, -math.inf, 1e300, math.inf) == [0, 0, 4, 4]


def test_missing_values_have_a_bin_of_their_own():
    bins = fit_bins(pd.Series([0.0, 10.0, math.nan]))
    assert index(bins, math.nan, 5.0, None) == [5, 2, 5]
    assert bins.index(pd.Series([1, None], dtype="Int64")).tolist() == [0, 5]


def test_quantile_bins_hold_equally_many_base_rows():
    base = pd.Series(np.random.default_rng(0).gamma(0.5, 10, 10_000))
    bins = fit_bins(base, 4, how="quantile")
    assert np.bincount(bins.index(base)).tolist() == pytest.approx([2500] * 4, abs=2)


def test_with_quantiles_a_value_that_fills_several_bins_gets_one_for_itself():
    base = pd.Series([0.0] * 90 + list(range(1, 11)))
    bins = fit_bins(base, 5, how="quantile")
    below, zero, above = index(bins, -1, 0, 1)
    assert below < zero < above


@pytest.mark.parametrize("how", ["uniform", "quantile"])
@pytest.mark.parametrize("constant", [0.0, 7.0, -1e300])
def test_a_constant_column_tells_below_equal_and_above(how, constant):
    bins = fit_bins(pd.Series([constant] * 9), how=how)
    below, equal, above = index(
        bins, np.nextafter(constant, -np.inf), constant, np.nextafter(constant, np.inf)
    )
    assert (below, equal, above) == (0, 1, 2)


def test_a_column_without_a_number_has_one_bin_for_numbers():
    bins = fit_bins(pd.Series([math.nan, math.inf]))
    assert index(bins, math.nan, -3, math.inf) == [1, 0, 0]


def test_infinite_base_values_do_not_stretch_the_bins():
    assert fit_bins(pd.Series([0.0, 10.0, math.inf])).edges == fit_bins(pd.Series([0.0, 10.0])).edges


def test_a_range_wider_than_the_largest_float_still_gives_bins():
    edges = fit_bins(pd.Series([-1.7e308, 1.7e308])).edges
    assert len(edges) == 4
    assert np.isfinite(edges).all()


@repeatable
@given(base=numbers, batch=numbers, bins=st.integers(2, 9), how=st.sampled_from(["uniform", "quantile"]))
def test_every_value_has_a_bin_and_order_is_kept(base, batch, bins, how):
    fitted = fit_bins(pd.Series(base), bins, how)
    assert list(fitted.edges) == sorted(set(fitted.edges))
    values = np.array(batch)
    found = fitted.index(pd.Series(batch))
    assert ((found >= 0) & (found < fitted.size)).all()
    assert ((found == fitted.size - 1) == np.isnan(values)).all()
    known = np.sort(values[~np.isnan(values)])
    assert (np.diff(fitted.index(pd.Series(known, dtype=float))) >= 0).all()


def test_categories_are_those_of_the_base_then_other_then_missing():
    bins = fit_categories(pd.Series(["a", "b", "a", None]))
    assert bins == CategoryBins(("a", "b"))
    assert index(bins, "b", "a", "c", None, math.nan) == [1, 0, 2, 3, 3]


def test_classes_equal_by_value_are_one_category():
    bins = fit_categories(pd.Series([0, 1, 0]))
    assert bins.index(pd.Series([0.0, 1.0, 2.0])).tolist() == [0, 1, 2]
    assert bins.index(pd.Series([False, True])).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (pd.Series([1.5, 2.0]), NumberBins),
        (pd.Series([1, 2]), NumberBins),
        (pd.Series([True, False]), NumberBins),
        (pd.Series(["a", "b"]), CategoryBins),
        (pd.Series(["a", "b"], dtype="category"), CategoryBins),
    ],
)
def test_a_column_is_binned_by_its_type(column, kind):
    fitted = fit_column(column)
    assert isinstance(fitted, kind)
    assert len(set(fitted.index(column).tolist())) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bins": 1}, "bins: must be a whole number of at least 2, got 1"),
        ({"bins": 2.5}, "bins: must be a whole number of at least 2, got 2.5"),
        ({"bins": True}, "bins: must be a whole number"),
        ({"how": "log"}, "how: must be among uniform, quantile, got 'log'"),
    ],
)
def test_bad_parameters_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        fit_bins(pd.Series([1.0, 2.0]), **arguments)


def test_text_among_numbers_is_refused_by_column():
    with pytest.raises(ValueError, match="column 'latency': must hold numbers, got 'object'"):
        fit_bins(pd.Series([1.0, "fast"], name="latency"))
    with pytest.raises(ValueError, match="column 'latency': must hold numbers, got 'object'"):
        fit_bins(pd.Series([1.0, 2.0])).index(pd.Series(["fast"], name="latency"))


@pytest.mark.parametrize("edges", [0, 1, 4, 16, 17, 60])
def test_a_value_is_in_the_bin_of_the_edges_that_are_not_above_it(edges):
    bins = NumberBins(tuple(map(float, range(edges))))
    values = pd.Series([*np.arange(-1, edges + 1, 0.5), math.nan, math.inf, -math.inf])
    expected = np.searchsorted(np.array(bins.edges), values, side="right")
    expected[-3] = bins.size - 1
    assert bins.index(values).tolist() == expected.tolist()
