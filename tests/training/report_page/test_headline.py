"""The base rate of rare errors, and scores near 0, are told with digits that count."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd

from training.report_page.headline import facts, with_interval


def test_the_base_rate_of_rare_errors_is_told() -> None:
    model = SimpleNamespace(
        metrics={"base_rate": 29 / 104_704, "f1": 0.5384},
        algorithm="logistic_regression",
        threshold=0.1686,
        threshold_rule="max_f1",
        inputs=["loss"],
        training_start="2026-10-11T22:00:00+00:00",
        training_end="2026-11-10T07:40:00+00:00",
    )
    told = facts(model, pd.DataFrame({"rows": [50_000]}))
    assert told["base rate: errors among the test rows"] == "0.00028"
    assert told["F1, test part"] == "0.538"


def test_a_score_near_0_and_its_interval_are_told() -> None:
    scores = {"brier_score": 0.000231, "brier_score_low": 0.000112, "brier_score_high": 0.25}
    assert with_interval(scores, "brier_score") == "0.00023 (0.00011 to 0.250)"
