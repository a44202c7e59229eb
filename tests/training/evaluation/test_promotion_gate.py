"""Every way through the gate."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from training.evaluation.comparison import Caught, Comparison
from training.evaluation.interval import Interval
from training.evaluation.promotion_gate import (
    Candidate,
    after_rehearsal,
    decide,
    decide_on_live_rows,
    decide_without_labels,
)


def candidate(**changes):
    good = {"version": "new", "predictable": True, "beats_baselines": True, "better_than_rule": True}
    return Candidate(**{**good, "false_alarm_share": 0.02, **changes})


def comparison(new=0.80, old=0.70, low=0.05, high=0.15, **changes):
    facts = {"rows": 4000, "units": "devices", "with_errors": 12, "candidate": new, "champion": old}
    return Comparison("old", **{**facts, "difference": Interval(low, high), **changes})


@pytest.mark.parametrize(
    ("found", "beside", "outcome", "words"),
    [
        (candidate(predictable=False), comparison(), "not promoted", "errors are not predictable"),
        (candidate(false_alarm_share=0.3), comparison(), "not promoted", "calls 30% of the healthy rows"),
        (candidate(), None, "promoted", "first model of the project, clearly better than both baselines"),
        (candidate(beats_baselines=False), None, "promoted", "first model .* though not clearly"),
        (
            candidate(beats_baselines=False, better_than_rule=False),
            None,
            "not promoted",
            "a rule of a single feature does as well$",
        ),
        (
            candidate(better_than_rule=False, beats_baselines=False),
            comparison(),
            "promoted",
            "better: .*, though a rule of a single feature does as well as either",
        ),
        (
            candidate(
                beats_baselines=False,
                better_than_rule=False,
                undecided="the rule of a single feature (-0.05 to +0.93)",
            ),
            None,
            "not promoted",
            r"undecided: it may not be better than the rule of a single feature \(-0.05 to",
        ),
        (
            candidate(predictable=False, undecided="guessing (difference -0.05 to +0.93)"),
            None,
            "not promoted",
            "undecided: it may not be better than guessing",
        ),
        (
            candidate(worse_than="F1 0.080 against 0.100 of alarming always"),
            None,
            "not promoted",
            "at its threshold it is no better than a baseline: F1 0.080 against 0.100 of alarming always",
        ),
        (
            candidate(worse_than="F1 0.080 against 0.300 of the rule of a single feature"),
            comparison(),
            "not promoted",
            "at its threshold it is no better than a baseline",
        ),
        (
            candidate(undecided_than="F1 0.280 against 0.300 of alarming always, difference -0.10 to +0.06"),
            None,
            "not promoted",
            "undecided: at its threshold it may be no better: F1 0.280 .* -0.10 to",
        ),
        (
            candidate(beats_baselines=False, no_intervals="2 devices"),
            None,
            "promoted",
            r"on trial: better than both baselines, though not clearly \(no intervals: 2 devices\)$",
        ),
        (
            candidate(),
            comparison(f1_difference=Interval(-0.3, -0.1)),
            "not promoted",
            "it ranks better, but F1 at its threshold is lower by 0.100 to 0.300",
        ),
        (candidate(), comparison(f1_difference=Interval(-0.3, 0.1)), "promoted", "better: "),
        (candidate(version="old"), comparison(), "already in production", "it is the model"),
        (
            candidate(),
            comparison(obstacle="no column x"),
            "not promoted",
            "cannot be compared .*: no column x",
        ),
        (
            candidate(),
            comparison(obstacle="no column x", other_schema=True),
            "promoted",
            "^first model of this telemetry schema, for which version old in production cannot be used: no "
            "column x; clearly better than both baselines$",
        ),
        (
            candidate(beats_baselines=False, better_than_rule=False),
            comparison(obstacle="no column x", other_schema=True),
            "not promoted",
            "^a rule of a single feature does as well$",
        ),
        (candidate(), comparison(with_errors=4), "not promoted", "4 devices with errors; at least 5"),
        (candidate(), comparison(difference=None), "not promoted", "too little to compare it on: 4,000 rows"),
        (candidate(), Comparison("old"), "not promoted", "no test row is later than"),
        (
            candidate(),
            comparison(0.5, 0.7, -0.3, -0.1),
            "not promoted",
            "clearly worse: .* 0.500 against 0.700",
        ),
        (candidate(), comparison(0.69, 0.7, -0.1, 0.1), "not promoted", "not better: "),
        (candidate(), comparison(0.7, 0.7, 0.0, 0.0), "not promoted", "not better: "),
        (candidate(), comparison(0.71, 0.7, -0.1, 0.1), "not promoted", "not clearly better: "),
        (
            candidate(),
            comparison(0.71, 0.70, -0.005, 0.03),
            "promoted",
            r"better, though not clearly: average precision 0.710 against 0.700 of version old in production "
            r"\(difference -0.005 to 0.030, 4,000 later rows\)",
        ),
    ],
)
def test_the_decision_and_its_reason(found, beside, outcome, words):
    gate = decide(found, beside)
    assert (gate.outcome, gate.promoted) == (outcome, outcome != "not promoted")
    assert re.search(words, gate.reason)
    assert gate.describe()["promotion_reason"] == gate.reason


def repaired(gain=-0.003, low=0.15, **changes):
    """A champion whose threshold has broken, and a candidate that ranks about as well."""
    f1 = {"candidate_f1": 0.920, "champion_f1": 0.702, "f1_difference": Interval(low, 0.3)}
    return comparison(0.908 + gain, 0.908, -0.016, 0.011, **{**f1, **changes})


@pytest.mark.parametrize(
    ("beside", "better"),
    [
        (repaired(), True),
        (repaired(low=0.011), True),
        (repaired(low=0.01), False),
        (repaired(gain=-0.0101), False),
        (repaired(gain=0.003), True),
        (repaired(f1_difference=None), False),
        (repaired(with_errors=4), False),
    ],
)
def test_a_repaired_threshold_wins_where_the_ranking_is_about_as_good(beside, better):
    gate = decide(candidate(), beside)
    assert gate.promoted is better
    assert (decide_on_live_rows(beside, margin=0.02)[0] is True) is (
        better and beside.f1_difference.low > 0.02
    )
    assert (decide_on_live_rows(beside, margin=0.0)[0] is True) is better


def test_the_reason_of_a_repaired_threshold_has_both_f1():
    for reason, rows in (
        (decide(candidate(), repaired()).reason, "4,000 later rows"),
        (decide_on_live_rows(repaired(), 0.0)[1], "4,000 live rows"),
    ):
        assert reason.startswith(
            "better at its threshold, and it ranks about as well: F1 0.920 against 0.702 (difference 0.150 "
            "to 0.300); average precision 0.905 against 0.908 of version old in production"
        )
        assert rows in reason


def test_a_repaired_threshold_passes_no_other_bar():
    assert decide_on_live_rows(repaired(), 0.0, worse_on="site oslo")[0] is False
    assert decide_on_live_rows(repaired(), 0.0, false_alarm_share=0.4)[0] is False
    assert not decide(candidate(false_alarm_share=0.4), repaired()).passed
    assert not decide(candidate(predictable=False), repaired()).passed


FAILS = "F1 0.610 against 0.722 of the rule of a single feature"


def collapsed(**changes):
    """A champion that knows nothing any more, beside a candidate that does."""
    f1 = {"candidate_f1": 0.610, "champion_f1": 0.004, "f1_difference": Interval(0.5, 0.7)}
    bar = {"base_rate": 0.068, "baseline": "the rule of a single feature", "baseline_f1": 0.722}
    return comparison(0.7, 0.068, 0.5, 0.7, **{**f1, **bar, **changes})


@pytest.mark.parametrize("bar", ["worse_than", "undecided_than"])
def test_a_champion_that_fails_the_baselines_too_gives_way_to_a_better_model(bar):
    gate = decide(candidate(**{bar: FAILS}), collapsed())
    assert gate.promoted
    assert gate.reason.startswith("better: average precision 0.700 against 0.068")
    assert FAILS in gate.reason
    assert gate.reason.endswith(
        "the model in production is no better than one either: F1 0.004 against 0.722 of the rule of a "
        "single feature"
    )


@pytest.mark.parametrize(
    "beside",
    [
        None,
        collapsed(champion_f1=0.73),
        collapsed(baseline=""),
        collapsed(candidate=0.06, f1_difference=None),
        collapsed(with_errors=4),
        collapsed(difference=None),
        collapsed(obstacle="no column x"),
        collapsed(obstacle="no column x", other_schema=True),
    ],
)
def test_the_bar_of_the_baselines_stays_where_the_champion_passes_it_or_is_not_beaten(beside):
    gate = decide(candidate(worse_than=FAILS), beside)
    assert not gate.passed
    assert gate.reason.startswith("at its threshold it is no better than a baseline")
    assert not decide(candidate(version="old", worse_than=FAILS), collapsed()).passed


def test_that_neither_model_is_usable_is_said_plainly():
    beside = collapsed(candidate=0.09, difference=Interval(0.0, 0.04), f1_difference=None)
    warning = (
        "NEITHER MODEL IS USABLE on these 4,000 rows: average precision 0.090 of the new one and 0.068 of "
        "version old in production, where guessing has 0.068"
    )
    gate = decide(candidate(predictable=False), beside)
    assert gate.reason == f"errors are not predictable from these features; {warning}"
    assert gate.describe()["none_usable"] == warning
    assert decide_on_live_rows(beside, 0.05)[1].endswith(warning)
    for other in (collapsed(), collapsed(candidate=0.09, with_errors=4), comparison(0.5, 0.7, -0.3, -0.1)):
        assert "none_usable" not in decide(candidate(predictable=False), other).describe()


def test_a_request_overrules_the_gate_and_is_recorded():
    gate = decide(candidate(), comparison(0.5, 0.7, -0.3, -0.1), promote=True)
    assert (gate.promoted, gate.outcome) == (True, "promoted by request")
    assert gate.reason.startswith("asked for with promote, against the gate: clearly worse")
    # Where it passes anyway, that is what is recorded.
    assert decide(candidate(), comparison(), promote=True).outcome == "promoted"


def test_the_figures_of_the_comparison_are_results():
    facts = decide(candidate(), comparison()).describe()
    assert facts["champion_version"] == "old"
    assert facts["champion_average_precision"] == 0.70
    assert (facts["gain_over_champion_low"], facts["gain_over_champion_high"]) == (0.05, 0.15)
    assert "champion_version" not in decide(candidate(), None).describe()


def test_a_model_that_waits_for_approval_is_not_staged_and_becomes_one_that_was_approved():
    held = decide(candidate(), comparison()).before_approval()
    assert (held.outcome, held.passed, held.promoted) == ("waits for approval", False, False)
    assert held.before_rehearsal() == held
    assert after_rehearsal(held.outcome) == "promoted by approval"
    refused = decide(candidate(), comparison(low=-0.3, high=-0.2))
    assert refused.before_approval() == refused
    asked_for = decide(candidate(), comparison(low=-0.3, high=-0.2), promote=True)
    assert asked_for.before_approval().outcome == "promoted by request"


def test_only_too_little_to_compare_says_that_more_rows_may_decide():
    assert decide(candidate(), comparison(with_errors=3)).describe()["too_little_to_compare"] is True
    for other in (comparison(), comparison(low=-0.3, high=-0.2), comparison(obstacle="gone")):
        assert "too_little_to_compare" not in decide(candidate(), other).describe()


def test_without_labels_the_first_model_serves_and_only_its_kind_is_replaced():
    first = decide_without_labels("v1", 0.02, None)
    assert (first.outcome, first.passed) == ("promoted", True)
    assert "no labels: first model of the project" in first.reason
    assert decide_without_labels("v1", 0.02, ("v1", True)).outcome == "already in production"
    assert decide_without_labels("v2", 0.02, ("v1", True)).outcome == "promoted"
    supervised = decide_without_labels("v2", 0.02, ("v1", False))
    assert (supervised.outcome, supervised.passed) == ("not promoted", False)
    assert supervised.reason == "no labels: the model in production was trained with some"
    assert decide_without_labels("v2", 0.02, ("v1", False), promote=True).outcome == "promoted by request"
    assert "alarms on 30% of the rows, more than 20%" in decide_without_labels("v1", 0.3, None).reason


def test_the_score_of_the_champion_is_told_where_a_rule_decides():
    weak = candidate(worse_than="F1 0.50 against 0.60 of the rule of a single feature")
    told = decide(weak, comparison(candidate_f1=0.5, champion_f1=0.62, baseline_f1=0.6, baseline="the rule"))
    assert told.outcome == "not promoted"
    assert told.reason.endswith(
        "of the rule of a single feature; beside version old in production, which stays: average precision "
        "0.800 against 0.700 (difference 0.050 to 0.150), F1 0.500 against 0.620 (4,000 later rows)"
    )
    for beside in (None, comparison(difference=None), Comparison("new")):
        assert decide(weak, beside).reason.endswith("of the rule of a single feature")


def test_a_model_made_of_incidents_without_an_end_passes_with_a_word_of_caution():
    caution = "; most of its error rows are of incidents without an end: close those that are over, and train"
    first = decide(candidate(is_of_unended=True), None)
    assert first.outcome == "promoted" and first.passed
    assert first.reason.startswith("first model of the project, clearly better than both baselines" + caution)
    assert caution in decide(candidate(is_of_unended=True), comparison()).reason
    assert caution in decide(candidate(is_of_unended=True, worse_than="it"), None, promote=True).reason
    # What stays out of production misleads nobody, and what is there already was told of before.
    for beside in (comparison(low=-0.3, high=-0.1), Comparison("new", 0, "devices", 0, 0.8, 0.8)):
        assert caution not in decide(candidate(is_of_unended=True), beside).reason
    assert caution not in decide(candidate(), None).reason


ALARMS = "of the healthy rows it calls 1.05% an error, and version old in production 40.90%"
SHARES = {"false_alarm_share": 0.0105, "champion_false_alarm_share": 0.409}


@pytest.mark.parametrize(
    ("found", "beside"),
    [
        (candidate(), comparison(**SHARES)),
        (candidate(), comparison(low=-0.3, high=-0.2, **SHARES)),
        (candidate(worse_than=FAILS), comparison(**SHARES)),
        (candidate(predictable=False), comparison(**SHARES)),
        (candidate(), comparison(with_errors=3, **SHARES)),
        (candidate(), Comparison("old", rows=300, **SHARES)),
    ],
)
def test_every_reason_tells_how_often_either_model_alarms_on_healthy_rows(found, beside):
    gate = decide(found, beside)
    assert gate.reason.endswith(f"; {ALARMS}, where a first model may 20%")
    told = gate.describe()
    assert (told["comparison_false_alarm_share"], told["champion_false_alarm_share"]) == (0.0105, 0.409)
    assert ("too_little_to_compare" in told) == (not beside.is_enough)
    calm = decide(found, replace(beside, champion_false_alarm_share=0.2))
    assert calm.reason.endswith("and version old in production 20.00%")
    unknown = decide(found, replace(beside, champion_false_alarm_share=None))
    assert "of the healthy rows" not in unknown.reason
    assert "champion_false_alarm_share" not in unknown.describe()
    assert "of the healthy rows" not in decide(candidate(version="old"), beside).reason


def test_the_reason_tells_what_an_operator_would_have_seen_of_either_model():
    seen = {"caught": Caught(20, 18, 0.523), "champion_caught": Caught(20, 16, 1240.4)}
    gate = decide(candidate(), comparison(**SHARES, **seen))
    assert gate.reason.endswith(
        "; of the error episodes it catches 18 of 20 with 0.52 false alarms per device-day, and version old "
        "16 of 20 with 1,240"
    )
    assert (
        gate.figures.items()
        >= {
            "comparison_episodes": 20,
            "comparison_episodes_caught": 18,
            "comparison_false_alarms_per_device_day": 0.523,
            "champion_episodes": 20,
            "champion_episodes_caught": 16,
            "champion_false_alarms_per_device_day": 1240.4,
        }.items()
    )
    # Rows of one moment span no time, and of no episode nothing is caught.
    moment = {"caught": Caught(2, 1), "champion_caught": Caught(2, 0)}
    gate = decide(candidate(), comparison(**SHARES, **moment))
    assert gate.reason.endswith("; of the error episodes it catches 1 of 2, and version old 0 of 2")
    assert "champion_false_alarms_per_device_day" not in gate.figures
    none = {"caught": Caught(0, 0, 1.0), "champion_caught": Caught(0, 0, 1.0)}
    assert "episodes" not in decide(candidate(), comparison(**SHARES, **none)).reason


def test_a_trial_tells_it_too():
    assert ALARMS in decide_on_live_rows(comparison(**SHARES), 0.05)[1]
    assert ALARMS in decide_on_live_rows(comparison(**SHARES), 0.05, false_alarm_share=0.4)[1]


def test_fewer_false_alarms_alone_are_not_better():
    """Six episodes after a drift: the champion alarms on 41% of the healthy rows; a rule beats both."""
    f1 = {"candidate_f1": 0.047, "champion_f1": 0.006, "f1_difference": Interval(-0.007, 0.416)}
    bar = {"base_rate": 0.002, "baseline": "the rule of a single feature", "baseline_f1": 0.161}
    beside = comparison(0.068, 0.006, -0.020, 0.365, **f1, **bar, **SHARES, with_errors=6)
    gate = decide(candidate(undecided_than="F1 0.047 against 0.161 of the rule"), beside)
    assert gate.outcome == "not promoted"
    assert "(difference -0.020 to 0.365)" in gate.reason and ALARMS in gate.reason
    # One that is better by the interval takes over from it, though it is no better than the rule.
    clear = replace(beside, difference=Interval(0.01, 0.365))
    assert decide(candidate(undecided_than="F1 0.047 against 0.161 of the rule"), clear).promoted
