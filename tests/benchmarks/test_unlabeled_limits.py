"""The benchmark of limits without labels: its fleets are what it says, and each rule gives a limit."""

from __future__ import annotations

import numpy as np

from tests.benchmarks.unlabeled_limits import BEGINNING, MOST, RULES, fleet, measure


def test_every_rule_is_scored_on_series_with_incidents():
    made = fleet(0, series=4, rows=2000)
    assert all(one.series.windows and one.series.windows[0][0] >= 320 for one in made)
    for one in made:
        few, most = one.first(BEGINNING).distances, one.first(MOST).distances
        assert 200 < len(few) < 300 < len(most) < 1400 and np.isfinite(most).all()
    lines = measure(made, [made])
    assert [line["rule"] for line in lines] == list(RULES)
    assert all(line["numenta_15%"] == line["generated_15%"] <= 100.0 for line in lines)
    again = fleet(0, series=4, rows=2000)
    assert all(
        np.array_equal(a.distances, b.distances, equal_nan=True) for a, b in zip(made, again, strict=True)
    )
