"""The other end of ``load``: sends events from a process of its own and prints what became of them.

``python -m tests.benchmarks.load_generator JSON``, with the fields of ``Load``. Latency counts from the
moment at which a request is due, not from when it could be sent: a server that stops is not let off.
"""

from __future__ import annotations

import asyncio
import collections
import json
import os
import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import uvloop

Floats = npt.NDArray[np.float64]

METRICS = ("cpu", "latency", "loss", "load")
BEGIN = 1_700_000_000
_VALUES = 4096
_ROUND = 100_000
_TELLING_SECONDS = 0.1
_SAMPLING_SECONDS = 0.001
_SAME = 1000
"""Events in a row that have the same label."""


@dataclass(frozen=True)
class Load:
    """What to send.

    :param port: of the server, on this machine.
    :param connections: kept open.
    :param seconds: how long to send.
    :param size: events in a request; 1 sends each alone and not as a list.
    :param rate: requests a second, whether or not the server keeps up; 0 sends on each connection as soon as
        it was answered.
    :param first: number of the first event; each event has a time of its own in its device.
    :param devices: that send in turn.
    :param labels: seconds after which the label of each event is told, in lists ten times a second over a
        connection of its own, whose latencies do not count; 0 tells none. For single events at a rate.
    :param path: that the events are sent to.
    :param process: id of the server's process, whose processor time is noted meanwhile; 0 for none.
    """

    port: int
    connections: int
    seconds: float
    size: int = 1
    rate: float = 0.0
    first: int = 0
    devices: int = 1000
    labels: float = 0.0
    path: str = "/telemetry"
    process: int = 0


class Bodies:
    """Bodies of requests, in the order of time: each device sends once every ten seconds."""

    def __init__(self, load: Load) -> None:
        generator = np.random.default_rng(load.first)
        rows = generator.uniform(0, 100, (_VALUES, len(METRICS))).round(2).tolist()
        self._values = [
            ", ".join(f'"{name}": {value}' for name, value in zip(METRICS, row, strict=True)) for row in rows
        ]
        self._load, self._next = load, load.first
        self._time = (-1, "")

    def event(self) -> str:
        """The next event."""
        number, self._next = self._next, self._next + 1
        return self._of(number, self._values[number % _VALUES])

    def labels(self, first: int, end: int) -> bytes:
        """The request with the labels of some events: 0 of many of them, then 1 of as many."""
        rows = [self._of(number, f'"is_error": {number // _SAME % 2}') for number in range(first, end)]
        return _request("/labels", f"[{', '.join(rows)}]")

    def _of(self, number: int, rest: str) -> str:
        turn, device = divmod(number, self._load.devices)
        if turn != self._time[0]:
            moment = time.gmtime(BEGIN + 10 * turn)
            self._time = turn, time.strftime("%Y-%m-%dT%H:%M:%SZ", moment)
        return f'{{"device": "dev-{device}", "timestamp": "{self._time[1]}", {rest}}}'

    def request(self) -> bytes:
        """The next request, as it goes over the wire."""
        size = self._load.size
        body = self.event() if size == 1 else f"[{', '.join(self.event() for _ in range(size))}]"
        return _request(self._load.path, body)


def _request(path: str, body: str) -> bytes:
    """A request as it goes over the wire."""
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


class Connection(asyncio.Protocol):
    """One connection, with at most one request under way."""

    def __init__(self, sender: Sender) -> None:
        self._sender, self._received = sender, b""
        self.due = self.sent = 0.0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head = self._received.find(b"\r\n\r\n")
        if head < 0:
            return
        length = int(self._received[:head].lower().partition(b"content-length: ")[2].split(b"\r\n", 1)[0])
        if len(self._received) >= head + 4 + length:
            status = int(self._received[9:12])
            self._received = b""
            self._sender.answered(self, status)

    def send(self, request: bytes, due: float) -> None:
        self.due, self.sent = due, time.perf_counter()
        self.transport.write(request)


