"""Predictions and labels by device and time, of which all are looked through at each step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

HEALTHY_AFTER = 120.0


class Said(NamedTuple):
    """What a version said about an event.

    :param shadows: what others said beside it: version, prediction and probability.
    :param ahead: what was said of further horizons, by horizon.
    """

    version: str
    prediction: int
    probability: float
    shadows: tuple[tuple[str, int, float], ...] = ()
    ahead: tuple[tuple[str, tuple[str, int, float]], ...] = ()


class Pair(NamedTuple):
    """A prediction and its label, in the order in which they met."""

    device: str
    time: float
    said: Said
    predicted_at: float
    label: int
    labeled_at: float
    position: tuple[int, int, int]


@dataclass
class Known:
    """What is known of one device and time."""

    device: str
    time: float
    said: Said | None = None
    predicted_at: float = 0.0
    label: int | None = None
    labeled_at: float = 0.0
    is_mature: bool = False

    @property
    def state(self) -> str:
        if self.said is None:
            return "waiting_for_prediction"
        return "waiting" if self.label is None else "joined"


class Ledger:
    """Labels at the times of predictions.

    :param deadline: seconds of event time that a label may be late.
    :param tolerance: seconds that it may be ahead of the clock.
    """

    def __init__(self, deadline: float, tolerance: float) -> None:
        self._deadline, self._tolerance = deadline, tolerance
        self._known: dict[tuple[str, float], Known] = {}
        self.settled: list[Known] = []
        """What is past the deadline, for who takes it."""
        self.begun: list[tuple[str, float]] = []
        """Incidents that began before the deadline: device and start, for who takes them."""
        self._newest: float | None = None
        self._joined = self._expired = self._expired_labels = self._conflicting = self._late = 0

    def summary(self) -> dict[str, int]:
        """What ``GET /labeled`` tells."""
        states = [one.state for one in self._known.values()]
        return {
            "waiting": states.count("waiting"),
            "waiting_for_prediction": states.count("waiting_for_prediction"),
            "joined": self._joined,
            "expired": self._expired,
            "expired_labels": self._expired_labels,
            "conflicting": self._conflicting,
            "late_labels": self._late,
            "remembered": len(states),
        }

    def said(self, device: str, time: float) -> Said | None:
        """What was said of an event the first time."""
        known = self._known.get((device, time))
        return None if known is None else known.said

    def predict(
        self, device: str, time: float, said: Said, arrival: float, position: tuple[int, int, int]
    ) -> list[Pair]:
        """A prediction was made."""
        pairs = self._advance(time, arrival, position)
        if self._newest is not None and time < self._newest - self._deadline:
            self._expired += 1
            return pairs
        known = self._known.setdefault((device, time), Known(device, time))
        if known.said is None:
            known.said, known.predicted_at = said, arrival
            pairs += self._meet(known, known.label, known.labeled_at, position)
        return pairs

    def label(
        self, device: str, time: float, label: int, arrival: float, position: tuple[int, int, int]
    ) -> tuple[str, list[Pair]]:
        """A label was told."""
        if time > arrival + self._tolerance:
            return "quarantined", []
        if self._newest is not None and time < self._newest - self._deadline:
            self._late += 1
            return "expired", []
        known = self._known.get((device, time))
        if known is not None and known.label is not None:
            if known.label == label:
                return "duplicate", []
            self._conflicting += 1
            return "conflicting", []
        if known is None:
            known = self._known[device, time] = Known(device, time)
        known.label, known.labeled_at = label, arrival
        pairs = self._meet(known, label, arrival, position)
        return ("joined" if pairs else "waiting"), pairs

    def _meet(self, known: Known, label: int | None, at: float, position: tuple[int, int, int]) -> list[Pair]:
        if known.said is None or label is None:
            return []
        known.label, known.labeled_at = label, at
        self._joined += 1
        return [Pair(known.device, known.time, known.said, known.predicted_at, label, at, position)]

    def _advance(self, time: float, arrival: float, position: tuple[int, int, int]) -> list[Pair]:
        """Forget what is past the deadline, if a prediction is the newest."""
        if self._newest is not None and time <= self._newest:
            return []
        self._newest = time
        pairs = self._healthy(arrival, position)
        over = [one for one in self._known.values() if one.time < time - self._deadline]
        self._expired += sum(one.state == "waiting" for one in over)
        self._expired_labels += sum(one.state == "waiting_for_prediction" for one in over)
        for one in over:
            del self._known[one.device, one.time]
        self.settled += over
        return pairs

    @property
    def settled_until(self) -> float | None:
        """Before which nothing changes any more; None before the first prediction."""
        return None if self._newest is None else self._newest - self._deadline

    def _healthy(self, arrival: float, position: tuple[int, int, int]) -> list[Pair]:
        return []


class IncidentLedger(Ledger):
    """Labels by incidents: an error inside of one, healthy when none was told of for long."""

    def __init__(self, deadline: float, tolerance: float) -> None:
        super().__init__(deadline, tolerance)
        self.mature: list[Pair] = []
        """For detectors, for who takes them: errors in the order in which they could have been healthy."""
        self.incidents: dict[str, dict[str, Any]] = {}
        self.sent: dict[str, float] = {}
        """When each incident was sent that the history did not tell of last."""
        self.early: dict[str, dict[str, Any]] = {}
        """What was told of incidents before their start."""
        self.reopened: dict[str, float] = {}
        """When an end was taken away from an incident."""
        self.held: set[str] = set()
        """Incidents that a person cancelled."""
        self.before: dict[str, list[tuple[Any, ...]]] = {}
        """What each incident said earlier."""
        self._said_at: dict[str, float | None] = {}
        """Where the deadline was when something was said of each incident last."""
        self.completed: dict[int, dict[str, Any]] = {}
        """How events of the request of now are written that say more than what was sent, by identity.

        They open incidents with what waited, or take back that one was none.
        """

    def predict(
        self, device: str, time: float, said: Said, arrival: float, position: tuple[int, int, int]
    ) -> list[Pair]:
        """A prediction was made; it is an error if an incident has it."""
        pairs = super().predict(device, time, said, arrival, position)
        known = self._known.get((device, time))
        if known is not None and known.label is None and self._is_covered(device, time):
            pairs += self._meet(known, 1, arrival, position)
        pairs += self._healthy(arrival, position)
        return pairs

    def incident(
        self, body: dict[str, Any], arrival: float, entry: tuple[int, int]
    ) -> tuple[str, int, list[Pair]]:
        """An incident was told of or changed: status, predictions that are healthy already, pairs.

        What is written twice, as the answer of the store was lost, says both times what had waited for it,
        and whether it takes a cancellation back: so it ends as if it was written once.
        """
        given, body = body, self.completed.get(id(body), body)
        self._said_at[body["id"]] = self.settled_until
        before, early = self.incidents.get(body["id"]), self.early.get(body["id"], {})
        if "end" in body and body["end"] is None and "cancelled" not in body:
            body = {**body, "cancelled": False}  # Who opens it again says that it is one.
        is_firm = body.get("firm", "device" not in given and "cancelled" in body)
        body = {name: said for name, said in body.items() if name != "firm"}  # It was written already.
        if before is None and "start" not in body:
            self.early[body["id"]] = {**early, **body}
            return "waiting", 0, []
        if before is None:  # As if what came early came now, but for the end that is said here.
            early = {name: said for name, said in early.items() if name != "end" or body.get("end") is None}
            if (early.get("end") or math.inf) < body["start"]:
                early["end"] = None  # It is left out; what is written says that there is none.
            if early:
                is_firm = is_firm or "cancelled" in early
                body = self.completed[id(given)] = {**body, **early}
        elif early:
            is_firm = is_firm or ("cancelled" in early and "cancelled" not in body)
            body = {**early, **body}
            if body.get("end") is not None and body["end"] < body.get("start", before["start"]):
                body["end"] = before["end"]
        now = {"end": None, "cancelled": False, **(before or {}), **body}
        name, was_held = body["id"], body["id"] in self.held
        is_repeat = before is not None and _said(now) in [*self.before.get(name, ()), _said(before)]
        if was_held and before and before["cancelled"] and not now["cancelled"]:
            now["cancelled"] = is_repeat and not is_firm
        is_held = now["cancelled"] and (was_held or (is_firm and bool(body.get("cancelled"))))
        if now["start"] > arrival + self._tolerance:
            return "quarantined", 0, []
        if now["end"] is not None and now["end"] < now["start"]:
            return "end_before_start", 0, []
        takes_back = before is not None and before["cancelled"] and not now["cancelled"]
        if takes_back and "firm" not in given and body.get("cancelled") is False:
            self.completed[id(given)] = {**body, "firm": True}  # What is written says that it does.
        self.early.pop(body["id"], None)
        if now == before and is_held == was_held:
            return "duplicate", 0, []
        self._follow(now, is_held)
        if before is not None and before["end"] is not None and now["end"] is None:
            self.reopened[body["id"]] = arrival
        status = "opened" if before is None else "changed"
        if before is not None and now["end"] is not None and before["end"] is None:
            status = "closed"
        if now["cancelled"] and not (before and before["cancelled"]):
            status = "cancelled"
        self.sent[body["id"]] = arrival
        until = self.settled_until
        is_over = until is not None and now["end"] is not None and now["end"] <= until
        self._late += status == "opened" and is_over
        return status, *self._take(now, arrival, entry)

    def told(self, row: dict[str, Any], arrival: float, entry: tuple[int, int]) -> list[Pair]:
        """The history told of an incident, all of it: that takes the place of what is known."""
        now = {
            "id": row["id"],
            "device": row["names"]["device"],
            "start": row["start"],
            "end": row["end"],
            "cancelled": bool(row["cancelled"]),
        }
        if self._is_forgotten(row["id"]):  # It is told anew, and nothing is known of what it said.
            del self.incidents[row["id"]]
            self.before.pop(row["id"], None)
        is_held = now["cancelled"] and row["firm"]
        is_same = now == self.incidents.get(row["id"]) and is_held == (row["id"] in self.held)
        if is_same and row["id"] not in self.sent:
            return []
        self._follow(now, is_held)
        self.sent.pop(row["id"], None)
        return self._take(now, arrival, entry)[1]

    def _is_forgotten(self, name: str) -> bool:
        """Whether an incident was over before the deadline, and nothing was said of it since."""
        known, until = self.incidents.get(name), self.settled_until
        if known is None or until is None or self._said_at.get(name) == until:
            return False
        over = known["start"] if known["cancelled"] else known["end"]
        return over is not None and over < until

    def _follow(self, now: dict[str, Any], is_held: bool) -> None:
        """Note what an incident said before, and whether it stays cancelled."""
        name, before = now["id"], self.incidents.get(now["id"])
        (self.held.add if is_held else self.held.discard)(name)
        said = self.before.setdefault(name, [])
        if before is not None and _said(before) not in (_said(now), *said[-1:]):
            self.before[name] = [*said, _said(before)][-8:]

    def _advance(self, time: float, arrival: float, position: tuple[int, int, int]) -> list[Pair]:
        before, pairs = self.settled_until, super()._advance(time, arrival, position)
        until = self.settled_until
        if before is not None and until is not None:
            self.begun += [
                (one["device"], one["start"])
                for one in self.incidents.values()
                if before <= one["start"] < until and not one["cancelled"] and one["end"] != one["start"]
            ]
        return pairs

    def _take(self, now: dict[str, Any], arrival: float, entry: tuple[int, int]) -> tuple[int, list[Pair]]:
        """Know an incident: predictions in it that are healthy already, and pairs."""
        self.incidents[now["id"]] = now
        self._said_at[now["id"]] = self.settled_until
        pairs: list[Pair] = []
        too_late = 0
        position = (*entry, 0)
        for known in self._known.values():
            inside = _has(now, known.device, known.time) and not now["cancelled"]
            too_late += inside and known.label == 0
        open_ones = [one for one in self._known.values() if one.label is None]
        for known in sorted(open_ones, key=lambda one: (one.device, one.time)):
            if known.label is None and self._is_covered(known.device, known.time):
                pairs += self._meet(known, 1, arrival, position)
        pairs += self._healthy(arrival, position)
        return too_late, pairs

    def _is_covered(self, device: str, time: float) -> bool:
        return any(not one["cancelled"] and _has(one, device, time) for one in self.incidents.values())

    def _healthy(self, arrival: float, position: tuple[int, int, int]) -> list[Pair]:
        pairs: list[Pair] = []
        if self._newest is None:
            return pairs
        bound = self._newest - HEALTHY_AFTER
        due = [one for one in self._known.values() if one.time <= bound and not one.is_mature and one.said]
        for known in sorted(due, key=lambda one: (one.time, one.device)):
            label = int(self._is_covered(known.device, known.time))
            if known.label is None:
                pairs += self._meet(known, label, arrival, position)
            else:
                self._matured(known, label, arrival, position)
        return pairs

    def _meet(self, known: Known, label: int | None, at: float, position: tuple[int, int, int]) -> list[Pair]:
        pairs = super()._meet(known, label, at, position)
        if pairs and self._newest is not None and known.time <= self._newest - HEALTHY_AFTER:
            self._matured(known, known.label, at, position)
        return pairs

    def _matured(self, known: Known, label: int | None, at: float, position: tuple[int, int, int]) -> None:
        known.is_mature = True
        assert known.said is not None and label is not None
        made = known.said, known.predicted_at, label
        self.mature.append(Pair(known.device, known.time, *made, at, position))


def _said(incident: dict[str, Any]) -> tuple[Any, ...]:
    """What the ticket of an incident says of it."""
    return incident["device"], incident["start"], incident["end"]


def _has(incident: dict[str, Any], device: str, time: float) -> bool:
    if incident["device"] != device or time < incident["start"]:
        return False
    return incident["end"] is None or time < incident["end"]
