"""The operating point: what a threshold promises, and when it is not sure."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import f1_score

from training.decision.calibration import calibrated
from training.decision.operating_point import OutOfFold, operating_point
from training.decision.threshold_rules import parse_threshold_rule

F1 = parse_threshold_rule("max_f1")
MINUTE = 60 * 10**9


def rows_of(margins, labels, groups):
    """Rows of one device, one a minute; windows of a quarter of an hour."""
    count = len(labels)
    return OutOfFold(
        margins=margins,
        labels=labels,
        weights=np.ones(count),
        far=labels == 0,
        groups=groups,
        devices=np.zeros(count, np.intp),
        moments=np.arange(count) * MINUTE,
        apart=15 * MINUTE,
    )


def runs_of(rows, point):
    called = calibrated(rows.margins, point.calibration) >= point.threshold
    times = rows.moments[called & rows.far]
    return 1 + int((np.diff(times) > rows.apart).sum()) if len(times) else 0


def out_of_fold(episodes=10, rows=400, length=12, shift=3.0, spread=0.0, seed=0):
    """Episodes of errors whose margins lie above those of the healthy rows around them."""
    random = np.random.default_rng(seed)
    labels = np.tile((np.arange(rows) < length).astype(np.int8), episodes)
    groups = np.repeat(np.arange(episodes), rows)
    heights = np.repeat(shift + spread * random.normal(size=episodes), rows)
    margins = random.normal(size=len(labels)) + labels * heights
    return rows_of(margins, labels, groups)


def test_the_stated_rate_is_that_of_the_healthy_rows_far_from_errors():
    rows = out_of_fold()
    point = operating_point(F1, rows, 0)
    called = calibrated(rows.margins, point.calibration) >= point.threshold
    assert point.false_alarms.rate == called[rows.far].mean()
    near = rows.far & (np.arange(len(rows.labels)) % 400 < 100)
    other = operating_point(F1, dataclasses.replace(rows, far=near), 0)
    called = calibrated(rows.margins, other.calibration) >= other.threshold
    assert other.false_alarms.rate == called[near].mean()


def test_without_healthy_rows_far_from_errors_no_rate_is_stated():
    rows = out_of_fold()
    point = operating_point(F1, dataclasses.replace(rows, far=np.zeros(len(rows.labels), bool)), 0)
    assert point.false_alarms is None
    assert "false_alarm_rate" not in point.describe()


def test_healthy_rows_that_were_sampled_count_for_those_they_stand_for():
    rows = out_of_fold(episodes=40, rows=1000)
    whole = operating_point(F1, rows, 0)
    kept = np.flatnonzero((rows.labels == 1) | (np.arange(len(rows.labels)) % 5 == 0))
    weights = np.where(rows.labels == 1, 1.0, 5.0)[kept]
    part = dataclasses.replace(
        rows_of(rows.margins[kept], rows.labels[kept], rows.groups[kept]),
        weights=weights,
        moments=rows.moments[kept],
    )
    sampled = operating_point(F1, part, 0)
    assert sampled.threshold == pytest.approx(whole.threshold, abs=0.15)
    assert sampled.calibration.a == pytest.approx(whole.calibration.a, rel=0.1)
    assert sampled.calibration.b == pytest.approx(whole.calibration.b, abs=0.4)
    # Without the weights the probabilities would be too high by the odds of the sample.
    blind = operating_point(F1, dataclasses.replace(part, weights=np.ones(len(kept))), 0)
    assert blind.calibration.b > whole.calibration.b + 1.0


def lasting(episodes, shift, seed=0, rows=300):
    """The same, but what happens to healthy rows lasts for about ten minutes."""
    random = np.random.default_rng(seed)
    labels = np.tile((np.arange(rows) < 12).astype(np.int8), episodes)
    noise = np.convolve(random.normal(size=len(labels) + 9), np.ones(10) / np.sqrt(10.0), mode="valid")
    return rows_of(noise + shift * labels, labels, np.repeat(np.arange(episodes), rows))


@pytest.mark.parametrize("shift", [4.5, 6.0])
def test_false_alarms_are_counted_by_run(shift):
    rows = lasting(6, shift)
    point = operating_point(parse_threshold_rule("false_alarms:0.02"), rows, 0)
    called = calibrated(rows.margins, point.calibration) >= point.threshold
    assert point.false_alarms.runs == runs_of(rows, point) > 0
    assert called[rows.far].sum() > point.false_alarms.runs


def test_max_f1_costs_nothing_of_it_where_errors_stand_apart():
    """One that lets false alarms in, so that their rate can be told, loses to a rule that does not."""
    random = np.random.default_rng(3)
    rows = lasting(30, 0.0)
    apart = np.where(rows.labels == 1, 14.0 + random.random(len(rows.labels)), rows.margins)
    point = operating_point(F1, dataclasses.replace(rows, margins=apart), 0)
    called = calibrated(apart, point.calibration) >= point.threshold
    assert f1_score(rows.labels, called) == 1.0
    assert point.false_alarms.runs == 0 and not point.false_alarms.certain


def test_the_range_of_a_rate_is_wide_where_few_runs_tell_it():
    rows = lasting(40, 6.0)
    enough = operating_point(parse_threshold_rule("false_alarms:0.01"), rows, 0).false_alarms
    assert enough.runs > 10
    assert enough.rate / 2 < enough.low < enough.rate < enough.high < 2 * enough.rate
    assert enough.certain and enough.describe()["false_alarm_rate"] == enough.rate
    few = operating_point(parse_threshold_rule("false_alarms:0.001"), rows, 0).false_alarms
    assert 0 < few.runs < 5 and few.low < few.rate / 2 and few.high > 2 * few.rate
    assert not few.certain and set(few.describe()) == {
        "false_alarm_rate_low",
        "false_alarm_rate_high",
        "false_alarm_runs",
    }
    none = operating_point(parse_threshold_rule("false_alarms:0.00001"), rows, 0).false_alarms
    assert (none.rate, none.low, none.runs) == (0.0, 0.0, 0) and 0.0 < none.high < 0.01


def test_a_rate_of_few_episodes_or_of_one_bad_day_is_not_stated():
    asked = parse_threshold_rule("false_alarms:0.01")
    assert operating_point(asked, lasting(40, 6.0), 0).false_alarms.certain
    few = operating_point(asked, lasting(4, 6.0, rows=3000), 0).false_alarms
    assert few.runs >= 5 and not few.certain
    rows = lasting(40, 6.0)
    day = (rows.groups == 20) & (np.arange(len(rows.labels)) % 20 == 0) & rows.far
    asked = parse_threshold_rule("false_alarms:0.003")
    assert operating_point(asked, rows, 0).false_alarms.certain
    bad = operating_point(asked, dataclasses.replace(rows, margins=np.where(day, 8.0, rows.margins)), 0)
    assert bad.false_alarms.runs >= 5 and not bad.false_alarms.certain


def test_a_perfect_model_of_common_errors_does_not_alarm_always():
    labels = np.tile(np.array([1] * 19 + [0], np.int8), 30)
    rows = rows_of(1.0 * labels, labels, np.repeat(np.arange(6), 100))
    assert operating_point(F1, rows, 0).false_alarms.rate == 0.0


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
