"""Scores by labels equal scikit-learn's; scores by probabilities are what labels lead to on average."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from drift.fit_recalibration import calibration_error, fit_recalibration
from drift.performance import Performance, performance
from drift.performance_watch import WINDOW, BasePerformance, PerformanceWatch
from drift.recalibration import Recalibration
from feature_sets.checks import InputError

ROWS = st.lists(st.tuples(st.sampled_from([0, 1]), st.sampled_from([0.1, 0.3, 0.5, 0.8])), min_size=2)


@given(ROWS)
def test_scores_by_labels_are_those_of_scikit_learn(rows):
    labels, score = np.array(rows).T
    alarms = score >= 0.5
    found = performance(labels, score, alarms)
    assert (found.rows, found.errors) == (len(rows), labels.sum())
    if 0 < labels.sum() < len(labels):
        assert found.roc_auc == pytest.approx(metrics.roc_auc_score(labels, score))
        assert found.average_precision == pytest.approx(metrics.average_precision_score(labels, score))
    else:
        assert found.roc_auc is None and found.average_precision is None
    for name in ("f1", "precision", "recall"):
        value = getattr(found, name)
        expected = getattr(metrics, f"{name}_score")(labels, alarms, zero_division=np.nan)
        assert np.isnan(expected) if value is None else value == pytest.approx(expected)


def scored(seed: int, count: int = 4000):
    """Probabilities that hold, what was, and the alarms."""
    random = np.random.default_rng(seed)
    probability = random.beta(0.5, 3.0, count)
    return probability, (random.random(count) < probability).astype(np.int8), probability > 0.4


def test_scores_by_probabilities_are_those_by_labels_on_average():
    errors = []
    for seed in range(20):
        probability, labels, alarms = scored(seed)
        estimated = performance(probability, probability, alarms)
        realized = performance(labels.astype(float), probability, alarms)
        errors.append([a - b for a, b in zip(estimated[2:], realized[2:], strict=True)])
    assert np.abs(np.mean(errors, axis=0)).max() < 0.01
    assert np.abs(errors).max() < 0.06


def test_another_mix_of_readings_is_estimated_and_one_without_data_is_not():
    probability, _, alarms = scored(1)
    harder = (probability > 0.2) & (probability < 0.6)
    before = performance(probability, probability, alarms)
    now = performance(probability[harder], probability[harder], alarms[harder])
    assert before.roc_auc > now.roc_auc + 0.1
    nothing = performance(np.array([]), np.array([]), np.array([], dtype=bool))
    assert nothing == (0, 0.0, None, None, None, None, None)
    assert "not_enough_data" in nothing.to_dict()
    unknown = performance(np.full(9, np.nan), np.full(9, np.nan), np.zeros(9, dtype=bool))
    assert unknown == nothing


def test_recalibration_is_fitted_where_it_helps_and_else_changes_nothing():
    probability, labels, _ = scored(2, 20_000)
    wrong = np.sqrt(probability)
    curve = fit_recalibration(wrong, labels)
    fresh, fresh_labels, _ = scored(3, 20_000)
    before, after = (
        calibration_error(each, fresh_labels) for each in (np.sqrt(fresh), curve.apply(np.sqrt(fresh)))
    )
    assert after < 0.2 * before
    assert fit_recalibration(np.full(50, 0.1), np.zeros(50, dtype=np.int8)) == Recalibration()
    assert Recalibration().apply(np.array([0.25])).tolist() == [0.25]
    assert Recalibration.from_dict("body", curve.to_dict()) == curve


def test_the_watch_knows_the_newest_alone_and_tells_where_the_estimate_fails():
    probability, labels, alarms = scored(4, 3 * WINDOW)
    reference = performance(labels.astype(float), probability, alarms)
    watch = PerformanceWatch()
    assert watch.status() is None
    watch.base = BasePerformance(reference, Recalibration())
    assert "not_enough_data" in watch.status()["estimated"]
    for chance, alarm in zip(probability, alarms, strict=True):
        watch.add_prediction(chance, int(alarm))
        watch.add_pair(chance, int(alarm), 1 - int(alarm))  # Always wrong: what leads to errors has changed.
    status = watch.status()
    assert status["reference"] == reference.to_dict()
    newest = slice(2 * WINDOW, None)
    assert (
        status["estimated"] == performance(probability[newest], probability[newest], alarms[newest]).to_dict()
    )
    assert status["estimated"]["f1"] == pytest.approx(reference.f1, abs=0.05)
    assert status["estimated_of_labeled"] == status["estimated"]
    assert status["realized"]["f1"] == watch.score("realized", "f1") == 0.0


def base_of(rows: int, errors: float) -> BasePerformance:
    return BasePerformance(Performance(rows, errors, 0.8, 0.5, 0.5, 0.5, 0.5), Recalibration())


def test_where_errors_are_rare_the_window_is_as_long_as_enough_of_them_take():
    # Of ten thousand labels 15 are errors, all of one episode; 5,000 newest ones have none of them.
    watch = PerformanceWatch()
    watch.base = base_of(100_000, 150.0)
    for place in range(26_000):
        watch.add_pair(0.9 if place < 30 else 0.1, int(place < 30), int(place < 40))
    found = watch.status()["realized"]
    assert (found["rows"], found["errors"], found["recall"]) == (26_000, 40.0, 0.75)
    for _ in range(1000):
        watch.add_pair(0.1, 0, 0)
    found = watch.status()["realized"]
    # The first 333 are gone, the errors with them.
    assert (found["rows"], found["errors"]) == (26_667, 0.0)
    assert "not_enough_data" in found
    again = PerformanceWatch()
    again.note_all(*watch.noted())
    again.base = watch.base
    assert again.status() == watch.status(), "what is kept over a restart is of the same rows"


def test_the_newest_labels_tell_how_many_error_episodes_they_are():
    watch = PerformanceWatch()
    watch.base = base_of(10_000, 500.0)
    for place in range(900):
        device, moment = place % 9, place // 9
        is_error = (moment in range(10, 20) and device < 3) or (moment in range(50, 55) and device == 4)
        watch.add_pair(0.1, 0, int(is_error), f"d{device}")
    assert watch.status()["realized"]["error_episodes"] == 2
    again = PerformanceWatch()
    again.note_all(*watch.noted(), watch.noted_devices())
    again.base = watch.base
    assert again.status() == watch.status()
    again.add_pair(0.1, 0, 0)
    assert "error_episodes" not in again.status()["realized"], "of an unknown device nobody knows"


@pytest.mark.parametrize(
    ("rows", "errors", "said"),
    [
        (
            100_000,
            150.0,
            "; 0 of the newest 26,667 rows are there, which have about 40, at their share on the test data, "
            "0.0015",
        ),
        (
            1_000_000,
            100.0,
            "; with such rare errors there are never enough: the newest 50,000 rows have 5, at their share "
            "on the test data, 0.0001",
        ),
        (1000, 0.0, "; with such rare errors there are never enough: the newest 50,000 rows have 0, at"),
    ],
)
def test_too_few_errors_say_whether_there_will_be_enough(rows, errors, said):
    watch = PerformanceWatch()
    watch.base = base_of(rows, errors)
    found = watch.status()
    for name in ("estimated", "realized", "estimated_of_labeled"):
        assert said in found[name]["not_enough_data"]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (None, "body"),
        ({"reference": {}}, "body.reference"),
        (
            {"reference": {**Performance(10, 1.0, 0.5, 0.5, None, 0.5, 0.5)._asdict(), "f1": 2}},
            "reference.f1",
        ),
        ({"recalibration": {"given": [0.5, 0.5], "found": [0, 1]}}, "body.recalibration"),
        ({"recalibration": {"given": [0, 1], "found": [1, 0]}}, "body.recalibration"),
        ({"recalibration": {"given": [], "found": []}}, "body.recalibration"),
        ({"recalibration": {"given": [0, 1], "found": [0, "x"]}}, "body.recalibration.found"),
    ],
)
def test_what_does_not_describe_the_base_is_refused(change, where):
    good = BasePerformance(Performance(10, 1.0, 0.5, 0.5, None, 0.5, 0.5), Recalibration()).to_dict()
    assert BasePerformance.from_dict("body", good).to_dict() == good
    with pytest.raises(InputError, match=where):
        BasePerformance.from_dict("body", change and {**good, **change})
