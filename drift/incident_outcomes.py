"""Which incidents a model caught: labeled predictions of devices, put together to one outcome an incident.

Positive labels of one device are of one incident while none comes later than ``gap`` after the one before,
whatever its healthy labels between them say. It is caught if at least one prediction in it was positive,
before it has lasted for a day.

Devices fail together. Incidents that begin within ``together`` of the first of them are one, as the error
episodes that the gate compares on are (``training.evaluation.clusters``). It is caught if at least half of
its devices were. So the outcomes are about independent.

An incident counts when no label can change it any more. Labels may come ``wait`` later than the newest one;
a positive label that is older is left out, and counted as late. So the order in which labels come within
that time changes nothing. What no label of its device ends is ended by the labels of the others.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from drift.detectors.saved_form import saved_mapping
from feature_sets.checks import InputError, check_integer, check_number

LONGEST = 86_400.0
"""An incident that lasts longer than a day is counted as far as it is known then, once."""

_FIELDS = ("gap", "together", "wait", "newest", "next", "late", "open")


class Outcome(NamedTuple):
    """One incident, of one device or several.

    :param start: event time of its first positive label, epoch seconds.
    :param devices: how many it is of.
    :param caught: whether at least half of them were predicted.
    :param missed: keys of those that were not.
    :param predicted: keys of those that were.
    """

    start: float
    devices: int
    caught: bool
    missed: tuple[str, ...] = ()
    predicted: tuple[str, ...] = ()

    def without(self, left_out: Collection[str]) -> Outcome | None:
        """The incident of the other devices; None if it is of none of them.

        >>> Outcome(0.0, 3, False, ("a", "b"), ("c",)).without(["a"])
        Outcome(start=0.0, devices=2, caught=True, missed=('b',), predicted=('c',))
        """
        missed, predicted = (
            tuple(each for each in keys if each not in left_out) for keys in (self.missed, self.predicted)
        )
        return Outcome.of(self.start, missed, predicted) if missed or predicted else None

    @classmethod
    def of(cls, start: float, missed: tuple[str, ...], predicted: tuple[str, ...]) -> Outcome:
        """The incident of some devices, by which of them it was predicted on."""
        return cls(start, len(missed) + len(predicted), len(predicted) >= len(missed), missed, predicted)


@dataclass
class _Own:
    """An incident of one device.

    :param start: event time of its first positive label, epoch seconds.
    :param last: of its newest one.
    :param predicted: of the first one that was predicted; None without any.
    :param counted: whether it counted, and only goes on.
    """

    start: float
    last: float
    predicted: float | None
    counted: bool = False

    @property
    def caught(self) -> bool:
        return self.predicted is not None and self.predicted <= self.start + LONGEST


class IncidentOutcomes:
    """Takes labeled predictions one by one, and gives the incidents that are decided; one thread at a time.

    >>> outcomes = IncidentOutcomes(gap=60.0, together=10.0, wait=0.0)
    >>> outcomes.add("ap-1", 0.0, is_error=True, is_predicted=False)
    []
    >>> outcomes.add("ap-1", 100.0, is_error=False, is_predicted=False)
    [Outcome(start=0.0, devices=1, caught=False, missed=('ap-1',), predicted=())]

    :param gap: longest time between two positive labels of one incident of a device, in seconds.
    :param together: from the start of the first one, until incidents of other devices are further ones.
    :param wait: how much later than the newest label another one may come, by event time.
    :raises InputError: naming the field that breaks its rule.
    """

    def __init__(self, gap: float, together: float, wait: float) -> None:
        self.gap = check_number("incident outcomes: gap", gap, at_least=0)
        self.together = check_number("incident outcomes: together", together, at_least=0)
        self.wait = check_number("incident outcomes: wait", wait, at_least=0)
        self.late = 0
        """Positive labels that were left out, as they came too late."""
        self._open: dict[str, list[_Own]] = {}
        self._newest: float | None = None
        self._next = math.inf
        """No incident is decided before this."""

    @property
    def open_incidents(self) -> int:
        """Incidents of devices that are not decided yet."""
        return sum(not own.counted for owns in self._open.values() for own in owns)

    def add(self, device: str, time: float, *, is_error: bool, is_predicted: bool) -> list[Outcome]:
        """Take a labeled prediction.

        :param device: key of its device.
        :param time: event time, epoch seconds.
        :param is_error: its label.
        :param is_predicted: what the model said.
        :returns: the incidents that are decided now, in the order in which they were.
        """
        decided: list[Outcome] = []
        if self._newest is None or time > self._newest:
            self._newest = time
            if time > self._next:
                decided = self._decide(time)
        if is_error:
            self._positive(device, time, is_predicted)
        return decided

    def close(self) -> list[Outcome]:
        """Decide all incidents that are left: no label comes any more."""
        return self._decide(math.inf)

    def _positive(self, device: str, time: float, is_predicted: bool) -> None:
        if self._newest is not None and time < self._newest - self.wait:
            self.late += 1
            return
        owns = self._open.setdefault(device, [])
        near = [own for own in owns if own.start - self.gap <= time <= own.last + self.gap]
        predicted = [own.predicted for own in near if own.predicted is not None] + [time] * is_predicted
        now = _Own(
            start=min([time, *(own.start for own in near)]),
            last=max([time, *(own.last for own in near)]),
            predicted=min(predicted, default=None),
            counted=any(own.counted for own in near),
        )
        self._open[device] = [own for own in owns if own not in near] + [now]
        if now.start == time:
            self._next = min(self._next, time + min(self.gap, LONGEST) + self.wait)

    def _decide(self, newest: float) -> list[Outcome]:
        """Count what is decided by the newest label, and forget what is over."""
        due: list[tuple[float, Outcome]] = []
        self._next = math.inf
        for incident in self._incidents():
            ends = max(min(own.last + self.gap, own.start + LONGEST) for _, own in incident)
            start = incident[0][1].start
            at = max(ends, start + self.together) + self.wait
            if at < newest:
                missed, predicted = (
                    tuple(device for device, own in incident if own.caught is caught)
                    for caught in (False, True)
                )
                due.append((at, Outcome.of(start, missed, predicted)))
                for _, own in incident:
                    own.counted = True
            else:
                self._next = min(self._next, at)
        for device, owns in list(self._open.items()):
            left = [own for own in owns if not own.counted or own.last + self.gap + self.wait >= newest]
            if left:
                self._open[device] = left
                goes_on = [own.last + self.gap + self.wait for own in left if own.counted]
                self._next = min([self._next, *goes_on])
            else:
                del self._open[device]
        return [outcome for _, outcome in sorted(due)]

    def _incidents(self) -> Iterator[list[tuple[str, _Own]]]:
        """Those that are open, the earliest first, of several devices together, with the device of each."""
        owns = [
            (device, own) for device in sorted(self._open) for own in self._open[device] if not own.counted
        ]
        owns.sort(key=lambda each: each[1].start)
        first = 0
        for place in range(1, len(owns) + 1):
            if place == len(owns) or owns[place][1].start > owns[first][1].start + self.together:
                yield owns[first:place]
                first = place

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; ``from_dict`` continues exactly from here."""
        return {
            "gap": self.gap,
            "together": self.together,
            "wait": self.wait,
            "newest": self._newest,
            "next": None if math.isinf(self._next) else self._next,
            "late": self.late,
            "open": {
                device: [[own.start, own.last, own.predicted, own.counted] for own in owns]
                for device, owns in self._open.items()
            },
        }

    @classmethod
    def from_dict(cls, owner: str, saved: Any) -> IncidentOutcomes:
        """Inverse of ``to_dict``.

        :raises InputError: naming the field, the rule and what was given.
        """
        saved = saved_mapping(owner, "itself", saved, _FIELDS)
        outcomes = cls(saved["gap"], saved["together"], saved["wait"])
        outcomes.late = check_integer(f"{owner}: late", saved["late"], at_least=0)
        for name in ("newest", "next"):
            if saved[name] is not None:
                setattr(outcomes, f"_{name}", check_number(f"{owner}: {name}", saved[name]))
        if not isinstance(saved["open"], dict):
            raise InputError(f"{owner}: open", "must be incidents by device", saved["open"])
        for device, owns in saved["open"].items():
            outcomes._open[device] = [_saved_own(f"{owner}: open", own) for own in owns]
        return outcomes


def _saved_own(owner: str, saved: Any) -> _Own:
    rule = "must be start, last, predicted and counted, in order of time"
    if not isinstance(saved, list) or len(saved) != 4 or not isinstance(saved[3], bool):
        raise InputError(owner, rule, saved)
    start, last, predicted = (None if each is None else check_number(owner, each) for each in saved[:3])
    if start is None or last is None or not start <= (start if predicted is None else predicted) <= last:
        raise InputError(owner, rule, saved)
    return _Own(start, last, predicted, saved[3])
