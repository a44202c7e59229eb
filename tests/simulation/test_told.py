"""Two processes of one endpoint, and what the history says to one of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from feature_sets.telemetry.incident_events import Incident
from graphs.labeled_join import LabeledJoin
from tests.simulation import checks
from tests.simulation.history import History
from tests.simulation.ledgers import IncidentLedger
from tests.simulation.patches import simulated
from tests.simulation.process import Process

SEED = 5
"""Of a history with incidents of which the history tells."""


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with simulated():
        yield History(SEED, tmp_path)


def two_processes(history: History) -> tuple[Process, Process]:
    return Process(history.world, history._deployed), Process(history.world, history._deployed)


def reading_at(now: float) -> list[dict[str, object]]:
    return [{"device": "d0", "timestamp": now, "cpu": 1}]


def book(process: Process) -> Iterable[Incident]:
    return next(step for step in process._steps if isinstance(step, LabeledJoin))._book


def ends(process: Process) -> dict[str, float | None]:
    return {incident.id: incident.end for incident in book(process)}


def test_what_another_process_was_sent_stays_where_the_history_says_something_older(history: History) -> None:
    world = history.world
    first, second = two_processes(history)
    now = world.now
    reading = reading_at(now)
    assert first.send("POST", "/incidents", [{"id": "i0", "device": "d0", "start": now - 50}])[0] == 200
    assert second.send("POST", "/telemetry", reading)[0] == 200
    world.now += 5
    said = {"device": "d0", "start": now - 50, "end": None, "cancelled": False}
    world.history._sent["i0"] = (now, said)
    world.history._file["i0"] = (world.now, {**said, "end": now - 20})
    world.now += 5
    assert first.send("POST", "/incidents", [{"id": "i0", "end": now - 10}])[0] == 200
    status, told = second.send("POST", "/devices/reload")
    assert (status, told["incidents"]) == (200, 0)
    assert first.send("POST", "/telemetry", reading)[0] == 200
    assert ends(first) == ends(second) == {"i0": now - 10}


def test_an_incident_that_waits_for_what_a_step_failed_at_is_counted(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = history.world
    first, second = two_processes(history)
    now = world.now
    reading = reading_at(now)
    assert first.send("POST", "/telemetry", reading)[0] == 200
    world.model_failures = 1
    # As if the reading were appended between the look for it and the incident.
    monkeypatch.setattr(second.state.journal, "look", lambda: False)
    incident = [{"id": "i0", "device": "d0", "start": now}]
    assert second.send("POST", "/incidents", incident)[0] == 500
    world.now += 5
    assert second.send("POST", "/incidents", [{"id": "i0", "end": now + 3}])[0] == 200
    assert first.send("POST", "/telemetry", reading)[0] == 200
    counts = [
        {key: value for key, value in process.counts().items() if key[0] == "incidents"}
        for process in (first, second)
    ]
    assert counts == [{("incidents", "opened"): 1, ("incidents", "closed"): 1}] * 2


def test_a_cancelled_incident_that_is_forgotten_is_not_opened_by_an_older_history(history: History) -> None:
    world = history.world
    process, now = Process(world, history._deployed), world.now
    assert process.send("POST", "/incidents", [{"id": "i0", "device": "d0", "start": now}])[0] == 200
    said = {"device": "d0", "start": now, "end": None, "cancelled": False}
    world.history._sent["i0"] = (now, said)
    world.now += 5
    assert process.send("POST", "/incidents", [{"id": "i0", "cancelled": True}])[0] == 200
    world.now += 900
    assert process.send("POST", "/telemetry", reading_at(world.now))[0] == 200
    assert ends(process) == {}
    assert process.send("POST", "/devices/reload")[1]["incidents"] == 0


def test_an_old_ticket_is_new_where_a_file_told_its_forgotten_incident_anew(history: History) -> None:
    world = history.world
    process, told = Process(world, history._deployed), world.history._file

    def answers(path: str, body: list[dict[str, object]]) -> list[dict[str, object]]:
        status, answer = process.send("POST", path, body)
        found = history._follow()[-1][1]
        checks.answer_is_equal(path, answer, found)
        return found if status == 200 else []

    now = world.now
    said = {"device": "d0", "start": now - 30, "end": now - 10, "cancelled": False}
    ticket = {"id": "i0", **said}
    assert answers("/incidents", [ticket])[0]["status"] == "opened"
    world.history._sent["i0"] = (now, said)
    world.now += 900
    answers("/telemetry", reading_at(world.now))
    assert ends(process) == {}
    told["i0"] = (world.now, {**said, "start": world.now - 50, "end": None})
    assert process.send("POST", "/devices/reload")[1]["incidents"] == 1
    history._follow()
    assert answers("/incidents", [{"id": "i0", "cancelled": True}])[0]["status"] == "cancelled"
    assert answers("/incidents", [ticket])[0]["status"] == "closed"
    ledger = history.oracle.ledger
    assert isinstance(ledger, IncidentLedger) and not ledger.incidents["i0"]["cancelled"]
    assert [incident.cancelled for incident in book(process)] == [False]


def test_an_incident_is_completed_by_what_another_process_was_sent(history: History) -> None:
    world = history.world
    first, second = two_processes(history)
    now = world.now
    world.history._file["i0"] = (
        now,
        {"device": "d0", "start": now - 50, "end": now - 20, "cancelled": False},
    )
    assert first.send("POST", "/devices/reload")[1]["incidents"] == 1
    assert second.send("POST", "/telemetry", reading_at(now))[0] == 200
    assert ends(first) == ends(second) == {"i0": now - 20}
    world.now += 5
    assert first.send("POST", "/incidents", [{"id": "i0", "end": None}])[0] == 200
    status, answer = second.send("POST", "/incidents", [{"id": "i0", "start": now - 10}])
    assert (status, answer[0]["status"]) == (200, "changed")
    assert first.send("POST", "/telemetry", reading_at(now))[0] == 200
    assert ends(first) == ends(second) == {"i0": None}
