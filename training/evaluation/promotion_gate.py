"""The gate to production: whether a new model takes the place of the one that is there, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from drift.alarm_share import MOST_FALSE_ALARMS
from training.evaluation.clusters import LEAST_CLUSTERS
from training.evaluation.comparison import Comparison
from training.evaluation.interval import Interval

MARGIN = 0.01
"""By so much of average precision a better model may turn out to be worse on other devices or days.

By more than so much of F1, each at its own threshold, a model is better that ranks about as well.
"""

PROMOTED, NOT_PROMOTED = "promoted", "not promoted"
KEPT, OVERRULED = "already in production", "promoted by request"
HELD, APPROVED = "waits for approval", "promoted by approval"
ON_TRIAL = "to be tried on live events"
"""Of a model that passed, and is compared in shadow before it may go into production."""
LOST = "not promoted after its trial"
OPEN = "not decided by its trial"
"""Of a model whose trial is over; a person may take it all the same."""
DECLINED = "declined"
"""Of a model that a person has turned down; one may take it all the same."""
SUPERSEDED = "superseded"
"""Of a model that passed beside a champion that is not there any more: that says nothing of the new one."""
PENDING = {
    PROMOTED: "to be promoted after its rehearsal",
    OVERRULED: "to be promoted by request, after its rehearsal",
}
"""Outcomes of a model that is rehearsed first, by what they are once it is in production."""
_AFTER_REHEARSAL = {
    **{pending: done for done, pending in PENDING.items()},
    **dict.fromkeys((HELD, ON_TRIAL, OPEN), APPROVED),
    **dict.fromkeys((LOST, DECLINED), OVERRULED),
}

TOO_LITTLE = "too_little_to_compare"
"""Result that says that more rows may decide, and what was found does not."""
NONE_USABLE = "none_usable"
"""Result that says, in words, that neither the new model nor the one in production is of use."""


_UNENDED = "most of its error rows are of incidents without an end: close those that are over, and train anew"
"""What a person is to do about a model that passes all the same: they may really go on."""

NO_BETTER_THAN = "no_better_than"
"""Parameter of a registered model: what needs none and does as well, in words; empty if nothing does."""
EVALUATED_UNTIL = "evaluated_until"
"""Parameter of a registered model: event time of the newest row that it was evaluated on, ISO 8601 UTC."""


@dataclass(frozen=True)
class Candidate:
    """What the evaluation found of a new model.

    :param version: of the model.
    :param predictable: see ``EvaluationReport``.
    :param beats_baselines: the same.
    :param better_than_rule: the same.
    :param false_alarm_share: the same.
    :param undecided: the same.
    :param worse_than: see ``OperatingScores``.
    :param undecided_than: the same.
    :param no_intervals: why its scores have none; empty if they have.
    :param is_of_unended: whether most error rows that it was evaluated on are of episodes without an end.
    """

    version: str
    predictable: bool
    beats_baselines: bool
    better_than_rule: bool
    false_alarm_share: float
    undecided: str = ""
    worse_than: str = ""
    undecided_than: str = ""
    no_intervals: str = ""
    is_of_unended: bool = False


@dataclass(frozen=True)
class Promotion:
    """What the gate decided.

    :param outcome: in one or two words.
    :param reason: a sentence.
    :param figures: of the comparison, empty without one.
    """

    outcome: str
    reason: str
    figures: Mapping[str, float | int | str] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether the new model may go into production."""
        return self.outcome not in (NOT_PROMOTED, HELD, ON_TRIAL, SUPERSEDED)

    @property
    def is_candidate(self) -> bool:
        """Whether it passed, and is no champion before a person, or a trial, has decided."""
        return self.outcome in (HELD, ON_TRIAL)

    @property
    def promoted(self) -> bool:
        """Whether the new model is in production, and not only to be rehearsed for it."""
        return self.passed and self.outcome not in PENDING.values()

    def before_rehearsal(self) -> Promotion:
        """The same of a model that is rehearsed before it goes into production."""
        return replace(self, outcome=PENDING.get(self.outcome, self.outcome))

    def before_approval(self, trial: bool = False) -> Promotion:
        """The same of a model that a person is to approve first; one that was asked for is approved.

        :param trial: whether it is tried on live events first.
        """
        return replace(self, outcome=ON_TRIAL if trial else HELD) if self.outcome == PROMOTED else self

    def superseded(self, why: str) -> Promotion:
        """The same where another model is in production by now; what was kept out stays so.

        :param why: in words; empty if it is the same model.
        """
        if not why or not (self.passed or self.is_candidate) or self.outcome == KEPT:
            return self
        return replace(self, outcome=SUPERSEDED, reason=f"{why}; what was found: {self.reason}")

    def describe(self) -> dict[str, float | int | str | bool]:
        """Results ready to be logged."""
        return {
            "passed": self.passed,
            "promoted": self.promoted,
            "promotion": self.outcome,
            "promotion_reason": self.reason,
            **self.figures,
        }


