"""Whether a served endpoint stays the same size: memory, files and sockets under steady traffic, labels late.

``netops run --keep`` first, then ``python -m tests.benchmarks.soak URL [--minutes 20] [--rate 200]``. Single
events of the devices that the endpoint knows are sent at a steady rate, each with the time of its sending.
The label of each follows one to ten minutes later. Prints a JSON line a minute, and a last one: what was
answered, and how much each size grew a minute over the second half.
"""

from __future__ import annotations

import argparse
import heapq
import http.client
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np
import psutil

from graphs.protocol.roles import Role
from project.settings import Settings

SIZES = ("rss_mb", "files", "sockets", "threads", "folder_mb")
EARLIEST, LATEST = 60.0, 600.0
"""Seconds after which a label is told."""


class Due(NamedTuple):
    """A label, and when it is told."""

    at: float
    device: str
    time: float


class Endpoint:
    """One connection to an endpoint, and its process.

    :param headers: that every request has, such as its token.
    """

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        parts = urlsplit(url)
        if parts.hostname is None or parts.port is None:
            raise ValueError(f"the address of an endpoint must have a host and a port, not {url!r}")
        self._headers = {"Content-Type": "application/json", **headers}
        self._line = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
        self.process = next(
            psutil.Process(found.pid)
            for found in psutil.net_connections("tcp4")
            if found.status == psutil.CONN_LISTEN and found.laddr.port == parts.port and found.pid
        )

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and content of an answer."""
        content = None if body is None else json.dumps(body)
        self._line.request(method, path, content, self._headers)
        answer = self._line.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if path != "/metrics" else text.decode()

    def sizes(self, folder: Path | None) -> dict[str, float]:
        """How large the process is, and what it keeps in a folder."""
        with self.process.oneshot():
            found: dict[str, float] = {
                "rss_mb": round(self.process.memory_info().rss / 2**20, 1),
                "files": self.process.num_fds(),
                "sockets": len(self.process.net_connections()),
                "threads": self.process.num_threads(),
            }
        if folder is not None:
            kept = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
            found["folder_mb"] = round(kept / 2**20, 1)
        return found


def events(devices: list[str], metrics: list[str], seed: int) -> Iterator[tuple[str, dict[str, float]]]:
    """Device and values of reading after reading, device after device."""
    generator = np.random.default_rng(seed)
    while True:
        for device in devices:
            values = generator.gamma(4.0, 10.0, len(metrics)).round(2).tolist()
            yield device, dict(zip(metrics, values, strict=True))


def soak(
    endpoint: Endpoint, metrics: list[str], minutes: float, rate: float, folder: Path | None, seed: int = 0
) -> Iterator[dict[str, Any]]:
    """A line a minute, and the last one.

    :param metrics: of the endpoint's schema.
    :param rate: events a second.
    :param folder: whose size is told; None for none.
    :raises RuntimeError: if an event or a label is not accepted.
    """
    label = endpoint.ask("GET", "/")[1]["label"]
    devices = [found["device"] for found in endpoint.ask("GET", "/devices")[1]["devices"]]
    delays = np.random.default_rng(seed + 1)
    due: list[Due] = []
    waits: list[float] = []
    lines: list[dict[str, Any]] = []
    stream = events(devices, metrics, seed)
    start = time.monotonic()
    sent = told = 0
    while (elapsed := time.monotonic() - start) < minutes * 60.0:
        if elapsed < sent / rate:
            time.sleep(sent / rate - elapsed)
        device, values = next(stream)
        now = time.time()
        begin = time.perf_counter()
        status, answer = endpoint.ask("POST", "/telemetry", {"device": device, "timestamp": now, **values})
        waits.append(time.perf_counter() - begin)
        if status != 200:
            raise RuntimeError(f"an event was answered {status}: {answer}")
        sent += 1
        heapq.heappush(due, Due(now + delays.uniform(EARLIEST, LATEST), device, now))
        if sent % int(rate) == 0:
            told += _tell(endpoint, due, label)
        if elapsed >= 60.0 * (len(lines) + 1):
            lines.append(
                {
                    "benchmark": "soak",
                    "minute": len(lines) + 1,
                    "events": sent,
                    "labels": told,
                    "p50_ms": round(1000.0 * float(np.quantile(waits, 0.5)), 2),
                    "p99_ms": round(1000.0 * float(np.quantile(waits, 0.99)), 2),
                    **endpoint.sizes(folder),
                }
            )
            waits.clear()
            yield lines[-1]
    yield {"benchmark": "soak", "minutes": minutes, "events": sent, "labels": told, **growth(lines)}


def _tell(endpoint: Endpoint, due: list[Due], label: str) -> int:
    """Send the labels that are due by now; how many there were."""
    body = []
    while due and due[0].at <= time.time():
        found = heapq.heappop(due)
        body.append({"device": found.device, "timestamp": found.time, label: 0})
    if body:
        status, answer = endpoint.ask("POST", "/labels", body)
        if status != 200:
            raise RuntimeError(f"labels were answered {status}: {answer}")
    return len(body)


def growth(lines: list[dict[str, Any]]) -> dict[str, float]:
    """By how much each size grew a minute, over the second half of the lines."""
    half = lines[len(lines) // 2 :]
    if len(half) < 2:
        return {}
    minutes = [line["minute"] for line in half]
    return {
        f"{size}_a_minute": round(float(np.polyfit(minutes, [line[size] for line in half], 1)[0]), 3)
        for size in SIZES
        if size in half[0]
    }


def main() -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--metrics", default="cpu_utilization,latency,packet_loss,throughput")
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    endpoint = Endpoint(given.url, Settings.from_environment().bearer(Role.WRITE))
    for line in soak(endpoint, given.metrics.split(","), given.minutes, given.rate, given.folder):
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
