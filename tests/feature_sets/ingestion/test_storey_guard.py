import math

import pytest
import storey.aggregation_utils

from feature_sets.ingestion.storey_guard import guarded_storey, guarded_variance


def sums(values):
    return [len(values), sum(values), sum(value * value for value in values)]


@pytest.mark.parametrize("constant", [0.1, 50.3, 1e-9, 1e9, -7.7])
def test_the_variance_of_a_constant_is_zero(constant):
    assert guarded_variance(sums([constant] * 600)) == 0.0


def test_a_real_variance_is_that_of_the_textbook():
    assert guarded_variance(sums([1.0, 2.0, 3.0, 4.0])) == pytest.approx(5 / 3)
    assert math.isnan(guarded_variance(sums([1.0])))
    assert math.isnan(guarded_variance([0, 0.0, 0.0]))


def test_the_guard_holds_while_open_and_leaves_storey_as_it_was():
    before = storey.aggregation_utils.get_virtual_aggregation_func("stddev")
    with pytest.raises(RuntimeError, match="inside"), guarded_storey():
        inside = storey.aggregation_utils.get_virtual_aggregation_func("stddev")
        assert inside(sums([50.3] * 600)) == 0.0
        raise RuntimeError("inside")
    assert storey.aggregation_utils.get_virtual_aggregation_func("stddev") is before
