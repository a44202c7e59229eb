"""The benchmark of load: what it sends, and what it says of the answers."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from datetime import datetime

import numpy as np
import pytest

from feature_sets.telemetry.events import EventParser
from tests.benchmarks.consumers import consumers
from tests.benchmarks.load import Measured, loads
from tests.benchmarks.load_generator import Bodies, Load, Sender, Watched, summary
from tests.benchmarks.restart import schema


def bodies(load: Load, count: int) -> list:
    made = Bodies(load)
    return [json.loads(made.request().partition(b"\r\n\r\n")[2]) for _ in range(count)]


def test_each_event_keeps_the_rules_and_has_a_time_of_its_own():
    parser = EventParser(schema())
    single = [parser.telemetry(body) for body in bodies(Load(0, 1, 1, devices=3), 8)]
    assert len({(event.device, event.time) for event in single}) == 8
    assert [event.time - single[0].time for event in single] == [0, 0, 0, 10, 10, 10, 20, 20]
    lists = [parser.telemetry(body) for each in bodies(Load(0, 1, 1, size=4, devices=3), 2) for body in each]
    assert lists == single
    later = bodies(Load(0, 1, 1, devices=3, first=6), 1)[0]
    assert datetime.fromisoformat(later["timestamp"]).timestamp() == single[6].time


def test_events_go_to_the_path_of_the_load():
    assert Bodies(Load(0, 1, 1)).request().startswith(b"POST /telemetry HTTP/1.1\r\n")
    assert Bodies(Load(0, 1, 1, size=2, path="/x")).request().startswith(b"POST /x HTTP/1.1\r\n")


def served(load: Load, refuses: bool = False, lines: list | None = None) -> dict:
    """Figures of a load against a server that answers at once, or refuses every second request.

    :param lines: gets the path and the events of each request.
    """
    count = 0

    async def answer(reader, writer):
        nonlocal count
        while head := await reader.readuntil(b"\r\n\r\n"):
            body = json.loads(await reader.readexactly(int(re.search(rb"Content-Length: (\d+)", head)[1])))
            if lines is not None:
                lines.append((head.split()[1].decode(), body if isinstance(body, list) else [body]))
            count += 1
            status = b"429 Too Many" if refuses and count % 2 else b"200 OK"
            writer.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 2\r\n\r\n{}")

    async def run() -> dict:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            return await Sender(Load(**{**vars(load), "port": port})).run()
        finally:
            server.close()

    return asyncio.run(run())


@pytest.mark.parametrize("size", [1, 5])
def test_a_closed_loop_counts_what_was_answered(size):
    found = served(Load(0, 3, 0.2, size=size))
    assert set(found["statuses"]) == {"200"} and found["statuses"]["200"] > 10
    assert found["events_per_second"] == pytest.approx(size * found["requests_per_second"], rel=0.01)
    assert 0 < found["p50_ms"] <= found["p99_ms"] <= found["max_ms"] < 300


def test_an_open_loop_sends_what_is_due_and_tells_refusals_apart():
    found = served(Load(0, 4, 0.3, rate=200.0), refuses=True)
    assert found["statuses"] == {"200": 30, "429": 30}
    assert found["refused_max_ms"] >= found["refused_p99_ms"] > 0


def test_labels_name_the_events_that_were_sent_and_change_after_a_while():
    parser, load = EventParser(schema()), Load(0, 1, 1, devices=3, first=3)
    sent = [parser.telemetry(body) for body in bodies(load, 5)]
    request = Bodies(load).labels(3, 8)
    assert request.startswith(b"POST /labels ")
    told = [parser.label(body) for body in json.loads(request.partition(b"\r\n\r\n")[2])]
    assert [(label.device, label.time) for label in told] == [(event.device, event.time) for event in sent]
    later = json.loads(Bodies(load).labels(999, 1001).partition(b"\r\n\r\n")[2])
    assert [body["is_error"] for body in later] == [0, 1]


def test_the_label_of_every_event_is_told_once_after_it():
    lines: list[tuple[str, list]] = []
    found = served(Load(0, 4, 0.5, rate=200.0, labels=0.1), lines=lines)
    assert found["statuses"] == {"200": 100}  # Labels are no requests of the load.
    place_of = {}
    for place, (path, events) in enumerate(lines):
        for body in events:
            place_of.setdefault((body["device"], body["timestamp"]), []).append((path, place))
    assert len(place_of) == 100
    for places in place_of.values():
        (sent, at), (told, later) = places
        assert (sent, told) == ("/telemetry", "/labels") and at < later


@pytest.mark.figures
def test_slow_consumers_are_beside_the_same_without_them():
    found = consumers(4.0, rate=150.0, answer_seconds=0.5)
    assert found["statuses"] == {"200": 600} and found["labels"] == 600
    assert found["files"] > 0 and found["drifts"] > 0 and found["callbacks"] > 0
    assert 0 < found["without_p50_ms"] <= found["without_p99_ms"] <= found["without_max_ms"]
    assert found["p99_ratio"] == pytest.approx(found["p99_ms"] / found["without_p99_ms"], abs=0.01)


@pytest.mark.figures
def test_what_nobody_consumes_is_no_figure():
    with pytest.raises(RuntimeError, match="nothing was consumed"):
        consumers(0.2, rate=50.0, answer_seconds=0.1)


def test_latencies_are_those_of_what_was_taken():
    found = summary(Load(0, 1, 2.0), {200: [0.001, 0.002, 0.003], 503: [9.0]}, {}, 2.0)
    assert (found["p50_ms"], found["max_ms"], found["requests_per_second"]) == (2.0, 3.0, 1.5)


def test_what_a_refusal_waited_for_its_sender_is_told_apart():
    found = summary(Load(0, 1, 2.0), {429: [0.005, 0.5]}, {429: [0.001, 0.496]}, 2.0)
    assert found["refused_max_ms"] == 500
    assert found["refused_lag_p99_ms"] == pytest.approx(491, abs=0.1)
    assert found["refused_since_sent_p99_ms"] == 4


def test_what_the_server_ran_and_waited_until_a_refusal_is_told_apart():
    found = served(Load(0, 4, 0.3, rate=200.0, process=os.getpid()), refuses=True)
    shares = {name: value for name, value in found.items() if name.startswith("refused_server_")}
    assert {name.removeprefix("refused_server_") for name in shares} == {
        f"{what}_{which}_ms" for what in ("ran", "waited") for which in ("p99", "max")
    }
    assert shares["refused_server_ran_max_ms"] >= shares["refused_server_ran_p99_ms"] >= 0
    assert not any("server" in name for name in served(Load(0, 4, 0.1, rate=200.0, process=os.getpid())))


def test_a_process_is_watched_between_two_times():
    watched, ends = Watched(os.getpid()), []
    for seconds in (0.0, 0.3, 0.0):
        until = time.thread_time() + seconds
        while time.thread_time() < until:
            pass
        watched.note()
        ends.append(time.perf_counter())
    first, busy, last = ends
    ran, waited = watched.between(np.array([first, busy]), np.array([busy, last]))
    assert ran[0] > 200 > ran[1] >= 0 and (waited >= 0).all()


def test_no_load_sends_an_event_of_another(monkeypatch):
    begun = []

    def costed(server, load):
        begun.append(load.first)
        return {"statuses": {"200": 7}, "requests_per_second": 1.0}

    monkeypatch.setattr("tests.benchmarks.load._costed", costed)
    measured = Measured((0, 0), (0, 0))
    for load in loads(1.0):
        measured.alone(load)
    assert begun == [0, 1000, 2000, 3000, 4000]
