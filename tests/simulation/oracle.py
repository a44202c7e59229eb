"""What is right: every entry that the store took, once, in its order, by the plainest code that there is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from drift.grouped_monitor import GroupedMonitor
from feature_sets.telemetry.schema import TelemetrySchema
from feature_sets.windows.definition import WindowDefinition
from graphs.protocol.times import iso_time
from graphs.routing.routing import place_of
from graphs.state.kept_incidents import SENT
from graphs.state.longest_reach import longest_reach
from tests.simulation.ahead import AheadOracle
from tests.simulation.ledgers import IncidentLedger, Ledger, Pair, Said
from tests.simulation.models import ABSENT, FURTHER, INPUTS, THRESHOLDS, schema_of, score
from tests.simulation.process import DEADLINE_SECONDS, DEVICES
from tests.simulation.store import Committed, Sent

TOLERANCE = 60.0
PERIOD, LONGEST, SHORT = 10, 300, 60
COUNTED = ("accepted", "late")
KNOWN_SECONDS = DEADLINE_SECONDS / 2
"""So long after it arrived an event is known to have been counted, if the ledger may forget it before."""


@dataclass
class _Device:
    """Readings that were counted, and when the device was heard last."""

    readings: list[tuple[float, float | None, float]] = field(default_factory=list)
    """Time, value and bucket of each."""
    heard: float = -math.inf


class Oracle:
    """Knows what each entry changes and what its sender is answered.

    :param form: of the labels.
    :param champion: version that the endpoint was deployed with first.
    :param is_ahead: whether there are several horizons.
    """

    def __init__(self, form: str, champion: str, is_ahead: bool = False) -> None:
        schema = schema_of(form, is_ahead)
        self.ahead = AheadOracle(lambda *at: self._working(*at) is not None) if is_ahead else None
        self._further = [(horizon, f"{champion}-{horizon}") for horizon in FURTHER[champion]]
        self._idle = longest_reach(_definition(schema))
        self._devices: dict[str, _Device] = {}
        self._accepted: dict[tuple[str, float], float] = {}
        self._swept = -math.inf
        self.routing: list[dict[str, Any]] = []
        self._document: dict[str, Any] = {"versions": [{"version": champion, "role": "champion"}], "salt": ""}
        self._ends: list[int] = []
        self.ledger = (IncidentLedger if form == "incidents" else Ledger)(DEADLINE_SECONDS, TOLERANCE)
        self.pairs: list[Pair] = []
        self.counts: Counter[tuple[str, ...]] = Counter()
        self._sent: Sequence[Sent] = ()
        self.excluded = self.suppressed = 0
        """What maintenance keeps out: pairs, and predictions."""
        self._calendar: dict[str, tuple[str, float, float | None]] = {}
        self._silenced: dict[tuple[str, float], tuple[Said, str]] = {}
        self._cpus: dict[tuple[str, float], float | None] = {}
        self._silenced_until = -math.inf
        self._monitor: GroupedMonitor | None = None
        self._watched = ""

    @property
    def champion(self) -> str:
        """Version that answers."""
        return _champion(self._document)

    def apply(self, entry: Committed) -> list[dict[str, Any]]:
        """Take an entry, and give what its sender must be answered of each accepted event."""
        if entry.kind == "rerouted":
            for row in orjson.loads(entry.events):
                self._reroute(row)
            return []
        before = len(self.pairs)
        if entry.kind == "incidents" and isinstance(self.ledger, IncidentLedger):
            for row in orjson.loads(entry.events):
                if row["source"] != SENT:  # Else it is known already.
                    self.pairs += self.ledger.told(row, entry.arrival, entry.id)
            self._count_pairs(entry, before)
            return []
        if entry.kind == "labels" and not entry.sent and isinstance(self.ledger, IncidentLedger):
            for row in orjson.loads(entry.events):  # The history has the start that an end waited for.
                told = {name: row[name] for name in ("id", "start", "end", "cancelled", "firm")}
                self._incident(entry, {**told, "device": row["names"]["device"]})
            self._count_pairs(entry, before)
            return []
        if not entry.sent:
            return []
        path, body = entry.sent[0].path, [event for sent in entry.sent for event in sent.body]
        if path == "/telemetry":
            answers = self._telemetry(entry, body)
        elif path == "/maintenance":
            answers = [self._maintain(one) for one in body]
        elif path == "/labels":
            answers = [self._label(entry, place, one) for place, one in enumerate(body)]
        else:
            assert isinstance(self.ledger, IncidentLedger)
            if entry.sent is not self._sent:
                self._sent = entry.sent
                self.ledger.completed.clear()
            answers = [self._incident(entry, one) for one in body]
        self._count_pairs(entry, before)
        return answers

    def _count_pairs(self, entry: Committed, before: int) -> None:
        """What an entry joined goes to the stream, and to the detectors."""
        if isinstance(self.ledger, IncidentLedger):  # One event may complete several.
            made = [pair._replace(position=(*entry.id, at)) for at, pair in enumerate(self.pairs[before:])]
            self.pairs[before:] = made
        counting = [one for one in self.pairs[before:] if not self._working(one.device, one.time)]
        self.excluded += len(self.pairs) - before - len(counting)
        self.pairs[before:] = counting
        mature = self.pairs[before:]
        for pair in mature:
            self.counts["labeled_pairs", "yes" if pair.said.prediction == pair.label else "no"] += 1
        if isinstance(self.ledger, IncidentLedger):
            mature = [one for one in self.ledger.mature if not self._working(one.device, one.time)]
            self.ledger.mature.clear()
        for pair in mature:
            if self._monitor is not None and pair.said.version == self._watched:
                wrong = int(pair.said.prediction != pair.label)
                self._monitor.update(wrong, iso_time(pair.time), device=pair.device, label=pair.label)

    def attach(self, detectors: dict[str, Any]) -> None:
        """Have detectors watch the champion from now on."""
        self._monitor, self._watched = GroupedMonitor.from_dict(detectors), self.champion

    @property
    def is_watched(self) -> bool:
        """Whether detectors are attached."""
        return self._monitor is not None

    def drift(self) -> dict[str, Any] | None:
        """State of the detectors; None without any."""
        return None if self._monitor is None else self._monitor.status()

    def _reroute(self, row: dict[str, Any]) -> None:
        if any(known["id"] == row["id"] for known in self.routing):
            return
        self.routing.append(row)
        if row["outcome"] != "applied":
            return
        self._document = row["routing"]["document"]
        self._ends = row["routing"]["ends"]
        self._further = [(one["horizon"], one["version"]) for one in row["routing"].get("further") or ()]
        if self._monitor is not None and self.champion != self._watched:
            self._monitor = None

    def _version(self, device: str) -> str:
        canaries = [one["version"] for one in self._document["versions"] if one["role"] == "canary"]
        if canaries:
            place = place_of(device, self._document["salt"])
            for version, end in zip(canaries, self._ends, strict=True):
                if place < end:
                    return str(version)
        return self.champion

    def _telemetry(self, entry: Committed, body: list[dict[str, Any]]) -> list[dict[str, Any]]:
        arrival = entry.arrival
        if not 0 <= arrival - self._swept < self._idle:
            self._swept = arrival
            oldest = arrival - self._idle
            self._devices = {name: one for name, one in self._devices.items() if one.heard >= oldest}
        answers = [self._reading(arrival, one) for one in body]
        for place, answer in enumerate(answers):
            device, time = answer["device"], answer["time"]
            said, first = answer["said"], self.ledger.said(device, time)
            answer["maintenance"] = self._working(device, time)
            if said is not None and not answer["maintenance"]:
                self.counts["predictions", "model", said.version, str(said.prediction)] += 1
                for horizon, (version, prediction, _) in said.ahead:
                    self.counts["predictions", f"model-{horizon}", version, str(prediction)] += 1
            self.suppressed += said is not None and bool(answer["maintenance"])
            self._forget_silenced()
            silenced = self._silenced.get((device, time))
            if answer["status"] == "too_late":
                arrived = self._accepted.get((device, time), -math.inf)
                answer["status"] = "duplicate" if arrival - arrived <= KNOWN_SECONDS else "too_late"
            cpu = body[place]["cpu"]
            if first is not None:
                again = self._again(device, time, cpu, first)
                answer.update(status=again, said=first, maintenance=None)
            elif silenced is not None:
                again = self._again(device, time, cpu, silenced[0])
                answer.update(status=again, said=silenced[0], maintenance=silenced[1])
            elif answer["maintenance"]:
                if answer["status"] in COUNTED:
                    self._exclude(device, time)
                    self._silenced[device, time] = said, answer["maintenance"]
                    self._cpus[device, time] = cpu
                    self._forget_silenced(time)
            elif said is not None:
                self.pairs += self.ledger.predict(device, time, said, arrival, (*entry.id, place))
                self._cpus[device, time] = cpu
                self._look_ahead(arrival)
            self.counts["events", answer["status"]] += 1
            is_old = arrival - time > DEADLINE_SECONDS - KNOWN_SECONDS - TOLERANCE
            if answer["status"] in COUNTED and is_old:
                self._accepted[device, time] = max(arrival, self._accepted.get((device, time), -math.inf))
        return answers

    def _again(self, device: str, time: float, cpu: float | None, first: Said | None) -> str:
        """Status of an event that is there already: whether it has another value of an input."""
        if first is None or "cpu" not in INPUTS[first.version.partition("-")[0]]:
            return "duplicate"
        return "duplicate" if cpu == self._cpus[device, time] else "conflicting"

    def _forget_silenced(self, newest: float = -math.inf) -> None:
        """What was said in a maintenance is told again for as long as other answers are."""
        settled = self.ledger.settled_until
        oldest = (-math.inf if settled is None else settled, newest - DEADLINE_SECONDS)
        self._silenced_until = until = max(self._silenced_until, *oldest)
        for at in [at for at in self._silenced if at[1] < until]:
            del self._silenced[at]

    def _exclude(self, device: str, time: float) -> None:
        if self.ahead is not None:
            self.ahead.exclude(device, time, self.ledger.settled_until)

    def _look_ahead(self, arrival: float) -> None:
        """Further horizons meet what followed them."""
        until = self.ledger.settled_until
        if self.ahead is None or until is None:
            return
        settled, self.ledger.settled = self.ledger.settled, []
        begun, self.ledger.begun = self.ledger.begun, []
        for horizon, pairs in self.ahead.advance(settled, begun, until, arrival).items():
            for pair in pairs:
                self.counts["ahead_pairs", horizon, "yes" if pair.said[1] == pair.label else "no"] += 1

    def _reading(self, arrival: float, body: dict[str, Any]) -> dict[str, Any]:
        name, time, cpu = body["device"], body["timestamp"], body["cpu"]
        device = self._devices.get(name)
        answer = {"device": name, "time": time, "status": "accepted", "said": None}
        if time > arrival + TOLERANCE:
            return {**answer, "status": "quarantined"}
        if device is None:
            device = self._devices[name] = _Device()
        device.heard = max(device.heard, arrival)
        latest = max([at for at, _, _ in device.readings], default=-math.inf)
        if device.readings:
            oldest = latest // PERIOD - LONGEST // PERIOD
            if [at for at, _, bucket in device.readings if at == time and bucket > oldest]:
                return {**answer, "status": "duplicate"}
            if time // PERIOD <= oldest:
                return {**answer, "status": "too_late"}
            if time < latest:
                answer["status"] = "late"
        device.readings.append((time, cpu, time // PERIOD))
        newest = max(latest, time) // PERIOD
        oldest = newest - LONGEST // PERIOD
        device.readings = [one for one in device.readings if one[2] > oldest]
        features: dict[str, float] = {"model_x": DEVICES[name]["model_x"]}
        if cpu is not None:
            features["cpu"] = cpu
        for length, window in ((SHORT, "1m"), (LONGEST, "5m")):
            begin = newest - length // PERIOD
            inside = [value for _, value, bucket in device.readings if value is not None and bucket > begin]
            features[f"cpu_count_{window}"] = len(inside)
            if inside:
                features[f"cpu_sum_{window}"], features[f"cpu_max_{window}"] = sum(inside), max(inside)
        answer["said"] = self._said(name, features)
        return answer

    def _said(self, device: str, features: dict[str, float]) -> Said:
        """What the version of a device says, and those beside it."""
        by = self._version(device)
        beside = [one["version"] for one in self._document["versions"] if one["role"] == "shadow"]
        if by != self.champion:
            beside.append(self.champion)
        first, *shadows = (_told(version, features) for version in (by, *beside))
        further = () if self.ahead is None else self._further
        ahead = tuple((horizon, _told(version, features)) for horizon, version in further)
        return Said(*first, tuple(shadows), ahead)

    def _working(self, device: str, time: float) -> str | None:
        """The maintenance that a device is in."""
        for name, (of, start, end) in self._calendar.items():
            if of == device and start <= time and (end is None or time < end):
                return name
        return None

    def _maintain(self, body: dict[str, Any]) -> dict[str, Any]:
        """The calendar changes."""
        name, entry = body["id"], (body["device"], body["start"], body["end"])
        before = self._calendar.get(name)
        status = "opened" if before is None else "unchanged" if before == entry else "changed"
        self._calendar[name] = entry
        self.counts["maintenance_changes", status] += 1
        return {"id": name, "status": status}

    def _label(self, entry: Committed, place: int, body: dict[str, Any]) -> dict[str, Any]:
        time = body["timestamp"]
        position = (*entry.id, place)
        if self._working(body["device"], time):
            status = "quarantined" if time > entry.arrival + TOLERANCE else "kept"
            self.counts["labels", status] += 1
            if status == "kept":
                self._exclude(body["device"], time)
            return {"device": body["device"], "time": time, "status": status}
        status, pairs = self.ledger.label(body["device"], time, body["is_error"], entry.arrival, position)
        self.pairs += pairs
        self.counts["labels", status] += 1
        return {"device": body["device"], "time": time, "status": status}

    def _incident(self, entry: Committed, body: dict[str, Any]) -> dict[str, Any]:
        assert isinstance(self.ledger, IncidentLedger)
        status, too_late, pairs = self.ledger.incident(body, entry.arrival, entry.id)
        self.pairs += pairs
        self.counts["incidents", status] += 1
        labeled = sum(pair.label for pair in pairs)
        return {"id": body["id"], "status": status, "labeled": labeled, "too_late": too_late}


def _told(version: str, features: dict[str, float]) -> tuple[str, int, float]:
    base = version.partition("-")[0]
    probability = score(version, [features.get(one, ABSENT) for one in INPUTS[base]])
    return version, int(probability >= THRESHOLDS[base]), probability


def _champion(document: dict[str, Any]) -> str:
    return str(next(one["version"] for one in document["versions"] if one["role"] == "champion"))


def _definition(schema: TelemetrySchema) -> WindowDefinition:
    return WindowDefinition.from_schema(schema)
