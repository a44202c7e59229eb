"""What the loop of a project knows: the case, the run under way, and the newest decisions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import Any

from feature_sets.checks import InputError

FORMAT = 1

STATE = "state of the loop"
NEXT = "next: install the release again that wrote it, or put back the copy of before that release"

# Outcomes of decisions.
OPENED, MERGED, IGNORED, POSTPONED = "opened", "merged", "ignored", "postponed"
NEWER = "newer drift"
"""A change after that of the case: rows are counted, and learned from, since this one."""
REOPENED = "goes on"
"""A rollback has put a model back that had a drift when it left."""
ONE_DEVICE = "one device"
"""A drift that is of one device, the others of whose fleet are calm: nothing is trained."""
OF_DRIFT = (OPENED, MERGED, NEWER, POSTPONED, IGNORED, REOPENED, ONE_DEVICE)
"""Those that say what became of a drift that was told."""
BEGUN, PROMOTED, STAGED, REJECTED, NOT_YET = "begun", "promoted", "staged", "rejected", "not yet"
FAILED, INTERRUPTED, UNFINISHED = "failed", "interrupted", "unfinished"
SUPERSEDED = "superseded"
"""Another model came into production while a run was under way: what it found is of the one before."""
CHAMPION_STAYS, OVERTAKEN, STOPPED = "champion stays", "overtaken", "stopped"
RESUMED, ROLLED_BACK, DECLINED = "resumed", "rolled back", "declined"
IN_SHADOW, PASSED, NOT_ENOUGH = "in shadow", "passed", "not enough data"
BETTER, UNDECIDED = "better in shadow", "undecided"
"""What a comparison on live rows has found; that it is worse is told as rejected."""
SHORTENED = "wait shortened"
"""What is waited for ends sooner than it was written, see ``clock_set_back``."""
COPES, DOES_NOT_COPE = "copes", "does not cope"
"""Whether a model that was promoted is right on rows since the alert of the one before got worse."""
CLEARED = "cleared"
"""The alert of a drift is over."""

# Stages of a trial.
SHADOW, PROMOTE, RETRACT = "shadow", "promote", "retract"


@dataclass(frozen=True)
class Decision:
    """One line of the history.

    :param time: wall clock, ISO 8601 UTC.
    :param outcome: what was decided, one of the words above.
    :param reason: why, in words.
    :param case: id of the drift event that the case began with; empty for a person's decision without one.
    :param cause: the drift event, where this is about one.
    :param run_id: of the workflow, empty without one.
    :param before: version of the model in production before.
    :param after: the same afterwards; of a staged or rejected candidate its own version.
    """

    time: str
    outcome: str
    reason: str
    case: str = ""
    cause: Mapping[str, Any] = field(default_factory=dict)
    run_id: str = ""
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class Case:
    """A drift that the loop answers.

    :param id: of the first drift event of its newest change.
    :param version: of the model that the drift was found of.
    :param event: that event.
    :param onset: event time at which the change began, ISO 8601 UTC: training looks back no further.
    :param opened: wall clock, ISO 8601 UTC.
    :param attempts: runs that have ended.
    :param rejections: how many of them the gate rejected.
    :param interruptions: how many of them were killed.
    :param rows_tried: labeled rows since the onset when the last run began that ended with a candidate, or
        with too few rows.
    :param episodes_begun: error episodes since the onset when the last run began.
    :param episodes_tried: the same of the run that ``rows_tried`` is of.
    :param finish: version that an interrupted run has put into production, and not served; else empty.
    :param not_before: wall clock before which no run begins, ISO 8601 UTC or empty.
    :param cleared: event time at which the alert of that event was over, ISO 8601 UTC; empty while it lasts.
    :param finish_outdated: whether a newer change came after the run that made ``finish`` began.
    :param alerts: ids of the open alerts that it has been told of.
    :param worse_since: event time since which one of them is worse, by the newest onset, ISO 8601 UTC or
        empty: rows count since then once they are enough for a run, ``onset_rejected``, or a model of rows
        of before is promoted.
    :param worse: the drift event of that onset.
    :param before: version before the one that was promoted, while it is looked at whether that copes with
        rows since the alert got worse, see ``coping``; else empty.
    :param onset_rejections: candidates that were rejected on what was labeled since ``onset``.
    :param onset_rejected: whether the last run that began was rejected, and is the second one or a later one
        of those: only then a worse alert is taken for a second change.
    :param weak: whether nothing has changed, and the model is of no use: see ``weak_model``. It is trained
        once, on all there is.
    :param reopened: whether it goes on since a rollback, and its new detectors have found nothing yet.
    """

    id: str
    version: str
    event: Mapping[str, Any]
    onset: str
    opened: str
    attempts: int = 0
    rejections: int = 0
    interruptions: int = 0
    rows_tried: int = 0
    finish: str = ""
    not_before: str = ""
    cleared: str = ""
    finish_outdated: bool = False
    alerts: tuple[str, ...] = ()
    worse_since: str = ""
    onset_rejected: bool = False
    onset_rejections: int = 0
    weak: bool = False
    reopened: bool = False
    episodes_begun: int = 0
    episodes_tried: int = 0
    worse: Mapping[str, Any] = field(default_factory=dict)
    before: str = ""

    @property
    def knows_tried_episodes(self) -> bool:
        """Whether a run has ended whose error episodes were noted; an earlier version noted rows alone."""
        return self.rows_tried > 0 and self.episodes_tried > 0


@dataclass(frozen=True)
class Attempt:
    """A run of the loop that is under way, or was when this was written.

    :param key: names the run's folder, so the run is found again whenever this process was killed.
    :param workflow: ``main``, or ``release`` to finish what an interrupted run had promoted.
    :param rows: labeled rows since the onset when it began.
    :param begun: wall clock, ISO 8601 UTC.
    :param champion: version of the model in production then.
    :param candidate: version that ``release`` puts there.
    :param api_away: whether the MLRun API did not answer meanwhile.
    :param outdated: whether a newer change came since: the case goes on, whatever comes of this.
    """

    key: str
    workflow: str
    rows: int
    begun: str
    champion: str
    candidate: str = ""
    api_away: bool = False
    outdated: bool = False


@dataclass(frozen=True)
class Trial:
    """A candidate on live events, beside the champion.

    :param version: of the candidate.
    :param champion: version of the model in production.
    :param run_id: of the workflow that made the candidate.
    :param rows: labeled rows since the onset when that run began.
    :param stage: what is under way: ``shadow``, ``promote``, or ``retract``, the end of the shadow.
    :param begun: wall clock at which the stage began, ISO 8601 UTC.
    :param until: wall clock after which it gives up, ISO 8601 UTC.
    :param since: event time from which on both are scored, ISO 8601 UTC; empty before it is in shadow.
    :param wanted: mature labeled rows at which they are compared next; 0 for ``shadow_rows``.
    :param outcome: of the comparison, once there is one.
    :param reason: why.
    :param outdated: whether a newer change came since the run began: it is compared on what is later, and the
        case goes on.
    """

    version: str
    champion: str
    run_id: str
    rows: int
    stage: str
    begun: str
    until: str
    since: str = ""
    wanted: int = 0
    outcome: str = ""
    reason: str = ""
    outdated: bool = False


@dataclass(frozen=True)
class LoopState:
    """All of it.

    :param case: the drift that is being answered; one at a time.
    :param attempt: the run under way.
    :param candidate: version that waits for a person's approval.
    :param trial: the candidate that is tried on live events.
    :param failures: runs in a row that failed.
    :param stopped: why no run begins until a person resumes; empty if that is not so.
    :param hold_until: wall clock until which no run begins, ISO 8601 UTC or empty.
    :param hold_reason: why.
    :param begun: when the runs of the last day began, ISO 8601 UTC.
    :param seen: ids of the drift events that were taken, newest last.
    :param decisions: the newest, oldest first.
    :param moved: how many older ones there are.
    :param untold: drift events that the MLRun API was not told yet, oldest first.
    :param later: drift event of the model that the case has just put into production; taken after the case.
    :param candidate_outdated: whether a newer change came since the run of the candidate began; it does not
        keep the next run waiting.
    :param none_usable: that neither the model in production nor the last candidate is of use, in words; empty
        unless the gate has found that.
    :param weak: error episodes since it has learned that the next training of a champion of no use takes, by
        its version: of those that were trained anew for that, the last one last.
    :param kept: drifts of versions that are not in production any more, see ``kept_drift``.
    """

    case: Case | None = None
    attempt: Attempt | None = None
    candidate: str = ""
    failures: int = 0
    stopped: str = ""
    hold_until: str = ""
    hold_reason: str = ""
    begun: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()
    decisions: tuple[Decision, ...] = ()
    moved: int = 0
    later: Mapping[str, Any] = field(default_factory=dict)
    trial: Trial | None = None
    untold: tuple[Mapping[str, Any], ...] = ()
    candidate_outdated: bool = False
    none_usable: str = ""
    weak: Mapping[str, int] = field(default_factory=dict)
    kept: tuple[Case, ...] = ()

    @property
    def onset(self) -> str:
        """Since when the rows are others, ISO 8601 UTC; empty without a drift that is answered."""
        return "" if self.case is None or self.case.weak else self.case.onset

    @property
    def is_counted(self) -> bool:
        """Whether labeled rows since the change decide when the next run begins.

        They do not while a run or a trial answers that change, but where a newer one came since.
        """
        under_way = self.attempt or self.trial
        return under_way is None or under_way.outdated

    def told(self, decision: Decision) -> LoopState:
        """The same with one more decision."""
        return replace(self, decisions=(*self.decisions, decision))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; what is nested in them is that of the state, and no copy."""
        return {"format": FORMAT, **{name: _plain(value) for name, value in vars(self).items()}}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> LoopState:
        """Inverse of ``to_dict``.

        :raises InputError: if the content is of another format, or of a newer release.
        """
        if not isinstance(content, Mapping) or content.get("format") != FORMAT:
            found = content.get("format") if isinstance(content, Mapping) else content
            raise InputError(f"{STATE}: format", f"must be {FORMAT}, which this release knows; {NEXT}", found)
        unknown = _unknown(content)
        if unknown:
            rule = f"must have no fields but those that this release knows; {NEXT}"
            raise InputError(STATE, rule, ", ".join(unknown))
        case, attempt, trial = content["case"], content["attempt"], content.get("trial")
        fields = {name: value for name, value in content.items() if name != "format"}
        weak = fields.pop("weak_version", ""), fields.pop("weak_needed", 0)
        if weak[0]:  # Of before there was one for each version.
            fields["weak"] = dict([weak])
        return cls(
            **{
                **fields,
                "case": _case(case) if case else None,
                "kept": tuple(_case(each) for each in content.get("kept", ())),
                "attempt": Attempt(**attempt) if attempt else None,
                "trial": Trial(**trial) if trial else None,
                "begun": tuple(content["begun"]),
                "seen": tuple(content["seen"]),
                "untold": tuple(content.get("untold", ())),
                "decisions": tuple(Decision(**each) for each in content["decisions"]),
            }
        )


def _plain(value: Any) -> Any:
    """What ``asdict`` makes of a field, without a copy of every word of every decision."""
    if isinstance(value, tuple):
        return tuple(_plain(each) for each in value)
    return dict(vars(value)) if isinstance(value, Decision | Case | Attempt | Trial) else value


def _unknown(content: Mapping[str, Any]) -> list[str]:
    """Fields that only a newer release knows."""
    parts: list[tuple[frozenset[str], Iterable[Any]]] = [
        (_names(LoopState) | {"format", "weak_version", "weak_needed"}, (content,)),
        (_names(Case), (content["case"], *content.get("kept", ()))),
        (_names(Attempt), (content["attempt"],)),
        (_names(Trial), (content.get("trial"),)),
        (_names(Decision), content["decisions"]),
    ]
    return sorted({name for names, each in parts for one in each if one for name in one.keys() - names})


@cache
def _names(kind: type[Any]) -> frozenset[str]:
    return frozenset(each.name for each in fields(kind))


def _case(content: Mapping[str, Any]) -> Case:
    return Case(**{**content, "alerts": tuple(content.get("alerts", ()))})
