"""What the network sends: readings, labels, incidents and changes of the routing."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from typing import Any

from tests.simulation.models import FOLDER, INPUTS, digest
from tests.simulation.process import DEVICES
from tests.simulation.world import START

NAMES = tuple(DEVICES)
SECONDS = 4.0
"""Event time between two steps."""


@dataclass
class Message:
    """A request that is sent until it is acknowledged.

    :param path: of the route.
    :param body: a list of events.
    """

    path: str
    body: list[dict[str, Any]]


class Traffic:
    """Makes requests of readings and of what labels them.

    :param chance: decides what.
    :param form: of the labels.
    """

    def __init__(self, chance: random.Random, form: str) -> None:
        self._chance, self._form = chance, form
        self._sent: deque[tuple[str, float]] = deque(maxlen=40)
        self._tickets: deque[dict[str, Any]] = deque(maxlen=60)
        self._again: list[dict[str, Any]] = []
        """Tickets of what was cancelled last, which are sent once more."""

    def message(self, step: int) -> Message:
        """The next request."""
        chance = self._chance
        if chance.random() < 0.05:
            return Message("/maintenance", [_maintenance(chance, step)])
        if chance.random() < 0.5:
            return Message("/telemetry", [self._reading(step) for _ in range(chance.choice((1, 1, 2, 3)))])
        if self._form == "incidents":
            incidents = [self._incident(step) for _ in range(chance.choice((1, 1, 2)))]
            return Message("/incidents", incidents)
        return Message("/labels", [self._label(step) for _ in range(chance.choice((1, 2, 3)))])

    def turn(self, step: int, outbox: list[Message]) -> list[Message]:
        """Requests that arrive together: some that wait, some that are new, and one of them twice.

        :param outbox: those that wait; the new ones wait, too.
        """
        chance = self._chance
        found = outbox[: chance.randrange(2)]
        for _ in range(chance.randrange(1, 3)):
            found.append(self.message(step))
            outbox.append(found[-1])
        return [*found, found[0]] if chance.random() < 0.2 else found

    def _reading(self, step: int) -> dict[str, Any]:
        chance = self._chance
        time = _time(chance, step, 20)
        odd = chance.random()
        if odd < 0.03:
            time -= chance.randrange(60, 600)
        elif odd < 0.05:
            time += chance.randrange(30, 4000)
        cpu = None if chance.random() < 0.05 else chance.randrange(100)
        device = chance.choice(NAMES)
        self._sent.append((device, time))
        return {"device": device, "timestamp": time, "cpu": cpu}

    def _incident(self, step: int) -> dict[str, Any]:
        """What is new of an incident or, after it was cancelled, a ticket that was sent before."""
        chance = self._chance
        if self._again and chance.random() < 0.4:
            return dict(self._again.pop())
        body = _incident(chance, step)
        if "device" in body:
            self._tickets.append(body)
        elif body.get("cancelled"):
            self._again = [one for one in self._tickets if one["id"] == body["id"]]
        return body

    def _label(self, step: int) -> dict[str, Any]:
        """Of a reading that was sent or, now and then, of none."""
        chance = self._chance
        device, time = chance.choice(NAMES), _time(chance, step, 60)
        if self._sent and chance.random() < 0.8:
            device, time = chance.choice(self._sent)
        if chance.random() < 0.03:
            time += chance.choice((40, 500, -500))
        return {"device": device, "timestamp": time, "is_error": chance.randrange(2)}


def _time(chance: random.Random, step: int, late: float) -> float:
    return START + SECONDS * step - float(chance.choice((0, 0, 0, 1, 2)) * chance.randrange(int(late)))


def _maintenance(chance: random.Random, step: int) -> dict[str, Any]:
    """One entry of each device is opened, changed and closed, all of it each time."""
    device, start = chance.choice(NAMES), _time(chance, step, 60)
    end = None if chance.random() < 0.2 else start + chance.randrange(1, 90)
    return {"id": f"m-{device}", "device": device, "start": start, "end": end}


def _incident(chance: random.Random, step: int) -> dict[str, Any]:
    number = chance.randrange(12)
    body: dict[str, Any] = {"id": f"i{number}"}
    start = _time(chance, step, 60)
    kind = chance.random()
    if kind < 0.5:
        body |= {"device": NAMES[number % len(NAMES)], "start": start}
        if kind < 0.4:  # As of a tool that sends all fields.
            body |= {"end": None}
    elif kind < 0.7:
        body["end"] = start + chance.randrange(40)
    elif kind < 0.8:
        body["end"] = None
    elif kind < 0.9:
        body["cancelled"] = chance.random() < 0.7
    else:
        body |= {"device": NAMES[number % len(NAMES)], "start": start, "end": start + chance.randrange(50)}
    return body


def change(chance: random.Random, champion: str) -> dict[str, Any]:
    """Body of a change of the routing."""
    names = list(INPUTS)
    chance.shuffle(names)
    if chance.random() < 0.4:  # Something is tried beside the champion.
        names.remove(champion)
        names.insert(0, champion)
    versions = [_routed(names[0], "champion")]
    for name in names[1 : chance.randrange(1, 4)]:
        role = chance.choice(("canary", "shadow"))
        versions.append(_routed(name, role) | ({"share": 0.4} if role == "canary" else {}))
    if chance.random() < 0.1:
        versions[-1]["sha256"] = "0" * 64
    return {"routing": {"versions": versions}, "who": "kim", "why": "it is tried"}


def _routed(version: str, role: str) -> dict[str, Any]:
    return {
        "version": version,
        "role": role,
        "model_path": FOLDER + version,
        "sha256": digest(version),
    }
