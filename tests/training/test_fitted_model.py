"""Fitting a candidate: earlier rows fit, later rows choose the threshold and score."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from training import fitted_model
from training.candidates import CANDIDATES, error_probability, find_candidate
from training.fitted_model import fit_model
from training.scores import classification_scores
from training.time_split import TrainingSetError, split_by_time


@pytest.mark.parametrize("candidate", CANDIDATES, ids=lambda candidate: candidate.name)
def test_every_candidate_finds_the_cause_of_errors(candidate, frame, schema):
    fitted = fit_model(split_by_time(frame, schema).train, schema, candidate)
    assert fitted.converged
    assert fitted.scores["average_precision"] > 0.6  # the base rate is 0.09
    assert fitted.fit_seconds > 0


def test_scores_are_those_of_the_validation_rows(frame, schema):
    fitted = fit_model(split_by_time(frame, schema).train, schema, find_candidate("logistic_regression_weak"))
    later = fitted.split.test
    probability = error_probability(fitted.pipeline, fitted.schema.matrix(later))
    assert fitted.scores == classification_scores(
        later["is_error"].to_numpy(), probability, fitted.schema.threshold
    )


def test_validation_rows_do_not_teach_the_model_or_its_imputation(frame, schema):
    train = split_by_time(frame, schema).train
    candidate = find_candidate("hist_gradient_boosting_small")
    before = fit_model(train, schema, candidate)
    later = train["timestamp"] > before.split.train["timestamp"].max()
    changed = train.copy()
    changed.loc[later, ["heat", "noise", "heat_avg_1m"]] *= 1e3
    after = fit_model(changed, schema, candidate)
    rows = before.schema.matrix(before.split.train)
    assert (error_probability(before.pipeline, rows) == error_probability(after.pipeline, rows)).all()
    assert before.schema.inputs == after.schema.inputs


def test_the_dates_cover_fit_and_validation_rows(frame, schema):
    train = split_by_time(frame, schema).train
    fitted = fit_model(train, schema, find_candidate("logistic_regression_weak"))
    assert fitted.schema.training_start == train["timestamp"].min().isoformat()
    assert fitted.schema.training_end == train["timestamp"].max().isoformat()


def test_a_feature_without_a_reading_in_the_fit_rows_is_dropped_and_said(frame, schema):
    frame["dead"] = np.nan
    fitted = fit_model(split_by_time(frame, schema).train, schema, find_candidate("random_forest_shallow"))
    assert fitted.dropped == {"dead": "no reading in the training part"}
    assert "dead" not in fitted.schema.input_names


def test_nothing_but_dead_features_is_refused(frame, schema):
    frame = frame[["device", "timestamp", "is_error"]].assign(dead=np.nan)
    with pytest.raises(TrainingSetError, match="at least one feature must have a reading, got none of 1"):
        fit_model(frame, schema, find_candidate("random_forest_shallow"))


def test_labels_that_are_pure_noise_are_not_learnt(frame, schema):
    random = np.random.default_rng(2)
    frame["is_error"] = (random.random(len(frame)) < 0.3).astype(np.int8)
    fitted = fit_model(frame, schema, find_candidate("random_forest_shallow"))
    base_rate = fitted.split.test["is_error"].mean()
    assert fitted.scores["average_precision"] == pytest.approx(base_rate, abs=0.1)
    assert fitted.scores["roc_auc"] == pytest.approx(0.5, abs=0.12)


def warn_while_fitting(monkeypatch, category):
    original = fitted_model.fit_pipeline

    def fit(*args):
        warnings.warn("while fitting", category, stacklevel=1)
        original(*args)

    monkeypatch.setattr(fitted_model, "fit_pipeline", fit)


def test_a_solver_that_stopped_early_is_a_result_and_not_a_warning(monkeypatch, frame, schema):
    warn_while_fitting(monkeypatch, ConvergenceWarning)
    assert fit_model(frame, schema, find_candidate("logistic_regression_weak")).converged is False


def test_any_other_warning_is_passed_on(monkeypatch, frame, schema):
    warn_while_fitting(monkeypatch, UserWarning)
    with pytest.warns(UserWarning, match="while fitting"):
        assert fit_model(frame, schema, find_candidate("logistic_regression_weak")).converged is True
