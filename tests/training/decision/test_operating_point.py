"""The operating point: what a threshold promises, and when it is not sure."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from training.decision.calibration import calibrated
from training.decision.operating_point import LEAST_FALSE_ALARMS, OutOfFold, operating_point
from training.decision.threshold_rules import parse_threshold_rule

F1 = parse_threshold_rule("max_f1")


def out_of_fold(episodes=10, rows=400, length=12, shift=3.0, spread=0.0, seed=0):
    """Episodes of errors whose margins lie above those of the healthy rows around them."""
    random = np.random.default_rng(seed)
    labels = np.tile((np.arange(rows) < length).astype(np.int8), episodes)
    groups = np.repeat(np.arange(episodes), rows)
    heights = np.repeat(shift + spread * random.normal(size=episodes), rows)
    margins = random.normal(size=len(labels)) + labels * heights
    return OutOfFold(margins, labels, np.ones(len(labels)), labels == 0, groups)


def test_the_stated_rate_is_that_of_the_healthy_rows_far_from_errors():
    rows = out_of_fold()
    point = operating_point(F1, rows, 0)
    called = calibrated(rows.margins, point.calibration) >= point.threshold
    assert point.false_alarm_rate == called[rows.far].mean()
    near = rows.far & (np.arange(len(rows.labels)) % 400 < 100)
    other = operating_point(F1, dataclasses.replace(rows, far=near), 0)
    called = calibrated(rows.margins, other.calibration) >= other.threshold
    assert other.false_alarm_rate == called[near].mean()


def test_without_healthy_rows_far_from_errors_no_rate_is_stated():
    rows = out_of_fold()
    point = operating_point(F1, dataclasses.replace(rows, far=np.zeros(len(rows.labels), bool)), 0)
    assert point.false_alarm_rate is None
    assert "false_alarm_rate" not in point.describe()


def test_healthy_rows_that_were_sampled_count_for_those_they_stand_for():
    rows = out_of_fold(episodes=40, rows=1000)
    whole = operating_point(F1, rows, 0)
    kept = np.flatnonzero((rows.labels == 1) | (np.arange(len(rows.labels)) % 5 == 0))
    weights = np.where(rows.labels == 1, 1.0, 5.0)[kept]
    part = OutOfFold(rows.margins[kept], rows.labels[kept], weights, rows.far[kept], rows.groups[kept])
    sampled = operating_point(F1, part, 0)
    assert sampled.threshold == pytest.approx(whole.threshold, abs=0.15)
    assert sampled.calibration.a == pytest.approx(whole.calibration.a, rel=0.1)
    assert sampled.calibration.b == pytest.approx(whole.calibration.b, abs=0.4)
    # Without the weights the probabilities would be too high by the odds of the sample.
    blind = operating_point(F1, dataclasses.replace(part, weights=np.ones(len(kept))), 0)
    assert blind.calibration.b > whole.calibration.b + 1.0


def test_a_rate_of_no_false_alarm_is_not_promised_on_few_rows():
    rows = out_of_fold(episodes=6, rows=300, shift=4.0)
    point = operating_point(F1, rows, 0)
    called = calibrated(rows.margins, point.calibration) >= point.threshold
    assert 0 < called[rows.far].sum() <= LEAST_FALSE_ALARMS
    # Another rule is what somebody asked for.
    asked = operating_point(parse_threshold_rule("false_alarms:0.001"), rows, 0)
    assert asked.false_alarm_rate <= 0.001


def test_a_perfect_model_of_common_errors_does_not_alarm_always():
    labels = np.tile(np.array([1] * 19 + [0], np.int8), 30)
    rows = OutOfFold(1.0 * labels, labels, np.ones(600), labels == 0, np.repeat(np.arange(6), 100))
    assert operating_point(F1, rows, 0).false_alarm_rate == 0.0


def test_a_threshold_of_few_or_unlike_episodes_is_uncertain():
    assert not operating_point(F1, out_of_fold(shift=5.0), 0).uncertain
    assert operating_point(F1, out_of_fold(episodes=4, shift=5.0), 0).uncertain
    unlike = operating_point(F1, out_of_fold(episodes=6, spread=4.0, seed=1), 0)
    alike = operating_point(F1, out_of_fold(episodes=60, shift=5.0), 0)
    assert unlike.low <= unlike.threshold <= unlike.high
    assert unlike.high - unlike.low > alike.high - alike.low
    assert unlike.describe()["threshold_episodes"] == 6


def test_the_seed_decides():
    assert operating_point(F1, out_of_fold(), 3) == operating_point(F1, out_of_fold(), 3)
