"""The benchmark of load: what it sends, and what it says of the answers."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import datetime

import pytest

from feature_sets.telemetry.events import EventParser
from tests.benchmarks.load import Measured, loads
from tests.benchmarks.load_generator import Bodies, Load, Sender, summary
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


def served(load: Load, refuses: bool = False) -> dict:
    """Figures of a load against a server that answers at once, or refuses every second request."""
    count = 0

    async def answer(reader, writer):
        nonlocal count
        while head := await reader.readuntil(b"\r\n\r\n"):
            await reader.readexactly(int(re.search(rb"Content-Length: (\d+)", head)[1]))
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


def test_latencies_are_those_of_what_was_taken():
    found = summary(Load(0, 1, 2.0), {200: [0.001, 0.002, 0.003], 503: [9.0]}, 2.0)
    assert (found["p50_ms"], found["max_ms"], found["requests_per_second"]) == (2.0, 3.0, 1.5)


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
