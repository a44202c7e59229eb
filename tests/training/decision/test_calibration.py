"""Platt scaling, against scikit-learn and against probabilities that are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from feature_sets.model_package.calibration import Calibration
from training.decision.calibration import calibrated, fit_platt


def drawn(a, b, n=200_000, seed=0):
    """Margins and labels whose probability is expit(a * margin + b)."""
    random = np.random.default_rng(seed)
    margin = random.normal(1.0, 3.0, n)
    return margin, (random.random(n) < expit(a * margin + b)).astype(np.int8)


def test_the_curve_that_drew_the_labels_is_found():
    found = fit_platt(*drawn(0.6, -2.0))
    assert found.method == "platt"
    assert (found.a, found.b) == (pytest.approx(0.6, abs=0.01), pytest.approx(-2.0, abs=0.03))


def test_it_is_the_optimum_that_a_general_optimiser_finds():
    margin, labels = drawn(1.4, 0.5, n=300)
    positives = labels.sum()
    target = np.where(labels == 1, (positives + 1) / (positives + 2), 1 / (len(labels) - positives + 2))

    def loss(x):
        z = x[0] * margin + x[1]
        return np.sum(np.logaddexp(0, z) - target * z)

    best = minimize(loss, [1.0, 0.0], method="BFGS", options={"gtol": 1e-8})
    found = fit_platt(margin, labels)
    assert loss([found.a, found.b]) == pytest.approx(best.fun, rel=1e-9)
    assert (found.a, found.b) == (pytest.approx(best.x[0], abs=1e-4), pytest.approx(best.x[1], abs=1e-4))


@pytest.mark.parametrize(
    ("a", "b", "n", "found"),
    [
        (0.6, -2.0, 200_000, (0.5966917595030248, -1.995573524811748)),
        (1.4, 0.5, 300, (1.0351419545600913, 0.2241432341815559)),
        (3.0, -4.0, 20_000, (3.0510104414728314, -4.081480815063761)),
    ],
)
def test_it_is_the_curve_that_newton_steps_of_our_own_found_before(a, b, n, found):
    calibration = fit_platt(*drawn(a, b, n))
    assert (calibration.a, calibration.b) == pytest.approx(found, rel=1e-8)  # those ended a little early


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
@pytest.mark.parametrize("seed", range(3))
def test_no_small_step_makes_the_log_loss_smaller(scale, seed):
    margin, labels = drawn(1.0, -1.0, n=3000, seed=seed)
    positives, negatives = labels.sum(), (1 - labels).sum()
    target = np.where(labels == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    rest = calibrated(scale * margin, fit_platt(scale * margin, labels)) - target
    assert [rest.mean(), (rest * margin).mean()] == pytest.approx([0.0, 0.0], abs=1e-10)


def test_balanced_weights_are_undone():
    margin, labels = drawn(1.0, 0.0)
    rare = labels & (np.random.default_rng(1).random(len(labels)) < 0.05)
    kept = (labels == 0) | (rare == 1)
    probability = calibrated(margin[kept], fit_platt(margin[kept], rare[kept]))
    assert probability.mean() == pytest.approx(rare[kept].mean(), rel=0.01)


def test_the_order_of_rows_is_never_reversed():
    margin, labels = drawn(1.0, 0.0, n=2000)
    found = fit_platt(-margin, labels)
    assert found.a == 0.0
    assert calibrated(margin, found)[0] == pytest.approx(labels.mean(), abs=0.01)


def test_errors_that_a_model_misses_do_not_flatten_the_answers_to_others():
    random = np.random.default_rng(0)
    margin = np.concatenate([random.normal(-1, 1, 1000), random.normal(2, 1, 80), random.normal(-12, 1, 40)])
    labels = np.repeat([0, 1], [1000, 120]).astype(np.int8)
    slope = np.polyfit(margin, labels, 1)[0]
    assert slope < 0, "the missed ones alone would turn the curve around"
    found = fit_platt(margin, labels)
    assert found.a > 0.1
    probability = calibrated(margin, found)
    assert probability[1000:1080].mean() > 2 * probability[:1000].mean()
    # Errors that rank below all else in the middle, too, are no reason to turn around either.
    assert fit_platt(-margin, 1 - labels).a > 0 and fit_platt(margin[:1080], 1 - labels[:1080]).a == 0.0


def test_where_the_middle_is_one_value_nothing_is_read_from_it():
    margin = np.repeat([-3.0, -6.0, -1.0], [1680, 20, 300])
    assert fit_platt(margin, np.repeat([0, 1, 0], [1680, 20, 300]).astype(np.int8)).a == 0.0


def test_separated_and_constant_margins_stay_finite():
    labels = np.repeat([0, 1], 50).astype(np.int8)
    separated = fit_platt(np.where(labels == 1, 20.0, -20.0), labels)
    assert separated.a > 0 and np.isfinite([separated.a, separated.b]).all()
    assert calibrated(np.array([20.0]), separated)[0] == pytest.approx(51 / 52)
    constant = fit_platt(np.full(100, 3.0), labels)
    assert (constant.a, constant.b) == (0.0, pytest.approx(0.0, abs=1e-12))


@pytest.mark.filterwarnings("error")
def test_large_margins_do_not_overflow():
    assert calibrated(np.array([-1e4, 0.0, 1e4]), Calibration()).tolist() == [0.0, 0.5, 1.0]