class Watched:
    """How long the first thread of a process ran, and how long it could have run and had no core (Linux).

    Where sender and server share the cores, only the first is the server's own part of an answer's time. The
    kernel counts it with each tick, so it is right to some milliseconds.

    :param process: its id.
    """

    def __init__(self, process: int) -> None:
        self._file = os.open(f"/proc/{process}/task/{process}/schedstat", os.O_RDONLY)
        self._samples: list[tuple[float, float, float]] = []

    async def run(self) -> None:
        """Note it a thousand times a second, until cancelled."""
        try:
            while True:
                self.note()
                await asyncio.sleep(_SAMPLING_SECONDS)
        finally:
            os.close(self._file)

    def note(self) -> None:
        """Note it now."""
        ran, waited, _ = os.pread(self._file, 64, 0).split()
        self._samples.append((time.perf_counter(), int(ran) * 1e-6, int(waited) * 1e-6))

    def between(self, begin: Floats, end: Floats) -> tuple[Floats, Floats]:
        """Milliseconds that it ran, and that it waited for a core, between times of ``time.perf_counter``."""
        moments, *columns = np.array(self._samples).T
        ran, waited = (np.interp(end, moments, each) - np.interp(begin, moments, each) for each in columns)
        return ran, waited


class Sender:
    """Sends over all connections, and notes when each answer came."""

    def __init__(self, load: Load) -> None:
        self._load, self._bodies = load, Bodies(load)
        self._free: collections.deque[Connection] = collections.deque()
        self._waiting: collections.deque[float] = collections.deque()
        self._requests: collections.deque[bytes] = collections.deque()
        self.latencies: dict[int, list[float]] = collections.defaultdict(list)
        self.lags: dict[int, list[float]] = collections.defaultdict(list)
        self.ends: dict[int, list[float]] = collections.defaultdict(list)
        self._watched = Watched(load.process) if load.process else None
        self.last = 0.0
        self._sent = 0
        self._teller: Connection | None = None
        self._is_told = asyncio.Event()

    def answered(self, connection: Connection, status: int) -> None:
        if connection is self._teller:
            if status != 200:
                raise RuntimeError(f"labels were answered {status}")
            self._is_told.set()
            return
        now = time.perf_counter()
        self.latencies[status].append(now - connection.due)
        self.lags[status].append(connection.sent - connection.due)
        self.ends[status].append(now)
        self.last = now
        if self._load.rate:
            if self._waiting:
                connection.send(self._request(), self._waiting.popleft())
            else:
                self._free.append(connection)
        elif now < self._end:
            connection.send(self._request(), time.perf_counter())

    def _request(self) -> bytes:
        if self._load.rate:  # More than can be made in time: they go round.
            self._requests.rotate(-1)
            return self._requests[0] if self._requests else self._bodies.request()
        return self._requests.popleft() if self._requests else self._bodies.request()

    async def _tell(self, begin: float) -> None:
        """Tell labels when they are due, and the last of them when all is sent."""
        load, told = self._load, 0
        while told < int(load.rate * load.seconds):
            await asyncio.sleep(_TELLING_SECONDS)
            due = int(load.rate * (time.perf_counter() - begin - load.labels))
            due = min(due, self._sent, int(load.rate * load.seconds))
            if due > told and self._teller is not None:
                self._is_told.clear()
                self._teller.send(self._bodies.labels(load.first + told, load.first + due), 0.0)
                await self._is_told.wait()
                told = due

    async def run(self) -> dict[str, Any]:
        """Send until the time is over and all is answered."""
        load, loop = self._load, asyncio.get_running_loop()
        if load.size > 1:  # Made before: it would take the time of the server.
            most = _ROUND if load.rate else int(load.seconds * 200_000)
            self._requests.extend(self._bodies.request() for _ in range(most // load.size))
        every = [
            (await loop.create_connection(lambda: Connection(self), "127.0.0.1", load.port))[1]
            for _ in range(load.connections)
        ]
        watching = None if self._watched is None else asyncio.create_task(self._watched.run())
        begin = time.perf_counter()
        self._end, sent = begin + load.seconds, 0
        telling: asyncio.Task[None] | None = None
        if load.labels:
            self._teller = (await loop.create_connection(lambda: Connection(self), "127.0.0.1", load.port))[1]
            telling = asyncio.create_task(self._tell(begin))
        if load.rate:
            self._free.extend(every)
            for number in range(int(load.rate * load.seconds)):
                due = begin + number / load.rate
                while (wait := due - time.perf_counter()) > 0:
                    await asyncio.sleep(wait if wait > 0.001 else 0)
                sent += 1
                self._sent = sent - len(self._waiting)
                if self._free:
                    self._free.popleft().send(self._request(), due)
                else:
                    self._waiting.append(due)
                    if not number % 100:
                        await asyncio.sleep(0)
        else:
            for connection in every:
                connection.send(self._request(), time.perf_counter())
        deadline = time.perf_counter() + load.seconds + 60
        while time.perf_counter() < deadline:
            is_open = (
                sum(map(len, self.latencies.values())) < sent
                if load.rate
                else time.perf_counter() < self._end
            )
            if not is_open and not self._waiting:
                break
            await asyncio.sleep(0.005)
        self._sent = sent
        if telling is not None:
            await asyncio.wait_for(telling, load.labels + 60)
        if watching is not None:
            watching.cancel()
        found = summary(load, self.latencies, self.lags, self.last - begin)
        return {**found, **self._shares()}

    def _shares(self) -> dict[str, float]:
        """How long its server ran, and waited for a core, from sending to refusal, in milliseconds."""
        if self._watched is None or not self.ends[429]:
            return {}
        ends, since_due, lags = (np.array(each[429]) for each in (self.ends, self.latencies, self.lags))
        ran, waited = self._watched.between(ends - since_due + lags, ends)
        return {
            "refused_server_ran_p99_ms": round(float(np.percentile(ran, 99)), 3),
            "refused_server_ran_max_ms": round(float(ran.max()), 3),
            "refused_server_waited_p99_ms": round(float(np.percentile(waited, 99)), 3),
            "refused_server_waited_max_ms": round(float(waited.max()), 3),
        }


def summary(
    load: Load, latencies: dict[int, list[float]], lags: dict[int, list[float]], seconds: float
) -> dict[str, Any]:
    """Requests and events a second, and latencies of what was taken, in milliseconds.

    :param lags: by status: how long after it was due a request was sent; a part of its latency that is the
        share of the sender, or of a server that answers no connection.
    """
    taken = np.array(latencies.get(200) or [np.nan]) * 1e3
    found: dict[str, Any] = {
        "connections": load.connections,
        "size": load.size,
        "rate": load.rate,
        "requests_per_second": round(len(latencies.get(200, ())) / seconds, 1),
        "events_per_second": round(load.size * len(latencies.get(200, ())) / seconds),
        "p50_ms": round(float(np.percentile(taken, 50)), 3),
        "p99_ms": round(float(np.percentile(taken, 99)), 3),
        "max_ms": round(float(taken.max()), 3),
        "statuses": {str(status): len(each) for status, each in sorted(latencies.items())},
    }
    refused = np.array(latencies.get(429, ())) * 1e3
    if len(refused):
        found["refused_p50_ms"] = round(float(np.percentile(refused, 50)), 3)
        found["refused_p99_ms"] = round(float(np.percentile(refused, 99)), 3)
        found["refused_max_ms"] = round(float(refused.max()), 3)
        lag = np.array(lags[429]) * 1e3
        found["refused_lag_p99_ms"] = round(float(np.percentile(lag, 99)), 3)
        found["refused_since_sent_p99_ms"] = round(float(np.percentile(refused - lag, 99)), 3)
    return found


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(Sender(Load(**json.loads(sys.argv[1]))).run())))