def decide(candidate: Candidate, comparison: Comparison | None, promote: bool = False) -> Promotion:
    """Whether a new model goes into production.

    >>> useless = Candidate("v2", False, False, False, 0.0)
    >>> decide(useless, None).reason
    'errors are not predictable from these features'
    >>> decide(useless, None, promote=True).outcome
    'promoted by request'

    :param comparison: with the champion; None for the first model of a project.
    :param promote: whether it goes there whatever the gate says; that is recorded.
    """
    outcome, reason = _decide(candidate, comparison)
    if promote and outcome == NOT_PROMOTED:
        outcome, reason = OVERRULED, f"asked for with promote, against the gate: {reason}"
    figures = comparison.describe() if comparison else {}
    if candidate.is_of_unended and outcome not in (NOT_PROMOTED, KEPT):
        reason = f"{reason}; {_UNENDED}"
    if comparison and outcome == NOT_PROMOTED and reason == _too_little(comparison):
        figures[TOO_LITTLE] = True
    if comparison and comparison.version != candidate.version:
        reason = _with_false_alarms(reason, comparison)
    if comparison and comparison.none_usable:
        figures[NONE_USABLE] = comparison.none_usable
        reason = f"{reason}; {comparison.none_usable}"
    return Promotion(outcome, reason, figures)


def decide_on_live_rows(
    comparison: Comparison, margin: float, false_alarm_share: float = 0.0, worse_on: str = ""
) -> tuple[bool | None, str]:
    """Whether a candidate that was in shadow takes the place of the champion.

    :param comparison: on live rows that both have scored.
    :param margin: by how much of average precision it must be better, at the lower end of the interval; of
        F1 by ``MARGIN`` if that is more.
    :param false_alarm_share: share of the healthy rows that it calls errors.
    :param worse_on: large groups on which it is clearly worse, in words.
    :returns: True, False, or None if more rows may decide; and a sentence.
    """
    if comparison.difference is None or not comparison.is_enough:
        return None, _too_little(comparison)
    outcome, reason = _compared(comparison, comparison.difference, least=margin, rows="live rows")
    reason = _with_false_alarms(reason, comparison)
    if comparison.none_usable:
        reason = f"{reason}; {comparison.none_usable}"
    if false_alarm_share > MOST_FALSE_ALARMS:
        return False, _with_false_alarms(_many_alarms(false_alarm_share), comparison)
    if worse_on:
        return False, f"clearly worse on {worse_on}: {reason}"
    if outcome == PROMOTED:
        return True, reason
    return (False if comparison.difference.high < 0.0 else None), reason


