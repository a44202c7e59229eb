"""The verdict on a model in words: what was found on the later rows, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping

from drift.share_text import decimal
from feature_sets.durations import in_words
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from training.evaluation.baselines import MODEL, SINGLE_FEATURE, SingleFeatureRule
from training.evaluation.bootstrap import Intervals
from training.evaluation.episode_view import EpisodeView
from training.evaluation.operating_scores import Tie
from training.evaluation.rounded import rounded

RULES = "threshold_rule, such as false_alarms:0.001"
"""What a person sets to get another threshold."""
_NAMED = 3
"""Devices that are named at most."""


def finding(
    rows: str,
    average_precision: Mapping[str, float],
    base_rate: float,
    intervals: Intervals,
    rule: SingleFeatureRule,
    episodes: EpisodeView,
    false_alarm_share: float,
) -> str:
    """How good the model is, beside what needs none; and whether incidents without an end decide about it.

    :param rows: how many test rows there are, and what they are.
    :param average_precision: of ``model`` and ``single_feature``.
    :param base_rate: share of errors among the rows: the average precision of guessing.
    :param intervals: of the scores.
    :param rule: the single-feature baseline.
    :param episodes: error episodes and false alarms.
    :param false_alarm_share: of the healthy rows, how many are called an error.
    """
    interval = ""
    if intervals.resamples:
        interval = f" ({intervals.scores[MODEL]['average_precision']}, {intervals})"
    per_day = episodes.describe().get("false_alarms_per_device_day")
    share = f"{rounded(100.0 * false_alarm_share)} % of the healthy rows"
    alarms = f"alarms on {share}"
    if per_day is not None:
        # An alarm that goes on after an episode is none of its own, but its rows are healthy by then.
        runs = f"{rounded(per_day)} false alarms per device-day" if per_day else "no false alarm"
        alarms = f"{runs} apart from episodes ({share} are called errors, those beside an episode included)"
    return (
        f"On {rows} the model's average precision is {average_precision[MODEL]:.3f}{interval}, "
        f"against {decimal(base_rate)} for guessing and {average_precision[SINGLE_FEATURE]:.3f} for the rule "
        f"{rule}; {_caught(episodes)}; {alarms}.{_unended(episodes)}"
    )


def _unended(view: EpisodeView) -> str:
    """A sentence, after a space, on episodes that last until now, where most error rows are of them."""
    lasting = view.unended
    if lasting.empty:
        return ""
    rows, of = int(lasting["test_rows"].sum()), int(view.episodes["test_rows"].sum())
    names = lasting.sort_values("test_rows", ascending=False)[DEVICE].unique()
    where = ", ".join(names[:_NAMED]) + (" and others" if len(names) > _NAMED else "")
    last = "1 episode that lasts" if len(lasting) == 1 else f"{len(lasting):,} episodes that last"
    return (
        f" {rows:,} of the {of:,} rows in error episodes, {rows / of:.0%}, are of {last} until the newest "
        f"reading ({where}): does each of these incidents go on, or is its end missing?"
    )


def _caught(view: EpisodeView) -> str:
    """How many episodes were caught, of which, and which do not count."""
    facts = view.describe()
    others = [
        f"{facts[name]:,} {why}"
        for name, why in (
            ("episodes_begun_before_test", "that began before it"),
            ("episodes_cut_off", "that began with the last reading of a device"),
            ("episodes_without_test_rows", "without a test row"),
        )
        if facts[name]
    ]
    not_counted = f"not counting {' and '.join(others)}" if others else ""
    if unseen := facts["episodes_unseen"]:
        whose = "all" if unseen == facts["episodes_without_test_rows"] else f"{unseen:,}"
        not_counted += f" ({whose} as the device had no labeled reading in the horizon before)"
    if not facts["episodes"]:
        nothing = "there is no error episode to catch"
        return f"{nothing} in the test period, {not_counted}" if others else nothing
    caught = (
        f"it catches {facts['episodes_caught']:,} of {facts['episodes']:,} error episodes that began in the "
        "test period"
    )
    already_on = "by an alarm that was already on"
    on = f"{facts['episodes_already_on']:,} {already_on}" if facts["episodes_already_on"] else ""
    if on or others:
        caught += f" ({'; '.join(filter(None, (on, not_counted)))})"
    median = facts.get(f"median_{view.lag}")
    if median is None:
        return caught
    if not median:
        return f"{caught}, at least half of them at once"
    when = "before they begin" if view.horizon_seconds else "after they began"
    return f"{caught}, in the median {in_words(median)} {when}"


def advice(
    telemetry: TelemetrySchema,
    intervals: Intervals,
    *,
    predictable: bool,
    beats_baselines: bool,
    better_than_rule: bool,
    undecided: str = "",
    worse_than: str = "",
    tie: Tie | None = None,
    undecided_than: str = "",
    may_serve: bool = False,
    threshold_uncertain: bool = False,
) -> str:
    """A sentence on what to do with the model.

    :param telemetry: names what is predicted.
    :param intervals: of the scores.
    :param predictable: see ``EvaluationReport``.
    :param beats_baselines: the same.
    :param better_than_rule: the same.
    :param undecided: the same.
    :param worse_than: see ``OperatingScores``.
    :param tie: see ``OperatingScores.tied_with``.
    :param undecided_than: the same.
    :param may_serve: see ``EvaluationReport``.
    :param threshold_uncertain: see ``EvaluationReport``.
    """
    what = f"'{telemetry.label}'"
    if telemetry.horizon_seconds:
        what = f"That {what} starts within {telemetry.horizon}"
    more = "evaluate on more data"
    if may_serve:
        more += ", and until then let it serve only where no other model does"
    if not intervals.resamples:
        why = str(intervals).removeprefix("none: ")
        looks = f"{what} looks predictable"
        if not predictable:
            looks = f"Whether {what[0].lower()}{what[1:]} is predictable is open"
        if predictable and worse_than:
            beside = _beside_baseline(worse_than, tie)
            way = f"use the rule, or {more}" if tie is not None and tie.is_rule else more
            return f"{looks}, {beside}; there are no intervals ({why}): {way}."
        joined = "but" if predictable else "for"
        return f"{looks}, {joined} there are no intervals ({why}): {more}."
    if undecided:
        return f"Undecided: whether the model is better than {undecided} cannot be told: {more}."
    if not predictable:
        return f"{what} is not predictable from these features: do not act on this model's alarms."
    if not better_than_rule:
        return f"{what} is predictable, but the model is not better than that rule: use the rule."
    if worse_than:
        way = f"choose another one ({RULES})"
        if tie is not None and tie.is_rule:
            way = "use the rule" if tie.is_perfect else f"{way}, or use the rule"
        return f"{what} is predictable, {_beside_baseline(worse_than, tie)}: {way}."
    if undecided_than:
        return (
            f"{what} is predictable, but whether the model is better at this threshold cannot be told "
            f"({undecided_than}): choose another one ({RULES}), or evaluate on more data."
        )
    if not beats_baselines:
        return f"{what} is predictable, but the model is not clearly better than that rule: {more}."
    if threshold_uncertain:
        return (
            f"{what} is predictable: the model ranks well, threshold uncertain. Few or unlike episodes gave "
            "it, so go by its rate of false alarms."
        )
    return f"{what} is predictable, and the model is clearly better than both baselines."


def _beside_baseline(worse_than: str, tie: Tie | None) -> str:
    """What a model is at its threshold that is no better there than a baseline."""
    if tie is None:
        return f"but not at this threshold ({worse_than})"
    if tie.is_rule:
        return f"and {tie.baseline} does as well at this threshold ({tie})"
    return f"but at this threshold the model is no better than {tie.baseline} ({tie})"
