"""Arguments of handlers are checked before any work starts."""

from __future__ import annotations

import pytest

from training.job.arguments import ArgumentError, fraction, whole_number

ENDLESS = [float("nan"), float("inf"), -float("inf")]


@pytest.mark.parametrize("value", [0.3, 0.001, 0.999])
def test_a_share_between_zero_and_one_passes(value):
    assert fraction("test_fraction", value) == value


@pytest.mark.parametrize("value", [0, 1, 1.0, -0.1, 10**400, *ENDLESS, "0.3", True, None])
def test_other_shares_are_refused(value):
    with pytest.raises(
        ArgumentError, match="argument 'test_fraction': must be a number above 0 and below 1, got"
    ):
        fraction("test_fraction", value)


def test_one_passes_only_where_it_is_allowed():
    assert fraction("sample_ratio", 1, including_one=True) == 1.0
    with pytest.raises(ArgumentError, match=r"above 0 and at most 1, got 1\.5"):
        fraction("sample_ratio", 1.5, including_one=True)


def test_a_whole_number_may_arrive_as_a_float():
    assert whole_number("k", 5.0, at_least=1) == 5


@pytest.mark.parametrize("value", [0, 2.5, -(10**400), *ENDLESS, "5", True, None])
def test_other_numbers_are_refused(value):
    with pytest.raises(ArgumentError, match="argument 'k': must be a whole number of at least 1, got"):
        whole_number("k", value, at_least=1)
