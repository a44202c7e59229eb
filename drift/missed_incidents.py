"""Watches whether a model still catches the incidents that it caught on its test data.

Where errors are rare, a model that no longer sees any is hardly more often wrong than before, and no detector
of the error rate finds it. So incidents are watched beside the labels: ``IncidentOutcomes`` says which were
caught, ``MissedLimit`` when those that were missed are no chance.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from drift.detectors.saved_form import saved_mapping
from drift.drift_event import DriftEvent
from drift.incident_outcomes import IncidentOutcomes, Outcome
from drift.missed_alert import (
    MOST_APART,
    SOURCE,
    MissedAlert,
    alert_in_words,
    base_in_words,
    caught_in_words,
    cleared_in_words,
    saved_alert,
    saved_keys,
    severity_of_share,
)
from drift.missed_limit import (
    LEAST_INCIDENTS,
    MOST_MISSED,
    NEWEST,
    PROMISED_INCIDENTS,
    Base,
    MissedLimit,
    confidence,
    missed_limit,
)
from drift.missed_since import MissedSince, seen_devices
from drift.newest_devices import LEAST_FLEET
from feature_sets.checks import InputError, check_integer, check_number

State = Literal["not_enough_data", "nothing_to_lose", "in_control", "drift"]

FORMAT = 2
_FIELDS = (
    *("format", "outcomes", "base", "base_live", "limit", "since", "fleet", "incidents", "caught"),
    *("newest", "found", "alert", "cleared_alert"),
)

UNKNOWN = Base()

PROMISE = f"of 20 streams of {PROMISED_INCIDENTS} incidents without a change 1 has a false alarm"

NOT_COUNTED = (
    "incidents of which no prediction has the label: their devices sent nothing in their time or, with a "
    "horizon, nothing within it before them"
)


class LabeledPrediction(NamedTuple):
    """One row of the base.

    :param device: key of its device.
    :param time: event time, epoch seconds.
    :param is_error: its label.
    :param is_predicted: what the model said.
    """

    device: str
    time: float
    is_error: bool
    is_predicted: bool


class MissedIncidents:
    """The detector and its alert, at most one of them open; one thread at a time.

    A base of fewer than ``LEAST_INCIDENTS`` is not enough: the first live incidents are taken for its own
    until there are as many. A model that caught none, or next to none, has nothing to lose.

    Drift raises an alert. It is cleared when of the newest ``NEWEST`` incidents, all later, as many are
    caught as by a model that is as it was: three of four times such a model does. Until then nothing else
    is looked for, but for an alert of one device.

    In a fleet of ``LEAST_FLEET`` devices, one whose incidents are always missed is not the fleet. If without
    its own incidents half the limit is not reached, the alert is of this device, and ``minor``. From then on
    its incidents say nothing of the others: those are counted anew. If they are missed, too, the alert is
    told again: of a second device by itself, or of the fleet.

    :param outcomes: puts labels together to incidents. The detector owns it from now on.
    :param base: what is known of the model.
    """

    def __init__(self, outcomes: IncidentOutcomes, base: Base = UNKNOWN) -> None:
        self._outcomes = outcomes
        self._base, self._base_live = base, 0
        self._limit: MissedLimit | None = None
        self._since = MissedSince()
        self._fleet: tuple[str, ...] = ()
        self._incidents = self._caught = self._found = 0
        self._newest: deque[int] = deque(maxlen=NEWEST)
        self.open: MissedAlert | None = None
        self.last_cleared: MissedAlert | None = None
        if self._knows_enough:
            self._limit = missed_limit(base)

    @classmethod
    def after(
        cls, base: Iterable[LabeledPrediction], gap: float, together: float, wait: float
    ) -> MissedIncidents:
        """The detector after a base: rows that the model was not trained on, in the order of their times.

        :param gap: see ``IncidentOutcomes``.
        :param together: the same.
        :param wait: the same, of live labels.
        """
        of_base = IncidentOutcomes(gap, together, 0.0)
        found: list[Outcome] = []
        fleet: tuple[str, ...] = ()
        for device, time, is_error, is_predicted in base:
            fleet = seen_devices(fleet, device, LEAST_FLEET)
            found += of_base.add(device, time, is_error=is_error, is_predicted=is_predicted)
        found += of_base.close()
        missed = [int(not outcome.caught) for outcome in found]
        detector = cls(IncidentOutcomes(gap, together, wait), Base.of(missed))
        detector._fleet = fleet
        return detector

    @property
    def _knows_enough(self) -> bool:
        return self._base.incidents >= LEAST_INCIDENTS

    @property
    def state(self) -> State:
        """What it says now."""
        if not self._knows_enough:
            return "not_enough_data"
        if self._limit is None:
            return "nothing_to_lose"
        return "drift" if self.open else "in_control"

    def add(self, device: str, time: str, *, is_error: bool, is_predicted: bool) -> list[DriftEvent]:
        """Take the next labeled prediction.

        :param device: key of its device; empty of a stream that does not tell, which is one device.
        :param time: event time, ISO 8601 UTC.
        :param is_error: its label.
        :param is_predicted: what the model said.
        :returns: what is to be told.
        """
        seconds = datetime.fromisoformat(time).timestamp()
        self._fleet = seen_devices(self._fleet, device, LEAST_FLEET)
        decided = self._outcomes.add(device, seconds, is_error=is_error, is_predicted=is_predicted)
        return [event for outcome in decided for event in self._take(outcome, time)]

    def _take(self, outcome: Outcome, time: str) -> list[DriftEvent]:
        caught = int(outcome.caught)
        self._incidents += 1
        self._caught += caught
        last_missed = bool(self._newest) and not self._newest[-1]
        self._newest.append(caught)
        if not self._knows_enough:
            known, again = self._base, int(not caught and last_missed)
            self._base = Base(known.incidents + 1, known.caught + caught, known.missed_again + again)
            self._base_live += 1
            self._limit = missed_limit(self._base) if self._knows_enough else None
            return []
        if self._limit is None:
            return []
        if self.open is not None:
            return self._while_open(self.open, self._limit, outcome, time)
        return self._found_now(self._limit, time) if self._since.take(outcome, self._limit) else []

    def _found_now(self, limit: MissedLimit, time: str) -> list[DriftEvent]:
        """Tell of the incidents since the statistic was 0, and begin anew."""
        since, base, known = self._since, self._base, self.open
        apart = () if known is None else known.apart
        one = since.of_one(limit) if len(self._fleet) == LEAST_FLEET and len(apart) < MOST_APART else ""
        share, before = since.caught / since.incidents, base.caught / base.incidents
        onset = datetime.fromtimestamp(since.onset or 0.0, UTC).isoformat()
        self._found += 1
        self.open = MissedAlert(
            id=f"{SOURCE}-{self._incidents}" if known is None else known.id,
            raised=time if known is None else known.raised,
            onset=onset,
            severity="minor" if one else severity_of_share(before, share),
            incidents=since.incidents,
            caught=since.caught,
            base_incidents=base.incidents,
            base_caught=base.caught,
            base_live=self._base_live,
            devices=since.where(one),
            apart=(*apart, one) if one else (),
        )
        event = self._event(self.open, time, since.statistic, limit.limit)
        event = replace(
            event,
            detail=alert_in_words(self.open.to_dict()),
            since_onset=since.incidents,
            confidence=confidence(since.incidents, since.caught, base),
            sample_labels=since.incidents,
            sample_rate=1 - share,
            devices=self.open.devices,
        )
        self._since = MissedSince()
        return [event]

    def _while_open(
        self, alert: MissedAlert, limit: MissedLimit, outcome: Outcome, time: str
    ) -> list[DriftEvent]:
        self.open = replace(alert, since=alert.since + 1)
        caught = sum(self._newest)
        if self.open.since >= NEWEST and caught >= limit.calm:
            return self._closed(time, cleared_in_words(NEWEST, caught), NEWEST, caught)
        of_others = outcome.without(alert.apart) if alert.apart else None
        if of_others is None or not self._since.take(of_others, limit):
            return []
        return self._found_now(limit, time)

    def close(self, time: str, why: str) -> list[DriftEvent]:
        """End the alert that is open, for another reason; what is to be told of that, if there is one.

        :param time: event time, ISO 8601 UTC.
        :param why: in words.
        """
        return self._closed(time, why, 0, 0)

    def _closed(self, time: str, why: str, incidents: int, caught: int) -> list[DriftEvent]:
        if self.open is None:
            return []
        alert = self.last_cleared = replace(self.open, cleared=time or self.open.raised)
        self.open, self._since = None, MissedSince()
        now = None if not incidents else 1 - caught / incidents
        event = self._event(alert, alert.cleared or alert.raised, now, None)
        return [replace(event, level="cleared", detail=why, sample_labels=incidents or None, sample_rate=now)]

    def _event(self, alert: MissedAlert, time: str, value: float | None, limit: float | None) -> DriftEvent:
        return DriftEvent(
            source=SOURCE,
            level="drift",
            event_time=time,
            value=value,
            limit=limit,
            n_seen=self._base.incidents - self._base_live + self._incidents,
            onset=alert.onset,
            severity=alert.severity,
            reference_labels=alert.base_incidents,
            reference_rate=1 - alert.base_caught / alert.base_incidents,
            alert=alert.id,
        )

    def status(self) -> dict[str, Any]:
        """The state, as plain JSON values; ``summary`` says it in a sentence."""
        limit, base, newest = self._limit, self._base, list(self._newest)
        return {
            "state": self.state,
            "summary": self._summary(),
            "promise": PROMISE if limit is not None else "",
            "incidents": self._incidents,
            "caught": self._caught,
            "open_incidents": self._outcomes.open_incidents,
            "late_labels": self._outcomes.late,
            "not_counted": NOT_COUNTED,
            "newest": {"incidents": len(newest), "caught": sum(newest)},
            "base": {"incidents": base.incidents, "caught": base.caught, "live": self._base_live},
            "statistic": self._since.statistic,
            "limit": None if limit is None else limit.limit,
            "missed_in_a_row": None if limit is None else limit.in_a_row,
            "drifts": self._found,
            "alert": self.open and self.open.to_dict(),
            "cleared_alert": self.last_cleared and self.last_cleared.to_dict(),
        }

    def _summary(self) -> str:
        base, newest, where = self._base, len(self._newest), base_in_words(self._base_live)
        if self.open is not None:
            return alert_in_words(self.open.to_dict())
        if not self._knows_enough:
            known = f"{base.incidents} of {LEAST_INCIDENTS} incidents"
            return f"not enough data: {known} that tell how many it catches; live ones are learned from"
        if not base.caught:
            return f"nothing to lose: it caught none of {base.incidents:,} incidents on {where}"
        if self._limit is None:
            few = f"{base.caught:,} of {base.incidents:,} incidents on {where}"
            return f"nothing to lose: it caught {few}, so {MOST_MISSED} missed in a row would be chance"
        if not newest:
            share = f"{base.caught:,} of {base.incidents:,} were caught on {where} ({base.share:.0%})"
            return f"in control: no incident was watched yet, {share}"
        counts = (newest, sum(self._newest), base.incidents, base.caught)
        return f"in control: {caught_in_words(*counts, self._base_live)}"

    def to_dict(self) -> dict[str, Any]:
        """Full state as plain JSON values; ``from_dict`` continues exactly from here."""
        return {
            "format": FORMAT,
            "outcomes": self._outcomes.to_dict(),
            "base": list(self._base),
            "base_live": self._base_live,
            "limit": self._limit and {**vars(self._limit)},
            "since": self._since.to_dict(),
            "fleet": list(self._fleet),
            "incidents": self._incidents,
            "caught": self._caught,
            "newest": list(self._newest),
            "found": self._found,
            "alert": self.open and self.open.to_dict(),
            "cleared_alert": self.last_cleared and self.last_cleared.to_dict(),
        }

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> MissedIncidents:
        """Inverse of ``to_dict``; also of what was saved before alerts named devices.

        :raises InputError: naming the field, the rule and what was given, if the form is not one of ours.
        """
        owner = "saved missed incidents"
        saved = _without_devices(owner, saved)
        saved = saved_mapping(owner, "itself", saved, _FIELDS)
        if saved["format"] != FORMAT:
            raise InputError(f"{owner}: format", f"must be {FORMAT}", saved["format"])
        missed = cls(IncidentOutcomes.from_dict(f"{owner}: outcomes", saved["outcomes"]))
        base = Base(*_integers(f"{owner}: base", saved["base"], 3))
        if not base.missed_again <= base.incidents - base.caught <= base.incidents:
            raise InputError(f"{owner}: base", "must have no more caught and missed than incidents", base)
        missed._base = base
        missed._base_live = check_integer(
            f"{owner}: base_live", saved["base_live"], at_least=0, at_most=base.incidents
        )
        missed._limit = _saved_limit(f"{owner}: limit", saved["limit"])
        if missed._limit is not None and not missed._knows_enough:
            rule = f"must be null, of fewer than {LEAST_INCIDENTS} incidents"
            raise InputError(f"{owner}: limit", rule, saved["limit"])
        missed._since = MissedSince.from_dict(f"{owner}: since", saved["since"])
        missed._fleet = saved_keys(f"{owner}: fleet", saved["fleet"], LEAST_FLEET)
        for name in ("incidents", "caught", "found"):
            setattr(missed, f"_{name}", check_integer(f"{owner}: {name}", saved[name], at_least=0))
        missed._newest.extend(_integers(f"{owner}: newest", saved["newest"], NEWEST, at_most=1))
        missed.open = saved_alert(f"{owner}: alert", saved["alert"])
        missed.last_cleared = saved_alert(f"{owner}: cleared_alert", saved["cleared_alert"])
        return missed


def _without_devices(owner: str, saved: Any) -> Any:
    """What an earlier version saved, in the form of now; anything else as it is.

    The incidents that it counted are of nobody knows which devices. So they may still raise an alert, of the
    fleet.
    """
    names = {"statistic", *_FIELDS} - {"fleet"}
    if not isinstance(saved, Mapping) or saved.get("format") != 1 or set(saved) != names:
        return saved
    since = saved["since"]
    if not isinstance(since, list) or len(since) != 3:
        raise InputError(f"{owner}: since", "must be incidents, caught and onset", since)
    known = dict(zip(("incidents", "caught", "onset"), since, strict=True))
    known |= {"statistic": saved["statistic"], "zero": None, "devices": {}}
    kept = {name: value for name, value in saved.items() if name != "statistic"}
    return {**kept, "format": FORMAT, "since": known, "fleet": []}


def _integers(owner: str, saved: Any, most: int, at_most: int | None = None) -> list[int]:
    """A list of so many counts at most; the three of a base are all there."""
    if not isinstance(saved, list) or len(saved) > most or (at_most is None and len(saved) != most):
        raise InputError(owner, f"must be a list of {most} counts", saved)
    return [check_integer(owner, value, at_least=0, at_most=at_most) for value in saved]


def _saved_limit(owner: str, saved: Any) -> MissedLimit | None:
    if saved is None:
        return None
    names = ("missed", "caught", "limit", "calm")
    known = saved_mapping(owner, "itself", saved, names)
    return MissedLimit(
        check_number(f"{owner}: missed", known["missed"], above=0),
        check_number(f"{owner}: caught", known["caught"], below=0),
        check_number(f"{owner}: limit", known["limit"], above=0),
        check_integer(f"{owner}: calm", known["calm"], at_least=1, at_most=NEWEST),
    )
