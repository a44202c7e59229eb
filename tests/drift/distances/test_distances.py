"""Every distance: by hand, against SciPy, and their laws."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import euclidean
from scipy.spatial.distance import jensenshannon as scipy_jensen_shannon
from scipy.special import rel_entr
from scipy.stats import wasserstein_distance

from drift.distances.distribution import distribution
from drift.distances.hellinger import hellinger
from drift.distances.jensen_shannon import jensen_shannon
from drift.distances.kullback_leibler import SKEW, kullback_leibler, largest_divergence
from drift.distances.population_stability import population_stability
from drift.distances.total_variation import total_variation
from drift.distances.wasserstein import wasserstein

repeatable = settings(deadline=None, derandomize=True, database=None)

DISTANCES = {
    "total_variation": (total_variation, 1.0),
    "hellinger": (hellinger, 1.0),
    "kullback_leibler": (kullback_leibler, largest_divergence()),
    "jensen_shannon": (jensen_shannon, 1.0),
}
every_distance = pytest.mark.parametrize(("distance", "largest"), DISTANCES.values(), ids=list(DISTANCES))


@st.composite
def pairs(draw, how_many=2):
    """Distributions over the same 1 to 12 bins, with empty bins and bins of very different size."""
    size = draw(st.integers(1, 12))
    counts = st.lists(
        st.one_of(st.just(0), st.integers(1, 10**9), st.floats(1e-6, 1.0)), min_size=size, max_size=size
    ).filter(any)
    return [distribution(draw(counts)) for _ in range(how_many)]


def test_by_hand():
    p, q = [0.5, 0.5, 0.0], [0.25, 0.25, 0.5]
    assert total_variation(p, q) == 0.5
    assert hellinger(p, q) == pytest.approx(
        math.sqrt(2 * (math.sqrt(0.5) - 0.5) ** 2 + 0.5) / math.sqrt(2), abs=1e-15
    )
    # each side with 1 % of the average (0.375, 0.375, 0.25)
    left = [0.49875, 0.49875, 0.0025]
    right = [0.25125, 0.25125, 0.4975]
    both = sum(a * math.log(a / b) + b * math.log(b / a) for a, b in zip(left, right, strict=True))
    assert kullback_leibler(p, q) == pytest.approx(both, rel=1e-12)


@repeatable
@given(pairs())
def test_they_equal_scipys_formulas(pair):
    p, q = pair
    assert total_variation(p, q) == pytest.approx(np.abs(p - q).sum() / 2, abs=1e-12)
    assert hellinger(p, q) == pytest.approx(euclidean(np.sqrt(p), np.sqrt(q)) / math.sqrt(2), abs=1e-12)
    mixed = [(1 - SKEW) * side + SKEW * (p + q) / 2 for side in (p, q)]
    both = rel_entr(*mixed).sum() + rel_entr(*mixed[::-1]).sum()
    assert kullback_leibler(p, q) == pytest.approx(both, abs=1e-9)


@every_distance
@repeatable
@given(pair=pairs())
def test_it_is_a_float_in_its_range_and_symmetric(distance, largest, pair):
    p, q = pair
    result = distance(p, q)
    assert type(result) is float
    assert 0.0 <= result <= largest
    assert distance(q, p) == pytest.approx(result, abs=1e-12)


@every_distance
@repeatable
@given(pair=pairs(how_many=1))
def test_a_distribution_is_at_distance_zero_from_itself(distance, largest, pair):
    assert distance(pair[0], pair[0]) == 0.0


@every_distance
@repeatable
@given(pair=pairs(), data=st.data())
def test_the_order_of_bins_does_not_matter(distance, largest, pair, data):
    p, q = pair
    order = data.draw(st.permutations(range(len(p))))
    assert distance(p[order], q[order]) == pytest.approx(distance(p, q), abs=1e-9)


@every_distance
@repeatable
@given(pair=pairs(), empty=st.integers(1, 50))
def test_bins_empty_on_both_sides_do_not_matter(distance, largest, pair, empty):
    p, q = (np.concatenate([side, np.zeros(empty)]) for side in pair)
    assert distance(p, q) == pytest.approx(distance(*pair), abs=1e-9)


@every_distance
@pytest.mark.parametrize("bins", [1, 5, 500])
def test_without_a_bin_in_common_it_is_largest(distance, largest, bins):
    shares, none = np.full(bins, 1 / bins), np.zeros(bins)
    p, q = np.concatenate([shares, none]), np.concatenate([none, shares])
    assert distance(p, q) == pytest.approx(largest, rel=1e-12)
    assert distance(p, q) <= largest


@repeatable
@given(pairs())
def test_hellinger_and_total_variation_bound_each_other(pair):
    h, t = hellinger(*pair), total_variation(*pair)
    assert h**2 <= t + 1e-9
    assert t <= math.sqrt(2) * h + 1e-9


@repeatable
@given(pairs(how_many=3))
def test_total_variation_and_hellinger_obey_the_triangle_inequality(three):
    p, q, r = three
    for distance in (total_variation, hellinger):
        assert distance(p, r) <= distance(p, q) + distance(q, r) + 1e-9


def test_an_empty_bin_on_one_side_counts_by_what_lies_in_it():
    """Not infinity, and not the same for one row in a thousand as for half of them."""
    p = np.array([0.5, 0.5, 0.0])
    results = [kullback_leibler(p, [0.5 - e / 2, 0.5 - e / 2, e]) for e in (0.001, 0.01, 0.1, 0.5, 1.0)]
    assert results == sorted(results)
    assert results[0] < 0.01
    assert results[-1] == pytest.approx(largest_divergence())


def test_with_full_bins_it_is_near_the_exact_divergence():
    p, q = np.array([0.2, 0.3, 0.5]), np.array([0.3, 0.3, 0.4])
    exact = rel_entr(p, q).sum() + rel_entr(q, p).sum()
    assert kullback_leibler(p, q) == pytest.approx(exact * (1 - 2 * SKEW), rel=0.02)
    assert kullback_leibler(p, q, skew=1e-9) == pytest.approx(exact, rel=1e-6)


def test_the_largest_divergence_is_about_the_older_systems_ten():
    assert largest_divergence() == pytest.approx(10.48, abs=0.01)


@pytest.mark.parametrize("skew", [0, 1, -0.1, math.nan])
def test_a_skew_out_of_range_is_refused(skew):
    with pytest.raises(ValueError, match="skew: must be a number above 0 and below 1, got"):
        kullback_leibler([1.0], [1.0], skew=skew)


@every_distance
@pytest.mark.parametrize(
    ("p", "q", "message"),
    [
        ([0.5, 0.5], [1.0], r"p and q: must have the same bins, got \(2, 1\)"),
        ([0.5, 0.6], [0.5, 0.5], "p: must sum to 1, got 1.1"),
        ([0.5, 0.5], [3, 4], "q: must sum to 1, got 7"),
        ([1.5, -0.5], [0.5, 0.5], r"p: must be finite and not negative, got \[-0.5\]"),
        ([0.5, 0.5], [math.nan, 1.0], r"q: must be finite and not negative, got \[nan\]"),
        ([math.inf, 0.5], [0.5, 0.5], r"p: must be finite and not negative, got \[inf\]"),
        ([], [], r"shape of p: must be one dimension with at least one bin, got \(0,\)"),
        ([[1.0]], [[1.0]], r"shape of p: must be one dimension with at least one bin, got \(1, 1\)"),
    ],
)
def test_what_is_no_pair_of_distributions_is_refused(distance, largest, p, q, message):
    with pytest.raises(ValueError, match=message):
        distance(p, q)


def test_shares_are_counts_over_their_sum():
    assert distribution([1, 0, 3]).tolist() == [0.25, 0.0, 0.75]
    with pytest.raises(ValueError, match="counts: must have at least one row in all, got 0"):
        distribution([0, 0])
    with pytest.raises(ValueError, match=r"counts: must be finite and not negative, got \[-1.0\]"):
        distribution([-1, 2])


def test_jensen_shannon_equals_scipy():
    random = np.random.default_rng(4)
    for size in (2, 5, 40):
        p, q = (distribution(random.integers(0, 9, size) + (np.arange(size) == 0)) for _ in range(2))
        assert jensen_shannon(p, q) == pytest.approx(scipy_jensen_shannon(p, q, base=2), abs=1e-12)
        assert jensen_shannon(p, q) == jensen_shannon(q, p)
    assert jensen_shannon([0.3, 0.7], [0.3, 0.7]) == 0.0
    # average (0.75, 0.25): (log2(2/3) + log2(2)) / 2 / 2 + log2(4/3) / 2
    by_hand = (0.5 * math.log2(0.5 / 0.75) + 0.5 * math.log2(0.5 / 0.25) + math.log2(1 / 0.75)) / 2
    assert jensen_shannon([0.5, 0.5], [1.0, 0.0]) == pytest.approx(math.sqrt(by_hand))


def test_population_stability_is_the_exact_divergence_where_no_bin_is_empty():
    p, q = [0.2, 0.3, 0.5], [0.5, 0.3, 0.2]
    exact = sum((a - b) * math.log(a / b) for a, b in zip(p, q, strict=True))
    assert population_stability(p, q) == pytest.approx(exact)
    assert population_stability(p, p) == 0.0
    assert population_stability([1.0, 0.0], [0.0, 1.0]) == pytest.approx(2 * 0.9999 * math.log(1e4))


@pytest.mark.parametrize("seed", range(20))
def test_wasserstein_equals_scipy_to_the_last_bit(seed):
    """Of few values, so that many are equal, and of sizes that differ."""
    random = np.random.default_rng(seed)
    first, second = (random.normal(size=random.integers(1, 400)) for _ in range(2))
    if seed % 2:
        first, second = first.round(1), second.round(1)
    assert wasserstein(first, second) == float(wasserstein_distance(first, second))


def test_wasserstein_is_the_shift_and_leaves_out_what_is_no_number():
    readings = np.random.default_rng(5).normal(size=500)
    assert wasserstein(readings, readings + 3) == pytest.approx(3)
    assert wasserstein(readings, readings) == 0.0
    assert wasserstein([1.0, math.nan, math.inf], [2.0]) == 1.0
    assert wasserstein([math.nan], [2.0]) is None
    assert wasserstein([1.0], []) is None


@pytest.mark.parametrize("distance", [jensen_shannon, population_stability])
def test_the_new_distances_refuse_what_is_no_distribution(distance):
    with pytest.raises(ValueError, match="p: must sum to 1"):
        distance([0.5, 0.4], [0.5, 0.5])
    with pytest.raises(ValueError, match="must have the same bins"):
        distance([1.0], [0.5, 0.5])