def decide_without_labels(
    version: str,
    false_alarm_share: float,
    champion: tuple[str, bool] | None,
    promote: bool = False,
    few: bool = False,
) -> Promotion:
    """Whether a model that was made without labels goes into production.

    It may be the first model, and take the place of another one of its kind. Of one that was trained with
    labels nobody can say that it is better.

    :param false_alarm_share: share of the rows that are alarms.
    :param champion: version of the model in production, and whether it was made without labels too; None for
        the first model of a project.
    :param promote: see ``decide``.
    :param few: whether there are labels, too few to learn from: of the model in production nothing is said.
    """
    why = "too few errors to learn from" if few else "no labels"
    if false_alarm_share > MOST_FALSE_ALARMS:
        share, most = f"{false_alarm_share:.0%}", f"{MOST_FALSE_ALARMS:.0%}"
        outcome, reason = NOT_PROMOTED, f"{why}: it alarms on {share} of the rows, more than {most}"
    elif champion is None:
        outcome, reason = PROMOTED, f"{why}: first model of the project, by distance from each own level"
    elif champion[0] == version:
        outcome, reason = KEPT, "it is the model that is in production"
    elif champion[1]:
        outcome, reason = PROMOTED, f"{why}: in the place of another model that was made without any"
    else:
        outcome, reason = NOT_PROMOTED, f"{why}: the model in production was trained with some"
    if promote and outcome == NOT_PROMOTED:
        outcome, reason = OVERRULED, f"asked for with promote, against the gate: {reason}"
    figures: dict[str, float | int | str] = {"champion_version": champion[0]} if champion else {}
    if few and outcome == NOT_PROMOTED:
        figures[TOO_LITTLE] = True
    return Promotion(outcome, reason, figures)


def after_rehearsal(outcome: str) -> str:
    """What an outcome is once the model is in production; empty where none was to be promoted.

    >>> after_rehearsal("to be promoted after its rehearsal"), after_rehearsal("promoted")
    ('promoted', '')
    """
    return _AFTER_REHEARSAL.get(outcome, "")


def _decide(candidate: Candidate, comparison: Comparison | None) -> tuple[str, str]:
    if not candidate.predictable:
        if candidate.undecided:
            return NOT_PROMOTED, f"undecided: it may not be better than {candidate.undecided}"
        return NOT_PROMOTED, "errors are not predictable from these features"
    if candidate.false_alarm_share > MOST_FALSE_ALARMS:
        return NOT_PROMOTED, _many_alarms(candidate.false_alarm_share)
    fails = _fails_a_baseline(candidate)
    if fails:
        told = f"{fails}{_beside_champion(candidate, comparison)}"
        return _beside_a_worse_one(candidate, comparison, fails) or (NOT_PROMOTED, told)
    if comparison is None:
        return _first(candidate, "first model of the project,")
    if comparison.version == candidate.version:
        return KEPT, "it is the model that is in production"
    if comparison.other_schema:
        return _first(
            candidate,
            f"first model of this telemetry schema, for which version {comparison.version[:8]} in production "
            f"cannot be used: {comparison.obstacle};",
        )
    if comparison.obstacle:
        return NOT_PROMOTED, f"the model in production cannot be compared with it: {comparison.obstacle}"
    if comparison.difference is None or not comparison.is_enough:
        return NOT_PROMOTED, _too_little(comparison)
    outcome, reason = _compared(comparison, comparison.difference)
    if outcome == PROMOTED and not candidate.better_than_rule:
        reason += ", though a rule of a single feature does as well as either"
    return outcome, reason


def _fails_a_baseline(candidate: Candidate) -> str:
    """What needs no model and does as well at the threshold, or may; empty if nothing."""
    if candidate.worse_than:
        return f"at its threshold it is no better than a baseline: {candidate.worse_than}"
    if candidate.undecided_than:
        return f"undecided: at its threshold it may be no better: {candidate.undecided_than}"
    return ""


def _beside_champion(candidate: Candidate, comparison: Comparison | None) -> str:
    """The scores of both models, where something else decides; empty where they were not compared."""
    if comparison is None or comparison.difference is None or comparison.version == candidate.version:
        return ""
    return (
        f"; beside version {comparison.version[:8]} in production, which stays: average precision "
        f"{comparison.candidate:.3f} against {comparison.champion:.3f} (difference "
        f"{comparison.difference}), F1 {comparison.candidate_f1:.3f} against "
        f"{comparison.champion_f1:.3f} ({comparison.rows:,} later rows)"
    )


