"""Threshold rules, against all thresholds at once."""

from __future__ import annotations

import math

import numpy as np
import pytest

from feature_sets.checks import InputError
from training.decision.threshold_rules import choose_threshold, find_threshold, parse_threshold_rule
from training.evaluation.scores import classification_scores

LABELS = np.array([0, 0, 1, 0, 1, 1], dtype=np.int8)
PROBABILITY = np.array([0.1, 0.2, 0.3, 0.4, 0.8, 0.9])


def noisy(seed=0, n=500):
    random = np.random.default_rng(seed)
    labels = (random.random(n) < 0.2).astype(np.int8)
    return labels, np.round(np.clip(labels * 0.3 + random.normal(0.4, 0.2, n), 0, 1), 2)


def chosen(text, labels=LABELS, score=PROBABILITY):
    return choose_threshold(parse_threshold_rule(text), labels, score)


def scores(threshold, labels=LABELS, score=PROBABILITY):
    return classification_scores(labels, score, threshold)


def at_each(cuts, labels, score):
    """The same at many thresholds: an array of each score that follows from the decisions."""
    alarms = score[None, :] >= np.asarray(cuts)[:, None]
    hits = (alarms & (labels == 1)).sum(axis=1)
    false_alarms = alarms.sum(axis=1) - hits
    misses = labels.sum() - hits
    return {
        "f1": 2 * hits / (2 * hits + false_alarms + misses),
        "precision": hits / np.maximum(hits + false_alarms, 1),
        "recall": hits / labels.sum(),
        "false_negatives": misses,
        "false_positives": false_alarms,
    }


def test_the_scores_of_many_thresholds_are_those_of_each():
    labels, score = noisy()
    cuts = [*np.unique(score)[::12], 2.0]
    found = at_each(cuts, labels, score)
    for place, cut in enumerate(cuts):
        expected = scores(cut, labels, score)
        assert {name: values[place] for name, values in found.items()} == pytest.approx(
            {name: expected[name] for name in found}, rel=1e-15
        )


def test_max_f1_has_the_highest_f1_of_all_cuts():
    labels, score = noisy()
    best = at_each(score, labels, score)["f1"].max()
    assert at_each([chosen("max_f1", labels, score)], labels, score)["f1"] == [best]


def test_min_precision_has_the_highest_recall_of_those_that_reach_it():
    labels, score = noisy()
    every = at_each(score, labels, score)
    for floor in (0.3, 0.5, 0.7):
        found = at_each([chosen(f"min_precision:{floor}", labels, score)], labels, score)
        assert found["precision"] >= floor
        assert found["recall"] == [every["recall"][every["precision"] >= floor].max()]


def test_cost_has_the_lowest_cost():
    labels, score = noisy()
    every = at_each([*score, 2.0], labels, score)
    for price in (0.5, 2, 10, 1000):

        def cost(found, price=price):
            return price * found["false_negatives"] + found["false_positives"]

        found = at_each([chosen(f"cost:{price}", labels, score)], labels, score)
        assert cost(found) == [cost(every).min()]


def test_a_dear_miss_lowers_the_threshold():
    labels, score = noisy()
    assert chosen("cost:100", labels, score) < chosen("cost:1", labels, score)


def test_where_alarms_only_cost_nothing_is_called_an_error():
    wrong = np.array([1, 1, 0, 0], dtype=np.int8), np.array([0.1, 0.2, 0.8, 0.9])
    threshold = chosen("cost:0.5", *wrong)
    assert threshold == pytest.approx(0.901)
    assert scores(threshold, *wrong)["recall"] == 0.0


def test_an_error_that_costs_no_false_alarm_is_caught_however_cheap_a_miss_is():
    one = np.array([0, 0, 1], dtype=np.int8), np.array([0.1, 0.2, 0.9])
    assert chosen("cost:0.01", *one) == pytest.approx(0.55)


def test_the_threshold_lies_halfway_to_the_next_lower_score():
    assert chosen("min_precision:1") == pytest.approx((0.4 + 0.8) / 2)
    assert chosen("max_f1") == pytest.approx((0.2 + 0.3) / 2)


def test_equal_scores_make_everything_an_error():
    score = np.full(6, 1 / 3)
    assert (score.astype(np.float32) >= chosen("max_f1", score=score)).all()
    assert chosen("max_f1", score=np.zeros(6)) == 0.0


def test_a_precision_that_no_threshold_has_is_refused_with_the_best_there_is():
    score = -PROBABILITY
    with pytest.raises(InputError, match=r"rule min_precision:0.9: must be met .* got 'at most 0\.500'"):
        chosen("min_precision:0.9", score=score)
    assert math.isinf(find_threshold(parse_threshold_rule("min_precision:0.9"), LABELS, score))


@pytest.mark.parametrize("text", ["max_f1", "min_precision:0.9", "cost:10", "cost:0.5"])
def test_a_rule_reads_back_as_it_was_given(text):
    assert str(parse_threshold_rule(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "f1",
        "min_precision",
        "min_precision:0",
        "min_precision:1.1",
        "cost:0",
        "cost:inf",
        "cost:nan",
        "max_f1:3",
        3,
    ],
)
def test_what_is_no_rule_is_refused(text):
    with pytest.raises(InputError, match="'threshold_rule': must be max_f1, min_precision:SHARE"):
        parse_threshold_rule(text)


@pytest.mark.parametrize(("share", "called"), [(0.5, 4), (0.25, 3), (0.2, 1), (0.001, 1)])
def test_a_rate_of_false_alarms_finds_the_most_errors_that_it_allows(share, called):
    score = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    labels = np.array([1, 0, 1, 0, 0, 0], dtype=np.int8)
    threshold = find_threshold(parse_threshold_rule(f"false_alarms:{share}"), labels, score)
    assert (score >= threshold).sum() == called


def test_a_rate_that_no_error_can_be_found_with_calls_nothing_an_error():
    score, labels = np.array([0.9, 0.8]), np.array([0, 1], dtype=np.int8)
    assert find_threshold(parse_threshold_rule("false_alarms:0.1"), labels, score) > 0.9


@pytest.mark.parametrize("rule", ["max_f1", "min_precision:0.5", "cost:3", "false_alarms:0.2"])
def test_a_row_that_stands_for_three_counts_as_three(rule):
    random = np.random.default_rng(0)
    labels = (random.random(60) < 0.3).astype(np.int8)
    score = np.round(random.random(60) + 0.3 * labels, 2)
    weights = random.integers(1, 4, 60)
    parsed = parse_threshold_rule(rule)
    repeated = find_threshold(parsed, np.repeat(labels, weights), np.repeat(score, weights))
    assert find_threshold(parsed, labels, score, weights.astype(float)) == pytest.approx(repeated)
