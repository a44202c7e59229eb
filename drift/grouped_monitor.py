"""One stream of labels watched as a whole, and by group of devices: an event names who drifted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any, Literal

from drift.alert import USUAL, Hysteresis
from drift.change_size import counts_of
from drift.detectors.likelihood_ratio import LikelihoodRatio
from drift.detectors.saved_form import saved_mapping
from drift.drift_event import DriftEvent, utc_time
from drift.missed_incidents import MissedIncidents
from drift.monitor import DriftMonitor
from feature_sets.checks import InputError

MOST_GROUPS = 10
LARGEST_MOST_GROUPS = 50
"""Each group keeps some hundred kilobytes."""

OTHERS = "(others)"
"""Group of the devices that are of no watched one."""

OFF: Literal["off"] = "off"
"""In place of a detector of missed incidents: somebody has switched it off."""

_NOT_WATCHED = {
    OFF: "switched off by the setting of the detectors",
    "not_watched": "not watched until the next training: the detectors are of a version that did not know it",
}

_NORMAL = NormalDist()


def group_levels(groups: int) -> tuple[float, float]:
    """Warning and drift level of GLR for each of several groups, beside the stream as a whole.

    The statistic is about standard normal. So that all of them together are beyond it by chance as seldom as
    one alone, each gets its share of that chance (C. E. Bonferroni, 1936).

    >>> [round(level, 2) for level in group_levels(0)], [round(level, 2) for level in group_levels(10)]
    ([2.5, 3.0], [3.26, 3.67])

    :param groups: how many, besides the whole.
    """
    usual = LikelihoodRatio()
    warning, drift = (
        _NORMAL.inv_cdf(1 - _NORMAL.cdf(-level) / (groups + 1))
        for level in (usual.warning_level, usual.drift_level)
    )
    return warning, drift


def group_monitors(
    base: Mapping[str, Sequence[int]],
    most_groups: int = MOST_GROUPS,
    cool_down: int = 100,
    hysteresis: Hysteresis = USUAL,
    min_instances_after_drift: int = 300,
) -> list[DriftMonitor]:
    """A monitor of GLR for each of the largest groups, and one for all other devices.

    :param base: group -> error flags of its base rows, in the order in which labels arrive.
    :param most_groups: the largest that are watched by themselves; of equal size the first by name.
    :param cool_down: see ``DriftMonitor``.
    :param hysteresis: see ``DriftMonitor``.
    :param min_instances_after_drift: labels of the group that are not tested after a drift.
    """
    largest = sorted(filter(None, base), key=lambda name: (-len(base[name]), name))[:most_groups]
    streams = {name: list(base[name]) for name in sorted(largest)}
    streams[OTHERS] = [error for name in sorted(base) if name not in streams for error in base[name]]
    warning, drift = group_levels(len(streams))
    monitors = []
    for name, errors in streams.items():
        detector = LikelihoodRatio(
            min_instances=len(errors),
            warning_level=warning,
            drift_level=drift,
            min_instances_after_drift=min_instances_after_drift,
        )
        for error in errors:
            detector.update(error)
        verdict = LikelihoodRatio.name
        monitors.append(
            DriftMonitor([detector], cool_down, verdict, "", hysteresis, counts_of(errors), group=name)
        )
    return monitors


class GroupedMonitor:
    """A monitor of all labels, one of each group of devices, and one of incidents; one thread at a time.

    :param whole: of all labels.
    :param column: by which devices are grouped; empty for no groups.
    :param groups: monitors of the groups, each of another name, one of them ``OTHERS``; or none.
    :param missed: watches the incidents of all devices; ``OFF`` if it is switched off, and None where nobody
        has said what the model caught, as an earlier version has not.
    :raises InputError: if there are groups without a column, too many, or without others.
    """

    def __init__(
        self,
        whole: DriftMonitor,
        column: str = "",
        groups: Sequence[DriftMonitor] = (),
        missed: MissedIncidents | Literal["off"] | None = None,
    ) -> None:
        names = [monitor.group for monitor in groups]
        if bool(names) != bool(column) or len(set(names)) != len(names) or (names and OTHERS not in names):
            rule = f"must be of different names, with {OTHERS!r}, where there is a column, and none without"
            raise InputError("drift monitor: groups", rule, names)
        if len(names) > LARGEST_MOST_GROUPS + 1:
            rule = f"must be at most {LARGEST_MOST_GROUPS}, besides {OTHERS!r}"
            raise InputError("drift monitor: groups", rule, len(names))
        self.whole = whole
        self.column = column
        self.missed = missed
        self._groups = {monitor.group: monitor for monitor in groups}

    def update(
        self, error: int, event_time: str, group: str = "", device: str = "", label: int | None = None
    ) -> list[DriftEvent]:
        """Feed one labeled prediction.

        :param error: see ``DriftMonitor.update``.
        :param event_time: see ``DriftMonitor.update``.
        :param group: of its device; one that is not watched by itself is among the others.
        :param device: see ``DriftMonitor.update``.
        :param label: 1 for an error of the device, else 0; None of a stream that does not tell has no
            incidents.
        :returns: findings in all labels first, then those in the group, then those of incidents.
        :raises InputError: on a bad value or time; no detector has then seen anything.
        """
        events = self.whole.update(error, event_time, device)
        if self._groups:
            events += self._groups.get(group, self._groups[OTHERS]).update(error, event_time, device)
        if isinstance(self.missed, MissedIncidents) and label is not None:
            is_error, time = label == 1, utc_time(event_time)
            events += self.missed.add(device, time, is_error=is_error, is_predicted=is_error != (error == 1))
        return events

    def close_alerts(self, why: str) -> list[DriftEvent]:
        """End all alerts that are open, as their model is watched no longer."""
        every = (self.whole, *self._groups.values())
        events = [event for monitor in every for event in monitor.close_alert(why)]
        if isinstance(self.missed, MissedIncidents):
            events += self.missed.close(self.whole.last_event_time or "", why)
        return events

    @property
    def open_alerts(self) -> dict[str, int]:
        """How many alerts are open by severity, of all labels, of groups and of incidents."""
        missed = self.missed.open if isinstance(self.missed, MissedIncidents) else None
        every = [missed, *(monitor.open_alert for monitor in (self.whole, *self._groups.values()))]
        return dict(Counter(alert.severity for alert in every if alert is not None))

    def status(self) -> dict[str, Any]:
        """That of all labels, with what differs of each group in ``groups``, and of ``missed_incidents``.

        An open alert of those is drift, too: the overall ``state`` and the ``summary`` say so.
        """
        status, missed = self.whole.status(), self._missed_state()
        groups = {"group_column": self.column, "groups": self._group_states()}
        found = {**status, **groups, "missed_incidents": missed}
        if missed["state"] == "drift":
            found["state"] = "drift"
            found["summary"] = f"drift: {missed['summary']}; by the error rate {status['summary']}"
        return found

    def _missed_state(self) -> dict[str, Any]:
        if isinstance(self.missed, MissedIncidents):
            return self.missed.status()
        state = self.missed or "not_watched"
        return {"state": state, "summary": _NOT_WATCHED[state], "alert": None, "cleared_alert": None}

    def _group_states(self) -> dict[str, Any]:
        names = ("state", "n", "errors", "error_rate", "newest", "alert", "cleared_alert", "last_event_time")
        found = {}
        for name, monitor in self._groups.items():
            status = monitor.status()
            found[name] = {each: status[each] for each in names}
        return found

    def to_dict(self) -> dict[str, Any]:
        """Full state as plain JSON values; without groups and incidents that of the monitor of all labels."""
        content = self.whole.to_dict()
        if self.missed is not None:
            missed = self.missed
            content["missed_incidents"] = missed.to_dict() if isinstance(missed, MissedIncidents) else OFF
        if not self._groups:
            return content
        groups = [monitor.to_dict() for monitor in self._groups.values()]
        return {**content, "groups": {"column": self.column, "monitors": groups}}

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> GroupedMonitor:
        """Inverse of ``to_dict``; also of what a monitor without groups or incidents gave.

        :raises InputError: naming the field, the rule and what was given, if the form is not one of ours.
        """
        if not isinstance(saved, Mapping):
            return cls(DriftMonitor.from_dict(saved))
        whole = {name: value for name, value in saved.items() if name not in ("groups", "missed_incidents")}
        missed = _saved_missed(saved.get("missed_incidents"))
        if "groups" not in saved:
            return cls(DriftMonitor.from_dict(whole), missed=missed)
        owner = "saved drift monitor: groups"
        groups = saved_mapping(owner, "itself", saved["groups"], ("column", "monitors"))
        if not isinstance(groups["column"], str) or not isinstance(groups["monitors"], list):
            raise InputError(owner, "must have a column, as text, and a list of monitors", dict(groups))
        if len(groups["monitors"]) > LARGEST_MOST_GROUPS + 1:
            raise InputError(owner, f"must be at most {LARGEST_MOST_GROUPS + 1}", len(groups["monitors"]))
        monitors = [DriftMonitor.from_dict(each) for each in groups["monitors"]]
        return cls(DriftMonitor.from_dict(whole), groups["column"], monitors, missed)


def _saved_missed(saved: Any) -> MissedIncidents | Literal["off"] | None:
    if saved is None:
        return None
    return OFF if saved == OFF else MissedIncidents.from_dict(saved)
