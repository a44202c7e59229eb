"""A million devices with a reading a minute each: does the endpoint keep up, and in how much memory?

``python -m tests.benchmarks.million_devices [minutes] [devices]`` prints a JSON line for the whole and, as
an error, one for each minute. Readings of four metrics come in lists of 1,000, evenly over the minute: 16,667
a second. The endpoint keeps windows of 1m and 5m in steps of 10 s and predicts, with journal, archive,
snapshots, labeled batches and every check. Each list is due at its moment whether or not those before it were
answered: ``lag_s`` is how far the sender was behind at the end of the minute. Memory is that of the endpoint,
of the process that writes its snapshot, and of Valkey; a page that they share counts once. That of the whole
is the most that was seen.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import uvloop

from tests.benchmarks.load import host, serving
from tests.benchmarks.own_endpoint import own_endpoint
from tests.benchmarks.restart import INPUTS, METRICS, schema

LIST, MINUTE, CONNECTIONS = 1000, 60.0, 4
_LOOK_SECONDS = 1.0
_VALUES = 4096


class Memory(threading.Thread):
    """Looks, every second, at how much memory some processes and their children take.

    :param processes: their ids by name.
    """

    def __init__(self, processes: dict[str, int]) -> None:
        super().__init__(daemon=True)
        self._processes = {name: psutil.Process(number) for name, number in processes.items()}
        self._over = threading.Event()
        self.now: dict[str, float] = {}
        self.most: dict[str, float] = {}

    def run(self) -> None:
        while not self._over.wait(_LOOK_SECONDS):
            self.look()

    def look(self) -> None:
        """Note what they take now, in GB."""
        found = {}
        for name, process in self._processes.items():
            every = [process, *process.children(recursive=True)]
            found[name] = sum(_proportional(each) for each in every) / 1e9
        found["all"] = sum(found.values())
        self.now = {name: round(value, 3) for name, value in found.items()}
        self.most = {name: max(value, self.most.get(name, 0.0)) for name, value in self.now.items()}

    def end(self) -> None:
        """Look no more."""
        self._over.set()
        self.join()


def _proportional(process: psutil.Process) -> int:
    """Bytes of a process, pages that it shares divided by those that share them; 0 if it has ended."""
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0


class Bodies:
    """The lists, in order: every device once a minute, each list with its own moment.

    :param devices: how many.
    :param begin: time of the first list, epoch seconds.
    """

    def __init__(self, devices: int, begin: float) -> None:
        generator = np.random.default_rng(1)
        rows = generator.uniform(0, 100, (_VALUES, len(METRICS))).round(2).tolist()
        self._values = [
            ", ".join(f'"{name}": {value}' for name, value in zip(METRICS, row, strict=True)) for row in rows
        ]
        self.lists = max(1, devices // LIST)
        self._size, self._begin = devices // self.lists, begin

    def request(self, number: int) -> bytes:
        """One of the lists, as it goes over the wire."""
        minute, part = divmod(number, self.lists)
        at = self._begin + MINUTE * minute + MINUTE * part / self.lists
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at % 1 * 1000):03}Z"
        first, shift = part * self._size, 977 * minute
        body = ", ".join(
            f'{{"device": "dev-{device}", "timestamp": "{stamp}", '
            f"{self._values[(device + shift) % _VALUES]}}}"
            for device in range(first, first + self._size)
        )
        head = "POST /telemetry HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        return f"{head}Content-Length: {len(body) + 2}\r\n\r\n[{body}]".encode()


async def _answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> int:
    """Status of the answer to a request."""
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    await reader.readexactly(int(head.partition(b"content-length: ")[2].split(b"\r\n", 1)[0]))
    return int(head[9:12])


class Sender:
    """Sends the lists of one minute after the other, each at its moment.

    :param port: of the endpoint.
    :param bodies: what to send.
    """

    def __init__(self, port: int, bodies: Bodies) -> None:
        self._port, self._bodies = port, bodies
        self._next = 0
        self.began = 0.0

    async def minute(self, seconds: float) -> dict[str, Any]:
        """Send every device's reading once.

        :param seconds: that it is to take.
        """
        count, begin = self._bodies.lists, time.perf_counter()
        self.began = self.began or begin
        due = iter(
            [(place, self.began + seconds * place / count) for place in range(self._next, self._next + count)]
        )
        latencies: list[float] = []
        statuses: dict[int, int] = {}

        async def connection() -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            for number, moment in due:
                request = self._bodies.request(number)
                await asyncio.sleep(max(0.0, moment - time.perf_counter()))
                status = await _answered(reader, writer, request)
                latencies.append(time.perf_counter() - moment)
                statuses[status] = statuses.get(status, 0) + 1
            writer.close()

        await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
        self._next += count
        end = time.perf_counter()
        p50, p99 = np.percentile(np.array(latencies) * 1000, [50, 99])
        return {
            "readings_per_second": round(count * LIST / max(end - begin, 1e-9)),
            "lag_s": round(max(0.0, end - self.began - seconds * self._next / count), 2),
            "p50_ms": round(float(p50), 1),
            "p99_ms": round(float(p99), 1),
            "max_ms": round(1000 * max(latencies), 1),
            "statuses": statuses,
        }


@contextlib.contextmanager
def endpoint(devices: int, minutes: int) -> Iterator[tuple[int, Memory]]:
    """An endpoint with its store; gives its port, and who looks at the memory of both."""
    with own_endpoint(schema(), INPUTS) as own:
        document = serving(own, ledger_max_size=max(2_000_000, 2 * devices * minutes))
        with host(document, own.folder) as (port, process):
            memory = Memory({"endpoint": process, "valkey": valkey_process(own.stack.home)})
            memory.start()
            try:
                yield port, memory
            finally:
                memory.end()


def valkey_process(home: Path) -> int:
    """Process id of the Valkey server of a folder."""
    return next(
        process.pid
        for process in psutil.process_iter(["cmdline", "name"])
        if "valkey" in (process.info["name"] or "")
        and any(str(home) in part for part in process.info["cmdline"] or ())
    )


def measure(minutes: int, devices: int = 1_000_000, seconds: float = MINUTE) -> Iterator[dict[str, Any]]:
    """Figures of each minute, then those of the whole.

    :param devices: of which each sends once a minute; whole lists of them.
    :param seconds: that a minute is to take.
    """
    begin = time.time() - MINUTE * minutes
    with endpoint(devices, minutes) as (port, memory):
        sender, lines = Sender(port, Bodies(devices, begin)), []
        for minute in range(1, minutes + 1):
            used = psutil.Process(memory._processes["endpoint"].pid).cpu_times()
            line = uvloop.run(sender.minute(seconds))
            after = psutil.Process(memory._processes["endpoint"].pid).cpu_times()
            memory.look()
            spent = after.user + after.system - used.user - used.system
            line = {
                "minute": minute,
                **line,
                "processor_us": round(1e6 * spent / devices, 2),
                "gb": memory.now,
            }
            lines.append(line)
            yield {"benchmark": "million_devices", "devices": devices, **line}
    yield {
        "benchmark": "million_devices",
        "devices": devices,
        "minutes": minutes,
        "lag_s": lines[-1]["lag_s"],
        "p50_ms": float(np.median([line["p50_ms"] for line in lines])),
        "p99_ms": max(line["p99_ms"] for line in lines),
        "refused": sum(
            count for line in lines for status, count in line["statuses"].items() if status != 200
        ),
        "processor_us": lines[-1]["processor_us"],
        **{f"{name}_gb": most for name, most in memory.most.items()},
    }


if __name__ == "__main__":
    for figures in measure(
        int(sys.argv[1]) if len(sys.argv) > 1 else 10, int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    ):  # A table has the whole alone.
        print(json.dumps(figures), flush=True, file=sys.stderr if "minute" in figures else sys.stdout)
