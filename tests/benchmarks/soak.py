"""Whether a served endpoint stays the same size: memory, files and sockets under steady traffic, labels late.

``python -m tests.benchmarks.soak [--minutes 25] [--rate 200]`` deploys an endpoint of its own, whose deadline
of labels is twelve minutes: each prediction is remembered so long, so its memory can be flat only after that.
With the address of an endpoint, such as that of ``netops run --keep``, it is that one, and ``--deadline``
must say its own.

A short one: ``--minutes 8 --labels 20 60 --deadline 90``.

Single events are sent at a steady rate, each with the time of its sending. The label of each follows one to
ten minutes later, or as ``--labels`` says in seconds. Prints a JSON line a minute, and a last one: what was
answered and how fast, how much each size grew a minute after the deadline and in the second half, which are
flat, and whether every label was joined. The folder grows: it has the labeled pairs and the archive.
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
from tests.benchmarks.own_endpoint import own_endpoint
from tests.benchmarks.restart import INPUTS, METRICS, schema
from tests.benchmarks.restart_process import deploy_function

SIZES = ("rss_mb", "files", "sockets", "threads", "folder_mb")
EARLIEST, LATEST = 60.0, 600.0
"""Seconds after which a label is told."""
DEADLINE = 720.0
"""Of labels, seconds: two minutes after the last one."""
DEVICES = 100
"""Of the endpoint that is deployed here."""
_FLAT_A_MINUTE = 0.002
"""Share of a size by which it may grow a minute and still be called flat: about a tenth in an hour."""
_SETTLING = 1.0
"""Minutes after the deadline until sizes count: names are forgotten in parts, snapshots come and go."""


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
    endpoint: Endpoint,
    devices: list[str],
    metrics: list[str],
    minutes: float,
    rate: float,
    folder: Path | None,
    seed: int = 0,
    deadline: float = DEADLINE,
    late: tuple[float, float] = (EARLIEST, LATEST),
) -> Iterator[dict[str, Any]]:
    """A line a minute, and the last one.

    :param devices: that send.
    :param metrics: of the endpoint's schema.
    :param rate: events a second.
    :param folder: whose size is told; None for none.
    :param deadline: of the endpoint's labels, seconds.
    :param late: seconds after which a label is told, from and to.
    :raises RuntimeError: if an event or a label is not accepted, or a label meets no prediction.
    """
    label = endpoint.ask("GET", "/")[1]["label"]
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
        heapq.heappush(due, Due(now + delays.uniform(*late), device, now))
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
    labeled = endpoint.ask("GET", "/labeled")[1]
    counts = {name: labeled[name] for name in ("joined", "waiting", "expired", "remembered")}
    grown = growth(lines, max(deadline / 60.0 + _SETTLING, minutes / 2.0))
    yield {
        **{"benchmark": "soak", "minutes": minutes, "events": sent, "labels": told, **counts},
        "events_a_second": round(sent / (60.0 * minutes), 1),
        **grown,
        **verdict(lines, grown),
    }


def _tell(endpoint: Endpoint, due: list[Due], label: str) -> int:
    """Send the labels that are due by now; how many there were."""
    body = []
    while due and due[0].at <= time.time():
        found = heapq.heappop(due)
        body.append({"device": found.device, "timestamp": found.time, label: 0})
    if body:
        status, answer = endpoint.ask("POST", "/labels", body)
        if status != 200 or {one["status"] for one in answer} != {"joined"}:
            raise RuntimeError(f"labels were answered {status}: {answer}")
    return len(body)


def growth(lines: list[dict[str, Any]], since: float) -> dict[str, float]:
    """By how much each size grew a minute, over the lines from a minute on; nothing of fewer than two."""
    after = [line for line in lines if line["minute"] >= since]
    if len(after) < 2:
        return {}
    minutes = [line["minute"] for line in after]
    return {
        f"{size}_a_minute": round(float(np.polyfit(minutes, [line[size] for line in after], 1)[0]), 3)
        for size in SIZES
        if size in after[0]
    }


def verdict(lines: list[dict[str, Any]], grown: Mapping[str, float]) -> dict[str, list[str]]:
    """Which sizes are flat, and which grow; nothing without ``growth``.

    :param grown: what that gave of the lines.
    """
    sizes = [size for size in SIZES if f"{size}_a_minute" in grown]
    flat = [size for size in sizes if grown[f"{size}_a_minute"] <= _FLAT_A_MINUTE * lines[-1][size]]
    return {"flat": flat, "grows": [size for size in sizes if size not in flat]} if sizes else {}


def main() -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?")
    parser.add_argument("--metrics", default="cpu_utilization,latency,packet_loss,throughput")
    parser.add_argument("--minutes", type=float, default=25.0)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--deadline", type=float, default=DEADLINE, help="of labels, seconds")
    parser.add_argument("--labels", type=float, nargs=2, default=(EARLIEST, LATEST), help="after, seconds")
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    late = tuple(given.labels)
    if not 0.0 <= late[0] <= late[1] < given.deadline:
        parser.error("--labels must be two numbers in order, below --deadline")
    if given.url is None:
        _soak_own(given.minutes, given.rate, given.deadline, late)
        return
    endpoint = Endpoint(given.url, Settings.from_environment().bearer(Role.WRITE))
    devices = [found["device"] for found in endpoint.ask("GET", "/devices")[1]["devices"]]
    metrics = given.metrics.split(",")
    how = (given.minutes, given.rate, given.folder)
    _print(soak(endpoint, devices, metrics, *how, deadline=given.deadline, late=late))


def _soak_own(minutes: float, rate: float, deadline: float, late: tuple[float, float]) -> None:
    """Deploy an endpoint, soak it, and end it."""
    with own_endpoint(schema(), INPUTS) as own:
        found = deploy_function(own.stack, own.folder, {}, label_deadline_seconds=deadline)
        devices = [f"dev-{number}" for number in range(DEVICES)]
        endpoint = Endpoint(found.url, {})
        _print(
            soak(endpoint, devices, list(METRICS), minutes, rate, own.folder, deadline=deadline, late=late)
        )


def _print(lines: Iterator[dict[str, Any]]) -> None:
    for line in lines:
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
