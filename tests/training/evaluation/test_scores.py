"""Scores and baselines, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from feature_sets.checks import InputError
from training.dataset.time_split import split_by_time
from training.decision.threshold_rules import parse_threshold_rule
from training.evaluation.baselines import baselines, best_single_feature
from training.evaluation.scores import (
    Scored,
    brier_score,
    brier_skill,
    classification_scores,
    scores_of,
)

LABELS = np.array([0, 0, 1, 0, 1, 1], dtype=np.int8)
PROBABILITY = np.array([0.1, 0.2, 0.3, 0.4, 0.8, 0.9])


def test_scores_by_hand():
    # at 0.35: predicted 0 0 0 1 1 1; one miss, one false alarm
    scores = classification_scores(LABELS, PROBABILITY, 0.35)
    assert scores["precision"] == scores["recall"] == scores["f1"] == pytest.approx(2 / 3)
    assert scores["roc_auc"] == pytest.approx(8 / 9)
    assert scores["average_precision"] == pytest.approx((1 + 1 + 3 / 4) / 3)
    cells = ("true_negatives", "false_positives", "false_negatives", "true_positives")
    assert [scores[cell] for cell in cells] == [2, 1, 1, 2]


def test_the_threshold_itself_counts_as_an_error():
    assert classification_scores(LABELS, PROBABILITY, 0.9)["true_positives"] == 1


def test_predicting_nothing_scores_zero_without_a_warning():
    scores = classification_scores(LABELS, PROBABILITY, 2.0)
    assert scores["precision"] == scores["f1"] == 0.0


def test_the_best_single_feature_is_found_with_its_direction(frame, schema):
    train = split_by_time(frame, schema).train
    assert best_single_feature(train, ["noise", "heat"], "is_error").feature == "heat"
    flow = best_single_feature(train, ["noise", "flow"], "is_error")
    assert (flow.feature, flow.sign) == ("flow", -1)
    assert str(flow).startswith("flow <= 1.")


def test_the_threshold_of_a_rule_has_the_highest_f1_of_all_cuts(frame, schema):
    train = split_by_time(frame, schema).train
    rule = best_single_feature(train, ["heat"], "is_error")
    labels, score = train["is_error"].to_numpy(), rule.score(train)
    cuts = np.append(np.unique(score), rule.threshold)
    alarms = score[None, :] >= cuts[:, None]
    hits = (alarms & (labels == 1)).sum(axis=1)
    f1 = 2 * hits / (alarms.sum(axis=1) + labels.sum())
    assert (
        f1[-1]
        == f1[:-1].max()
        == pytest.approx(classification_scores(labels, score, rule.threshold)["f1"], rel=1e-15)
    )


def test_a_rule_that_is_never_precise_enough_says_so_and_names_no_infinity(frame, schema):
    train = split_by_time(frame, schema).train
    healthy = (train["is_error"] == 0).to_numpy()
    between = train.assign(noise=np.where(healthy, np.where(np.arange(len(train)) % 2, 1.0, -1.0), 0.0))
    always_right = parse_threshold_rule("min_precision:1")
    rule = best_single_feature(between, ["noise"], "is_error", chosen_by=always_right)
    assert str(rule).endswith(" noise (no threshold is precise enough)")


def test_a_rule_reads_a_missing_value_as_the_training_median(frame, schema):
    split = split_by_time(frame, schema)
    rule = best_single_feature(split.train, ["flow"], "is_error")
    missing = split.test["flow"].isna()
    assert missing.any()
    assert set(rule.score(split.test)[missing]) == {-split.train["flow"].median()}


def test_the_majority_baseline_has_the_base_rate_as_its_average_precision(frame, schema):
    split = split_by_time(frame, schema)
    scored, _ = baselines(split.train, split.test, ["heat"], "is_error")
    scores = {name: scores_of(split.test["is_error"].to_numpy(), each) for name, each in scored.items()}
    assert scores["majority_class"]["average_precision"] == pytest.approx(split.test["is_error"].mean())
    assert scores["majority_class"]["f1"] == 0.0
    assert scores["single_feature"]["average_precision"] > 2 * scores["majority_class"]["average_precision"]


def test_baselines_do_not_look_at_the_test_part(frame, schema):
    split = split_by_time(frame, schema)
    turned = split.test.assign(heat=-split.test["heat"])
    _, rule = baselines(split.train, split.test, ["heat", "noise"], "is_error")
    assert baselines(split.train, turned, ["heat", "noise"], "is_error")[1] == rule


def test_a_baseline_without_a_feature_is_refused(frame):
    with pytest.raises(InputError, match=r"must have at least one feature, got \[\]"):
        best_single_feature(frame, [], "is_error")


def test_brier_scores_by_hand():
    squares = [0.01, 0.04, 0.49, 0.16, 0.04, 0.01]
    assert brier_score(LABELS, PROBABILITY) == pytest.approx(sum(squares) / 6)
    assert brier_score(LABELS, 0.5) == 0.25
    assert brier_skill(LABELS, PROBABILITY, 0.5) == pytest.approx(1 - 4 * sum(squares) / 6)
    assert brier_skill(LABELS, np.full(6, 0.25), 0.25) == 0.0


def test_what_is_called_an_error_follows_from_score_and_threshold():
    scored = Scored(PROBABILITY, 0.4, np.ones(6))
    assert list(scored.predicted) == [False, False, False, True, True, True]
    scores = scores_of(LABELS, scored)
    assert scores["brier"] == 0.5
    assert {name: scores[name] for name in scores if name != "brier"} == classification_scores(
        LABELS, PROBABILITY, 0.4
    )
