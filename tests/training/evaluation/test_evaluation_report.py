"""What an evaluation says of a model, in numbers and in words."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest

from feature_sets.checks import InputError
from feature_sets.model_package.schema import ModelInput, ModelSchema
from feature_sets.telemetry.schema import DEVICE
from feature_sets.telemetry.split_rule import DEVICES, GROUP, SplitRule
from tests.training.network import make_frame, make_schema
from training.dataset.group_split import split_by_groups
from training.dataset.time_split import split_by_time
from training.evaluation.calibration_check import check_calibration
from training.evaluation.champion import Units, compared
from training.evaluation.clusters import Apart
from training.evaluation.comparison import Comparison
from training.evaluation.evaluate_model import evaluate_model
from training.evaluation.evaluation_plots import MAX_MARKS, alarms_figure, calibration_figure
from training.evaluation.interval import Interval
from training.evaluation.promotion_gate import decide
from training.evaluation.scores import Scored

INPUTS = ("heat", "flow", "noise")


@dataclass
class Formula:
    """Stands for the packaged graph: a probability from the matrix of inputs."""

    formula: object

    def probability(self, matrix):
        return np.asarray(self.formula(np.asarray(matrix, dtype=np.float64)), dtype=np.float64)


def good(matrix):
    heat, flow = matrix[:, 0], matrix[:, 1]
    return 1.0 / (1.0 + np.exp(-4.0 * ((heat - 300.0) / 5.0 - (flow - 2.0) / 0.5 - 2.0)))


def guessing(matrix):
    return np.random.default_rng(3).random(len(matrix))


def evaluated(
    formula=good, frame=None, threshold=0.5, seed=0, rule=None, training_end=None, groups=None, **options
):
    frame = make_frame(ticks=400, devices=12) if frame is None else frame
    schema = make_schema()
    split = split_by_time(frame, schema, 0.4)
    if rule is not None:
        groups = groups or {device: device for device in frame[DEVICE]}
        split = split_by_groups(frame, schema, rule, groups, 0.4, seed)
    package = ModelSchema(
        telemetry=schema,
        inputs=tuple(ModelInput(name, "", 2.0) for name in INPUTS),
        threshold=threshold,
        version="1",
        training_start=split.train["timestamp"].min().isoformat(),
        training_end=split.train["timestamp"].max().isoformat() if training_end is None else training_end,
    )
    states = frame[[DEVICE, "timestamp", "is_error"]]
    return evaluate_model(split, package, Formula(formula), states, seed, **options)


def with_rule(frame):
    """One metric that alone tells errors from health."""
    return frame.assign(noise=frame["is_error"] * 5.0 + np.linspace(0.0, 1.0, len(frame)))


def test_a_good_model_is_said_to_be_better_than_both_baselines():
    found = evaluated()
    facts = found.describe()
    assert found.beats_baselines and found.predictable
    assert facts["average_precision_low"] < facts["average_precision"] < facts["average_precision_high"]
    assert facts["average_precision_low"] > facts["single_feature_average_precision_high"]
    assert facts["majority_class_average_precision"] == pytest.approx(facts["base_rate"])
    assert facts["base_rate_low"] < facts["base_rate"] < facts["base_rate_high"]
    assert 0.0 < facts["gain_over_single_feature_low"] < facts["gain_over_single_feature_high"]
    assert facts["intervals"] == "95 % by resampling 12 devices, 12 of them with errors"
    assert facts["brier_skill"] > 0.5
    assert facts["verdict"].count(". ") == 1 and facts["verdict"].endswith(
        "'is_error' is predictable, and the model is clearly better than both baselines."
    )
    assert f"{facts['episodes_caught']:,} of {facts['episodes']:,} error episodes" in facts["verdict"]


def test_the_gate_is_told_where_most_error_rows_are_of_episodes_without_an_end():
    found = evaluated()
    assert not found.candidate("v").is_of_unended
    found.episodes.episodes["unended"] = True
    assert found.candidate("v").is_of_unended
    assert "incidents without an end" in decide(found.candidate("v"), None).reason


def test_guessing_is_reported_as_not_predictable():
    found = evaluated(guessing)
    facts = found.describe()
    assert facts["average_precision_low"] < facts["base_rate"] < facts["average_precision_high"]
    assert not found.predictable and not found.beats_baselines
    assert facts["verdict"].endswith(
        "is not predictable from these features: do not act on this model's alarms."
    )


def test_a_gain_that_is_real_but_tiny_is_not_predictable():
    # 60 devices, so the interval is short and lies above the base rate.
    frame = make_frame(ticks=400, devices=60)
    hint = lambda matrix: 0.02 * good(matrix) + np.random.default_rng(0).random(len(matrix))  # noqa: E731
    found = evaluated(hint, frame)
    assert found.intervals.gains["base_rate"].low > 0.0
    assert not found.predictable


def test_a_model_that_only_repeats_a_rule_is_told_to_step_aside():
    found = evaluated(frame=with_rule(make_frame(ticks=400, devices=12)))
    assert found.predictable and not found.beats_baselines
    assert str(found.rule).startswith("noise >= ")
    assert found.verdict.endswith("use the rule.")


def test_few_devices_and_hours_have_no_interval_and_it_is_said():
    found = evaluated(frame=make_frame(ticks=400, devices=4), bootstrap_by="device")
    facts = found.describe()
    assert facts["intervals"].startswith("none: 4 devices") and "average_precision_low" not in facts
    assert found.predictable and not found.beats_baselines
    assert " (" not in facts["verdict"].split(";")[0]
    assert facts["verdict"].endswith(
        "looks predictable, but there are no intervals (4 devices, 4 of them with errors; at least 5 with "
        "errors are needed): evaluate on more data, and until then let it serve only where no other model "
        "does."
    )
    gate = decide(found.candidate("new"), None)
    assert gate.promoted and gate.reason.endswith(
        "on trial: better than both baselines, though not clearly (no intervals: 4 devices, 4 of them with "
        "errors; at least 5 with errors are needed)"
    )
    assert not decide(found.candidate("new"), Comparison("old")).passed


def test_a_champion_is_held_to_the_baselines_of_the_new_model_on_the_rows_of_both():
    frame = make_frame(ticks=400, devices=12)
    found = evaluated(good, frame, bootstrap_by="device")
    rows = found.predictions
    units = Units("timestamp", "is_error", Apart(60, 60))
    silent = Scored(np.zeros(len(rows)), 0.5, np.zeros(len(rows)))
    beside = compared("old", rows, units, found.scorers["model"], silent, 0, found.baselines)
    names = {"single_feature": "the rule of a single feature", "always": "alarming always"}
    best = max(names, key=lambda name: found.operating.f1[name])
    assert (beside.baseline, beside.baseline_f1) == (names[best], pytest.approx(found.operating.f1[best]))
    assert (beside.champion_f1, beside.candidate_f1) == (0.0, pytest.approx(found.scores["model"]["f1"]))
    assert beside.champion_is_no_better_than_a_baseline and not beside.none_usable
    assert beside.base_rate == pytest.approx(found.base_rate)
    assert beside.champion_false_alarm_share == 0.0
    assert beside.false_alarm_share == pytest.approx(found.false_alarm_share) and found.false_alarm_share > 0
    healthy = (rows["is_error"] == 0).to_numpy()
    model = found.scorers["model"]
    only = Scored(model.score[healthy], model.threshold, model.probability[healthy])
    calm = compared("old", rows[healthy].reset_index(drop=True), units, only, only, 0)
    assert calm.difference is None
    assert calm.false_alarm_share == calm.champion_false_alarm_share == pytest.approx(found.false_alarm_share)
    other = compared("old", rows, units, silent, found.scorers["model"], 0, found.baselines)
    assert not other.champion_is_no_better_than_a_baseline
    assert "NEITHER" in compared("old", rows, units, silent, silent, 0).none_usable


@pytest.mark.parametrize("devices", [4, 12])
@pytest.mark.parametrize(
    ("formula", "threshold"), [(good, 0.5), (good, 0.0), (good, 1.1), (good, 0.02), (guessing, 0.5)]
)
def test_the_verdict_lets_a_first_model_serve_if_and_only_if_the_gate_does(formula, threshold, devices):
    found = evaluated(formula, make_frame(ticks=400, devices=devices), threshold, bootstrap_by="device")
    refused = ("not predictable", "not at this threshold", "is open", "cannot be told", "more data.")
    advised = found.verdict.split(". ")[-1]
    passed = decide(found.candidate("new"), None).passed
    assert passed == (not any(words in advised for words in refused)), advised
    assert ("let it serve" in advised) == (passed and not found.beats_baselines)


def test_devices_that_differ_in_how_often_they_fail_do_not_hide_that_a_model_is_better():
    frame = make_frame(ticks=400, devices=12)
    random = np.random.default_rng(1)
    rare = frame[DEVICE].isin([f"site/{n}" for n in range(10)]) & (random.random(len(frame)) < 0.8)
    frame = frame[~(rare & (frame["is_error"] == 1))].reset_index(drop=True)
    rule = good(frame[list(INPUTS)].fillna(2.0).to_numpy()) + 0.25 * random.normal(size=len(frame))
    found = evaluated(frame=frame.assign(noise=rule))
    model, single = (
        found.intervals.scores[name]["average_precision"] for name in ("model", "single_feature")
    )
    assert str(found.rule).startswith("noise")
    assert model.low < single.high and found.beats_baselines


def test_held_out_devices_are_resampled_whole():
    found = evaluated(
        frame=make_frame(ticks=400, devices=12), rule=SplitRule(DEVICES, test=("site/1", "site/2"))
    )
    assert found.intervals.clusters.unit == "device" and not found.intervals.resamples
    assert "On 800 rows of 2 devices not trained on the model" in found.verdict
    assert (
        "there are no intervals (2 devices, 2 of them with errors; at least 5 with errors are needed): "
        "evaluate on more data" in found.verdict
    )
    with pytest.raises(InputError, match="must say when its training rows end"):
        evaluated(training_end="")


def test_fewer_than_five_failing_groups_have_no_interval_whatever_they_hold_and_it_is_said():
    """Five sites are evaluated on, one without an error; each has several devices and many episodes."""
    frame = make_frame(ticks=400, devices=18)
    groups = {f"site/{number}": f"s{number % 6}" for number in range(18)}
    frame.loc[frame[DEVICE].map(groups) == "s4", "is_error"] = 0
    rule = SplitRule(GROUP, column="place", test=tuple(f"s{number}" for number in range(5)))
    found = evaluated(frame=frame, rule=rule, groups=groups)
    few = "5 groups, 4 of them with errors; at least 5 with errors are needed"
    facts = found.describe()
    assert facts["intervals"] == f"none: {few}" and "average_precision_low" not in facts
    assert f"there are no intervals ({few}): evaluate on more data" in facts["verdict"]
    assert found.predictable and not found.beats_baselines
    gate = decide(found.candidate("new"), None)
    on_trial = f"on trial: better than both baselines, though not clearly (no intervals: {few})"
    assert gate.promoted and gate.reason.endswith(on_trial)
    assert not decide(found.candidate("new"), Comparison("old")).passed


def test_training_rows_that_reach_into_the_embargo_are_refused():
    until = split_by_time(make_frame(ticks=400, devices=12), make_schema(), 0.4).train_until
    evaluated(training_end=until.isoformat())
    with pytest.raises(InputError, match="test part: must begin 300 s after the last training row, 2024"):
        evaluated(training_end=(until + pd.Timedelta("1s")).isoformat())


def test_alarms_that_are_always_on_are_said():
    found = evaluated(threshold=0.0)
    facts = found.describe()
    assert facts["false_alarm_share"] == 1.0 and facts["false_alarms"] > 0
    assert facts["episodes_caught"] == facts["episodes"]
    assert f"({facts['episodes_already_on']:,} by an alarm that was already on" in facts["verdict"]
    assert "100 % of the healthy rows" in facts["verdict"]


def test_a_model_that_ranks_well_and_alarms_wrongly_is_told_apart_by_what_it_does():
    for threshold, other in ((0.0, "always"), (1.1, "never")):
        found = evaluated(threshold=threshold)
        assert found.predictable and found.beats_baselines  # by its ranking
        assert found.operating.f1[other] == pytest.approx(found.operating.f1["model"])
        assert found.operating.worse_than.startswith("F1 ")
        assert "but not at this threshold" in found.verdict
    facts = evaluated().describe()
    assert facts["operating_point_worse_than"] == ""
    assert facts["f1_gain_over_single_feature_low"] > 0.0 and facts["f1_gain_over_always_low"] > 0.0
    week = [facts[f"false_alarms_per_device_week{end}"] for end in ("_low", "", "_high")]
    assert week == sorted(week) and week[1] == pytest.approx(7 * facts["false_alarms_per_device_day"])
    share = [facts[f"episodes_caught_share{end}"] for end in ("_low", "", "_high")]
    assert share == sorted(share) and share[0] < share[2]


def test_an_open_difference_is_undecided_and_not_advice_for_the_rule():
    found = evaluated(frame=with_rule(make_frame(ticks=400, devices=12)))
    gains = {**found.intervals.gains, "single_feature": Interval(-0.05, 0.93)}
    blurred = replace(found, intervals=replace(found.intervals, gains=gains))
    assert not blurred.better_than_rule
    assert blurred.undecided == "the rule of a single feature (difference -0.05 to +0.93)"
    assert blurred.verdict.endswith("cannot be told: evaluate on more data.")


def test_without_intervals_a_model_that_may_be_no_better_is_undecided():
    few = evaluated(frame=make_frame(ticks=400, devices=4), bootstrap_by="device")
    assert few.predictable and few.undecided == ""
    blind = evaluated(lambda matrix: np.full(len(matrix), 0.5), make_frame(ticks=400, devices=4))
    blind = replace(blind, intervals=few.intervals)
    assert not blind.predictable and blind.undecided == "guessing (there are no intervals)"
    assert "is predictable is open, for there are no intervals" in blind.verdict


def test_chance_does_not_make_probabilities_uncalibrated():
    random = np.random.default_rng(0)
    called = 0
    for _ in range(50):
        said = random.beta(0.3, 6.0, 3000)
        called += check_calibration((random.random(3000) < said).astype(np.int8), said).calibrated
    assert called >= 48


def test_calibrated_is_said_only_of_what_is():
    said = np.repeat([0.05, 0.24], 2000)
    labels = (np.random.default_rng(0).random(4000) < said).astype(np.int8)
    assert str(check_calibration(labels, said)) == "calibrated"
    labels[2000:] = 1
    found = check_calibration(labels, said)
    assert not found.calibrated and str(found) == "not calibrated, 0.24 is said where 1.00 are errors"
    assert found.describe() == {"calibrated": False, "calibration": str(found)}
    # Bins of a few rows say nothing.
    assert check_calibration(np.zeros(101, np.int8), np.array([0.0] * 100 + [0.9])).calibrated


def test_the_same_seed_gives_the_same_intervals():
    first, second, other = (evaluated(seed=seed).describe() for seed in (1, 1, 2))
    assert first == second
    assert first["f1_low"] != other["f1_low"] and first["f1"] == other["f1"]


def test_the_table_has_the_model_first_and_both_baselines():
    table = evaluated().table()
    model, rule, majority = table["scorer"]
    assert (model, majority) == ("model", "majority_class") and rule.split()[0] in INPUTS
    assert (table["f1_low"] <= table["f1"]).all() and (table["f1"] <= table["f1_high"]).all()
    assert table["brier_skill"].notna().tolist() == [True, False, False]


def test_every_evaluated_device_has_a_row():
    found = evaluated()
    table = found.device_table()
    assert len(table) == 12 and int(table["rows"].sum()) == len(found.predictions)
    assert int(table["positives"].sum()) == int(found.predictions["is_error"].sum())


def test_the_calibration_curve_holds_the_share_of_errors_of_each_bin():
    labels = np.array([0, 0, 1, 1, 1, 0], dtype=np.int8)
    probability = np.array([0.01, 0.02, 0.03, 0.95, 1.0, 0.51])
    figure = calibration_figure(labels, probability, 0.2)
    curve = next(trace for trace in figure.data if trace.name == "model")
    assert curve.x == pytest.approx([0.02, 0.51, 0.975]) and curve.y == pytest.approx([1 / 3, 0.0, 1.0])
    rows = next(trace for trace in figure.data if trace.name == "rows")
    assert list(rows.y) == [3, 0, 0, 0, 0, 1, 0, 0, 0, 2]


@pytest.mark.parametrize("count", [1, 3, 276, 252_281])
def test_the_numbers_of_rows_have_few_labels_that_are_powers_of_ten(count):
    axis = calibration_figure(np.zeros(count, np.int8), np.full(count, 0.1), 0.0).layout.yaxis2
    low, high = axis.range
    ticks = [power for power in range(8) if low <= power <= high and power % axis.dtick == 0]
    assert 2 <= len(ticks) <= 4 and low < 0 and 10**high > count


def test_the_plot_of_alarms_names_all_and_draws_the_first():
    many = MAX_MARKS + 10
    start = pd.Timestamp("2024-03-01T00:00:00Z") + pd.to_timedelta(np.arange(many), unit="min")
    marks = pd.DataFrame({DEVICE: "a", "start": start, "end": start})
    episodes = marks.head(3).assign(counted=[True, True, False], caught=[True, False, False])
    figure = alarms_figure(episodes, marks, (start[0], start[-1]))
    assert [trace.name for trace in figure.data] == [
        "episodes caught (1)",
        "episodes missed (1)",
        f"false alarms ({many:,})",
    ]
    assert len(figure.data[2].x) == 3 * MAX_MARKS


def test_a_plot_without_alarms_or_episodes_is_empty_and_not_an_error():
    found = evaluated().episodes
    nothing = replace(found, episodes=found.episodes.head(0), false_alarms=found.false_alarms.head(0))
    moments = (pd.Timestamp("2024-03-01T00:00:00Z"), pd.Timestamp("2024-03-02T00:00:00Z"))
    assert len(alarms_figure(nothing.episodes, nothing.false_alarms, moments).data) == 3
