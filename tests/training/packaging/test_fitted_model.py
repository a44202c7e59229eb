"""From a training part to a model: evaluated, calibrated and cut on out-of-fold rows, fitted on all."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from feature_sets.checks import InputError
from tests.training.network import make_frame
from tests.training.trained import fit
from training.dataset.time_split import split_by_time
from training.decision.calibration import calibrated
from training.evaluation.scores import classification_scores
from training.packaging import fitted_model
from training.search import successive_halving
from training.search.candidates import Candidate
from training.search.families import FAMILIES
from training.search.pipelines import build_pipeline, error_margin, fit_pipeline


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_finds_the_cause_of_errors(family, frame, schema):
    fitted = fit(split_by_time(frame, schema).train, schema, family)
    assert fitted.converged and fitted.unconverged == 0
    assert fitted.schema.validation["average_precision"] > 0.6  # the base rate is 0.09
    assert fitted.schema.algorithm == family and fitted.fit_seconds > 0


def test_scores_threshold_and_histogram_are_those_of_the_calibrated_out_of_fold_rows(frame, schema):
    fitted = fit(split_by_time(frame, schema).train, schema, "hist_gradient_boosting")
    rows, model = fitted.rows, fitted.schema
    probability = calibrated(rows.margins, model.calibration)
    scores = classification_scores(rows.labels, probability, model.threshold)
    assert model.validation == {**scores, **fitted.point.describe()}
    assert model.metrics == model.validation
    assert sum(model.predictions.counts) == len(rows.labels)
    assert (model.predictions.edges[0], model.predictions.edges[-1]) == (0.0, 1.0)
    evaluated = np.concatenate([fold.validation for fold in fitted.folds.decision])
    assert len(evaluated) == len(rows.labels)


def test_out_of_fold_rows_are_predicted_by_models_that_did_not_see_them(frame, schema):
    train = split_by_time(frame, schema).train
    fitted = fit(train, schema)
    fold = fitted.folds.decision[-1]
    matrix, labels = fitted.schema.matrix(train), train["is_error"].to_numpy()
    pipeline = build_pipeline(Candidate("logistic_regression"), 0)
    fit_pipeline(pipeline, matrix[fold.fit], labels[fold.fit])
    own = error_margin(pipeline, matrix[fold.validation])
    # Imputed by the medians of other rows, so nearly equal.
    assert np.corrcoef(own, fitted.rows.margins[-len(own) :])[0, 1] > 0.999
    whole = error_margin(fitted.pipeline, matrix[fold.validation])
    assert not np.allclose(whole, fitted.rows.margins[-len(own) :], rtol=0, atol=1e-3)


def test_calibrated_probabilities_say_how_often_an_error_follows(schema):
    frame = make_frame(ticks=3000)
    split = split_by_time(frame, schema)
    fitted = fit(split.train, schema, "lightgbm")
    margin = error_margin(fitted.pipeline, fitted.schema.matrix(split.test))
    rate = split.test["is_error"].mean()
    assert calibrated(margin, fitted.schema.calibration).mean() == pytest.approx(rate, abs=0.01)
    balanced = 1.0 / (1.0 + np.exp(-margin))
    assert balanced.mean() > rate + 0.01


def test_the_last_fit_uses_every_row_of_the_training_part(frame, schema):
    train = split_by_time(frame, schema).train
    fitted = fit(train, schema, "lightgbm", seed=3)
    pipeline = build_pipeline(Candidate("lightgbm"), 3)
    matrix = fitted.schema.matrix(train)
    fit_pipeline(pipeline, matrix, train["is_error"].to_numpy())
    assert (error_margin(pipeline, matrix) == error_margin(fitted.pipeline, matrix)).all()
    assert fitted.schema.training_start == train["timestamp"].min().isoformat()
    assert fitted.schema.training_end == train["timestamp"].max().isoformat()
    assert fitted.schema.parameters == {**Candidate("lightgbm").settings, "seed": 3}


def test_the_rule_chooses_the_threshold(frame, schema):
    train = split_by_time(frame, schema).train
    dear_alarms, dear_misses = (fit(train, schema, rule=rule) for rule in ("min_precision:0.95", "cost:50"))
    assert dear_alarms.schema.validation["precision"] >= 0.95
    assert dear_misses.schema.threshold < dear_alarms.schema.threshold
    assert dear_misses.schema.validation["recall"] > dear_alarms.schema.validation["recall"]
    assert dear_misses.schema.threshold_rule == "cost:50"


def test_a_feature_without_a_reading_is_dropped_and_said(frame, schema):
    fitted = fit(split_by_time(frame.assign(dead=np.nan), schema).train, schema, "random_forest")
    assert fitted.dropped == {"dead": "no reading in the training part"}
    assert "dead" not in fitted.schema.input_names


def test_a_feature_that_begins_late_is_an_input_all_the_same(frame, schema):
    train = split_by_time(frame, schema).train
    train["late"] = np.where(np.arange(len(train)) < 500, np.nan, train["heat"])
    fitted = fit(train, schema, "hist_gradient_boosting")
    assert fitted.dropped == {} and "late" in fitted.schema.input_names
    assert len(fitted.folds.used) == 3


@pytest.mark.parametrize("family", ["logistic_regression", "random_forest"])
def test_a_fold_before_any_feature_has_a_reading_is_skipped_and_says_why(family, frame, schema):
    train = split_by_time(frame, schema).train.drop(columns="model_a")
    first, second, _ = fit(train, schema).folds.used
    begin = train["timestamp"].iloc[first.fit].max()
    assert begin < train["timestamp"].iloc[second.fit].max()
    metrics = ["heat", "flow", "noise", "heat_felt"]
    train.loc[train["timestamp"] <= begin, metrics] = np.nan
    fitted = fit(train, schema, family)
    assert len(fitted.folds.used) == 2 and len(fitted.folds.used[0].fit) == len(second.fit)
    assert fitted.folds.skipped == (
        f"the fold of {len(first.fit)} rows to fit on: none of the 4 features has a reading in them",
    )
    assert len(fitted.outcome.labels) == sum(len(fold.validation) for fold in fitted.folds.used)
    train.loc[train.index[:-4], metrics] = np.nan
    with pytest.raises(
        InputError, match=r"must have at least one of 3 folds with a reading .*got \['the fold of"
    ):
        fit(train, schema, family)


def test_nothing_but_dead_features_is_refused(frame, schema):
    frame = frame[["device", "timestamp", "is_error"]].assign(dead=np.nan)
    with pytest.raises(InputError, match=r"must have at least one feature with a reading, got \{'dead'"):
        fit(frame, schema)


def test_labels_that_are_pure_noise_are_not_learnt(frame, schema):
    random = np.random.default_rng(2)
    frame["is_error"] = (random.random(len(frame)) < 0.3).astype(np.int8)
    fitted = fit(frame, schema, "random_forest", max_depth=6, min_samples_leaf=20)
    scores = fitted.schema.validation
    assert scores["average_precision"] == pytest.approx(fitted.outcome.labels.mean(), abs=0.1)
    assert scores["roc_auc"] == pytest.approx(0.5, abs=0.12)
    assert fitted.schema.calibration.a < 0.3  # it says that the model knows nothing


def warn_while_fitting(monkeypatch, category, *modules):
    original = fit_pipeline

    def warned(*args):
        warnings.warn("while fitting", category, stacklevel=1)
        original(*args)

    for module in modules:
        monkeypatch.setattr(module, "fit_pipeline", warned)


def test_a_solver_that_stopped_early_is_a_result_and_not_a_warning(monkeypatch, frame, schema):
    warn_while_fitting(monkeypatch, ConvergenceWarning, fitted_model)
    fitted = fit(frame, schema)
    assert (fitted.converged, fitted.unconverged) == (False, 0)


def test_fits_of_the_search_that_stopped_early_are_counted_in_every_thread(monkeypatch, frame, schema):
    warn_while_fitting(monkeypatch, ConvergenceWarning, successive_halving)
    fitted = fit(frame, schema)
    assert (fitted.converged, fitted.unconverged) == (True, 3)


def test_any_other_warning_is_passed_on(monkeypatch, frame, schema):
    warn_while_fitting(monkeypatch, UserWarning, fitted_model)
    with pytest.warns(UserWarning, match="while fitting"):
        assert fit(frame, schema).converged is True
