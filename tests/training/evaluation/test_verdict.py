"""The verdict in words: what was found, and what to do about it."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from tests.training.network import make_schema
from training.evaluation.baselines import SingleFeatureRule
from training.evaluation.bootstrap import Intervals
from training.evaluation.clusters import Clusters
from training.evaluation.episode_view import EpisodeView, lag_column
from training.evaluation.interval import Interval
from training.evaluation.operating_scores import OperatingScores, Tie
from training.evaluation.verdict import RULES, advice, finding

NO_INTERVALS = Intervals(Clusters("device", np.zeros(1, dtype=np.intp), 4), 2, 0, {}, {})


def view(lags, *, horizon=0, already_on=0, false_alarms=17, days=1.0, before=0, unseen=0, silent=0):
    """Episodes with these lags (None: missed), others that do not count, and false alarms of one device."""
    caught = [lag is not None for lag in lags]
    episodes = pd.DataFrame(
        {
            "counted": True,
            "began_before": False,
            "cut_off": False,
            "unended": False,
            "test_rows": 3,
            "unseen": False,
            "caught": pd.Series(caught, dtype=bool),
            "already_on": [place < already_on for place in range(len(lags))],
            lag_column(horizon): pd.Series(lags, dtype=np.float64),
        }
    )
    others = pd.DataFrame(
        {
            "counted": False,
            "began_before": [True] * before + [False] * unseen,
            "cut_off": False,
            "unended": False,
            "test_rows": 0,
            "unseen": [False] * (before + unseen - silent) + [True] * silent,
            "caught": False,
        }
    )
    episodes = pd.concat([episodes, others], ignore_index=True) if before or unseen else episodes
    alarms = pd.DataFrame(index=range(false_alarms))
    return EpisodeView(episodes, alarms, pd.DataFrame({"days": [days]}), horizon)


def test_guessing_is_not_told_as_nothing_where_errors_are_rare():
    rule = SingleFeatureRule("heat", 1, 310.0, 300.0)
    precision = {"model": 0.477, "single_feature": 0.355}
    told = finding("104,704 later rows", precision, 29 / 104_704, NO_INTERVALS, rule, view([9.0]), 0.0163)
    assert "against 0.00028 for guessing and 0.355 for the rule" in told


def found(episodes):
    rule = SingleFeatureRule("heat", 1, 310.0, 300.0)
    precision = {"model": 0.9441, "single_feature": 0.8549}
    return finding("3,600 later rows", precision, 0.1, NO_INTERVALS, rule, episodes, 0.0163)


def test_all_that_was_found_is_one_sentence():
    assert found(view([0.0, 0.0, None], already_on=1)) == (
        "On 3,600 later rows the model's average precision is 0.944, against 0.100 for guessing and 0.855 "
        "for the rule heat >= 310; it catches 2 of 3 error episodes that began in the test period (1 by an "
        "alarm that was already on), "
        "at least half of them at once; 17 false alarms per device-day apart from episodes (1.6 % of "
        "the healthy rows are called errors, those beside an episode included)."
    )


def test_episodes_before_which_the_device_was_silent_are_told_with_the_reason():
    told = found(view([9.0], horizon=3600, unseen=26, silent=24))
    why = "(24 as the device had no labeled reading in the horizon before)"
    assert f"(not counting 26 without a test row {why})" in told
    assert "without a test row (all as the device" in found(view([9.0], horizon=3600, unseen=2, silent=2))
    assert "as the device" not in found(view([9.0], horizon=3600, unseen=2))


def test_episodes_without_an_end_are_named_where_most_error_rows_are_of_them():
    told = view([0.0, 0.0, None])
    told.episodes["device"] = ["r1", "r2", "r2"]
    told.episodes["unended"] = [True, False, True]
    told.episodes["test_rows"] = [40, 9, 500]
    words = (
        "540 of the 549 rows in error episodes, 98%, are of 2 episodes that last until the newest reading "
        "(r2, r1): does each of these incidents go on, or is its end missing?"
    )
    assert found(told).endswith(words)
    told.episodes["test_rows"] = [40, 1000, 500]
    assert "newest reading" not in found(told)


@pytest.mark.parametrize(
    ("episodes", "words"),
    [
        (view([180.0, 60.0]), "in the median 2 min after they began; "),
        (view([180.0, 60.0], horizon=600), "in the median 2 min before they begin; "),
        (view([None]), "it catches 0 of 1 error episodes that began in the test period; "),
        (
            view([0.0, None], already_on=1, before=2, unseen=1),
            "it catches 1 of 2 error episodes that began in the test period (1 by an alarm that was already "
            "on; not counting 2 that began before it and 1 without a test row), at least half",
        ),
        (
            view([None], unseen=3),
            "of 1 error episodes that began in the test period (not counting 3 without a test row); ",
        ),
        (
            view([], before=1),
            "is no error episode to catch in the test period, not counting 1 that began before it; ",
        ),
        (view([]), "there is no error episode to catch; "),
        (
            view([0.0], false_alarms=71, days=10.0),
            "; 7.1 false alarms per device-day apart from episodes (1.6 % of the healthy rows are called",
        ),
        # Rows are called errors all the same: those of alarms that outlast an episode.
        (
            view([0.0], false_alarms=0),
            "; no false alarm apart from episodes (1.6 % of the healthy rows are",
        ),
        (view([0.0], false_alarms=1, days=50.0), "; 0.02 false alarms per device-day apart from"),
        (view([0.0], false_alarms=1, days=5000.0), "; less than 0.001 false alarms per device-day"),
        (view([0.0], days=0.0), "; alarms on 1.6 % of the healthy rows."),
    ],
)
def test_episodes_and_false_alarms_are_said(episodes, words):
    assert words in found(episodes)


def test_the_advice_follows_from_what_is_clear():
    schema, some = make_schema(), Intervals(NO_INTERVALS.clusters, 9, 500, {}, {})
    ahead = make_schema(horizon="10m")
    assert advice(ahead, some, predictable=False, beats_baselines=False, better_than_rule=False).startswith(
        "That 'is_error' starts within 10m is not predictable from these features: do not act"
    )
    assert advice(schema, NO_INTERVALS, predictable=True, beats_baselines=False, better_than_rule=False) == (
        "'is_error' looks predictable, but there are no intervals (4 devices, 2 of them with errors; at "
        "least 5 with errors are needed): evaluate on more data."
    )
    assert advice(schema, some, predictable=True, beats_baselines=False, better_than_rule=False).endswith(
        "use the rule."
    )
    assert advice(schema, some, predictable=True, beats_baselines=False, better_than_rule=True).endswith(
        "the model is not clearly better than that rule: evaluate on more data."
    )
    assert advice(schema, some, predictable=True, beats_baselines=True, better_than_rule=True).endswith(
        "better than both baselines."
    )


def test_undecided_and_uncertain_are_verdicts_of_their_own():
    schema, some = make_schema(), Intervals(NO_INTERVALS.clusters, 9, 500, {}, {})
    better = {"predictable": True, "beats_baselines": True, "better_than_rule": True}
    assert advice(schema, some, **better, threshold_uncertain=True) == (
        "'is_error' is predictable: the model ranks well, threshold uncertain. Few or unlike episodes gave "
        "it, so go by its rate of false alarms."
    )
    worse = "F1 0.100 against 0.300 of the rule of a single feature"
    assert advice(schema, some, **better, worse_than=worse) == (
        f"'is_error' is predictable, but not at this threshold ({worse}): choose another one ({RULES})."
    )
    open_ = {"predictable": True, "beats_baselines": False, "better_than_rule": False}
    assert advice(schema, some, **open_, undecided="that rule (difference -0.05 to +0.93)") == (
        "Undecided: whether the model is better than that rule (difference -0.05 to +0.93) cannot be told: "
        "evaluate on more data."
    )
    few = {"predictable": False, "beats_baselines": False, "better_than_rule": False}
    assert advice(schema, NO_INTERVALS, **few).startswith(
        "Whether 'is_error' is predictable is open, for there are no intervals (4 devices, 2 of them"
    )


TIES = {
    "none": (None, "F1 0.100 against 0.300 of the rule of a single feature"),
    "perfect": (Tie("the rule of a single feature", 1.0, is_rule=True), "F1 1.000 against 1.000 of the rule"),
    "rule": (Tie("the rule of a single feature", 0.8, is_rule=True), "F1 0.800 against 0.800 of the rule"),
    "always": (Tie("alarming always", 0.3, is_rule=False), "F1 0.300 against 0.300 of alarming always"),
}


def test_a_model_as_perfect_as_the_rule_is_not_told_to_have_another_threshold():
    schema, some = make_schema(), Intervals(NO_INTERVALS.clusters, 9, 500, {}, {})
    tie, worse = TIES["perfect"]
    equal = {"predictable": True, "beats_baselines": False, "worse_than": worse, "tie": tie}
    assert advice(schema, NO_INTERVALS, **equal, better_than_rule=False) == (
        "'is_error' looks predictable, and the rule of a single feature does as well at this threshold "
        "(F1 1.000 of both); there are no intervals (4 devices, 2 of them with errors; at least 5 with "
        "errors are needed): use the rule, or evaluate on more data."
    )
    assert advice(schema, some, **equal, better_than_rule=True) == (
        "'is_error' is predictable, and the rule of a single feature does as well at this threshold "
        "(F1 1.000 of both): use the rule."
    )
    tie, worse = TIES["always"]
    assert advice(schema, some, **{**equal, "worse_than": worse, "tie": tie}, better_than_rule=True) == (
        "'is_error' is predictable, but at this threshold the model is no better than alarming always "
        f"(F1 0.300 of both): choose another one ({RULES})."
    )


@pytest.mark.parametrize("kind", TIES)
def test_every_combination_is_one_sentence_that_does_not_contradict_itself(kind):
    tie, text = TIES[kind]
    with_intervals = Intervals(NO_INTERVALS.clusters, 9, 500, {}, {})
    for intervals, *flags in itertools.product([NO_INTERVALS, with_intervals], *[[False, True]] * 7):
        predictable, beats, better, undecided, worse, may_serve, uncertain = flags
        told = advice(
            make_schema(),
            intervals,
            predictable=predictable,
            beats_baselines=beats,
            better_than_rule=better,
            undecided="guessing (difference -0.05 to +0.93)" if undecided else "",
            worse_than=text if worse else "",
            tie=tie if worse else None,
            may_serve=may_serve,
            threshold_uncertain=uncertain,
        )
        assert told.endswith(".")
        if worse and tie is not None and tie.is_rule:
            assert f"choose another one ({RULES})." not in told and "but not at this threshold" not in told
        assert not ("1.000" in told and "choose another" in told)
        assert ("is not predictable" in told) + ("is predictable," in told) + (
            "looks predictable" in told
        ) <= 1


@pytest.mark.parametrize(
    ("own", "rule", "tied"),
    [(1.0, 1.0, True), (0.99961, 0.99964, True), (0.8, 0.8, True), (0.7, 0.8, False), (0.9, 0.8, False)],
)
def test_equal_scores_to_three_digits_are_a_tie(own, rule, tied):
    f1 = {"model": own, "single_feature": rule, "never": 0.0}
    for gains in ({}, {"single_feature": Interval(-0.1, 0.0)}):
        found = OperatingScores(f1, gains, None, None, None).tied_with
        assert (found is not None) == tied
        assert found is None or (found.is_rule and found.is_perfect == (own > 0.9))
    open_ = OperatingScores(f1, {"single_feature": Interval(-0.1, 0.1)}, None, None, None)
    assert open_.tied_with is None
