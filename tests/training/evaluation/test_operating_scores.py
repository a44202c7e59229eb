from __future__ import annotations

import re

import pytest

from training.evaluation.interval import Interval
from training.evaluation.operating_scores import OperatingScores


def scores(own, rule, low=None, high=None, always=0.2):
    gains = {} if low is None else {"single_feature": Interval(low, high), "always": Interval(0.1, 0.9)}
    f1 = {"model": own, "single_feature": rule, "never": 0.0, "always": always}
    return OperatingScores(f1, gains, None, None, None)


@pytest.mark.parametrize(
    ("found", "worse", "undecided"),
    [
        # Without intervals the points tell.
        (scores(0.7, 0.6), "", ""),
        (scores(0.6, 0.6), "F1 0.600 against 0.600 of the rule of a single feature", ""),
        (scores(0.5, 0.6), "F1 0.500 against 0.600 of the rule of a single feature", ""),
        (scores(0.0, 0.0, always=0.0), "F1 0.000 against 0.000 of the rule of a single feature", ""),
        # With one it tells: clearly worse, the same on every resample, or open.
        (scores(0.5, 0.6, -0.2, -0.01), "F1 0.500 against 0.600 .*, difference -0.20 to -0.01", ""),
        (scores(1.0, 1.0, 0.0, 0.0), r"F1 1.000 against 1.000 .*, difference \+0.00 to \+0.00", ""),
        (scores(0.55, 0.6, -0.2, 0.1), "", r"F1 0.550 against 0.600 .*, difference -0.20 to \+0.10"),
        (scores(0.65, 0.6, -0.1, 0.2), "", ""),
        # Alarming never has no interval, and catches nothing.
        (scores(0.0, 0.6, -0.9, 0.1), "F1 0.000 against 0.000 of alarming never", "F1 0.000 against 0.600"),
    ],
)
def test_a_baseline_is_better_by_the_interval_where_there_is_one(found, worse, undecided):
    for told, expected in ((found.worse_than, worse), (found.undecided_than, undecided)):
        assert re.match(expected, told) if expected else not told