def _beside_a_worse_one(
    candidate: Candidate, comparison: Comparison | None, fails: str
) -> tuple[str, str] | None:
    """What the gate says where the champion fails the baselines, too, and the new model is better; else None.

    To keep the champion for the sake of a rule that nobody runs would help nobody.
    """
    if comparison is None or comparison.version == candidate.version or comparison.obstacle:
        return None
    if comparison.difference is None or not comparison.is_enough:
        return None
    outcome, reason = _compared(comparison, comparison.difference)
    if outcome != PROMOTED or not comparison.champion_is_no_better_than_a_baseline:
        return None
    return PROMOTED, (
        f"{reason}; {fails}; the model in production is no better than one either: F1 "
        f"{comparison.champion_f1:.3f} against {comparison.baseline_f1:.3f} of {comparison.baseline}"
    )


def _with_false_alarms(reason: str, comparison: Comparison) -> str:
    """The reason with what an operator would get of either: F1 of rare errors does not tell it."""
    return "; ".join(filter(None, (reason, comparison.false_alarms)))


def _many_alarms(share: float) -> str:
    return f"it calls {share:.0%} of the healthy rows an error, more than {MOST_FALSE_ALARMS:.0%}"


def _first(candidate: Candidate, what: str) -> tuple[str, str]:
    if candidate.beats_baselines:
        return PROMOTED, f"{what} clearly better than both baselines"
    if candidate.better_than_rule:
        why = f" (no intervals: {candidate.no_intervals})" if candidate.no_intervals else ""
        return PROMOTED, f"{what} on trial: better than both baselines, though not clearly{why}"
    if candidate.undecided:
        return NOT_PROMOTED, f"undecided: it may not be better than {candidate.undecided}"
    return NOT_PROMOTED, "a rule of a single feature does as well"


def _too_little(comparison: Comparison) -> str:
    if not comparison.rows:
        return "no test row is later than what the model in production was trained on"
    return (
        f"there is too little to compare it on: {comparison.rows:,} rows that the model in production was "
        f"not trained on, {comparison.with_errors} {comparison.units} with errors; at least "
        f"{LEAST_CLUSTERS} are needed"
    )


def _compared(
    comparison: Comparison, difference: Interval, least: float = -MARGIN, rows: str = "later rows"
) -> tuple[str, str]:
    """Whether one of two models is better: it ranks better, or as well and decides better.

    :param least: the lower end of the interval of average precision must be above it.
    """
    figures = (
        f"average precision {comparison.candidate:.3f} against {comparison.champion:.3f} of version "
        f"{comparison.version[:8]} in production (difference {difference}, {comparison.rows:,} {rows})"
    )
    decides = _decides_better(comparison, max(MARGIN, least))
    f1 = comparison.f1_difference
    if difference.low > least and comparison.candidate > comparison.champion and not (f1 and f1.high < 0.0):
        how = "better" if difference.low > 0.0 else "better, though not clearly"
        return PROMOTED, f"{how}: {figures}"
    if decides:
        return PROMOTED, f"better at its threshold, and it ranks about as well: {decides}; {figures}"
    if difference.high < 0.0:
        return NOT_PROMOTED, f"clearly worse: {figures}"
    if comparison.candidate <= comparison.champion:
        return NOT_PROMOTED, f"not better: {figures}"
    if difference.low <= least or f1 is None:
        return NOT_PROMOTED, f"not clearly better: {figures}"
    less = Interval(-f1.high, -f1.low)
    return NOT_PROMOTED, f"it ranks better, but F1 at its threshold is lower by {less}: {figures}"


def _decides_better(comparison: Comparison, least: float) -> str:
    """The F1 of both, each at its own threshold, where that of the new model is clearly better; else empty.

    Drift may break the threshold and leave the ranking. A model that repairs it ranks no better, and by that
    alone it would never take over.

    :param least: the lower end of the interval of F1 must be above it.
    """
    difference = comparison.f1_difference
    if difference is None or difference.low <= least:
        return ""
    if comparison.candidate - comparison.champion < -MARGIN:
        return ""
    return f"F1 {comparison.candidate_f1:.3f} against {comparison.champion_f1:.3f} (difference {difference})"
