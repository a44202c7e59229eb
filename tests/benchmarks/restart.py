"""How long a serving process takes to come back.

``python -m tests.benchmarks.restart [devices] [predictions]``: a process takes events of many devices, most
of which wait for their label. It is ended with -9, and another one starts on its journal and snapshots. It
prints the processor time of the start without imports, what is joined afterwards, and the latency of single
events with and without snapshots in one run.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from feature_sets.telemetry.schema import TelemetrySchema
from tests.benchmarks.own_endpoint import own_endpoint
from tests.graphs.conftest import START, Client, make_client

METRICS = ("cpu", "latency", "loss", "load")
INPUTS = ("cpu", "cpu_avg_1m", "latency", "latency_avg_5m", "loss_stddev_1m", "load_avg_5m")
LIST = 500
TAIL = 5000


def schema() -> TelemetrySchema:
    """Four metrics, two windows, no label before an hour is over."""
    return TelemetrySchema.from_dict(
        {
            "name": "restart",
            "entity": ["device"],
            "time": "timestamp",
            "metrics": {name: {} for name in METRICS},
            "label": "is_error",
            "windows": {"lengths": ["1m", "5m"], "period": "10s", "operations": ["avg", "stddev"]},
        }
    )


def events(devices: int, count: int) -> Iterator[list[dict[str, Any]]]:
    """Lists of readings: each device once a minute."""
    generator = np.random.default_rng(1)
    for first in range(0, count, LIST):
        values = generator.uniform(0, 100, (LIST, len(METRICS))).tolist()
        yield [
            {
                "device": f"dev-{number % devices}",
                "timestamp": START + 60.0 * (number // devices),
                **dict(zip(METRICS, row, strict=True)),
            }
            for number, row in zip(range(first, first + LIST), values, strict=True)
        ]


def labels(devices: int, first: int, count: int) -> Iterator[list[dict[str, Any]]]:
    """The labels of these events."""
    for begin in range(first, first + count, LIST):
        yield [
            {
                "device": f"dev-{number % devices}",
                "timestamp": START + 60.0 * (number // devices),
                "is_error": number % 2,
            }
            for number in range(begin, begin + LIST)
        ]


def started(package: Path, url: str, folder: Path, **settings: Any) -> Client:
    """A process on the journal, with snapshots."""
    return make_client(
        package,
        devices=None,
        redis_url=url,
        journal_key="restart",
        label_deadline_seconds=86_400,
        labeled_directory=str(folder / "labeled"),
        archive_directory=str(folder / "accepted"),
        **{"snapshot_directory": str(folder / "snapshots"), **settings},
    )


def in_process(work: Callable[[], dict[str, Any]], killed: bool = False) -> dict[str, Any]:
    """Have a child do some work, and give its answer; it may end by -9 when it has answered."""
    ours, theirs = multiprocessing.Pipe()

    def body() -> None:
        theirs.send(work())
        if killed:
            os.kill(os.getpid(), signal.SIGKILL)

    process = multiprocessing.get_context("fork").Process(target=body)
    process.start()
    theirs.close()
    answer: dict[str, Any] = ours.recv()
    process.join()
    return answer


def first_life(
    package: Path, url: str, folder: Path, devices: int, predictions: int, told: int
) -> dict[str, Any]:
    """Take all events, and the first of their labels."""
    client = started(package, url, folder)
    begin = time.perf_counter()
    for body in events(devices, predictions):
        assert client.post("/telemetry", body).status == 200
    seconds = time.perf_counter() - begin
    for body in labels(devices, 0, told):
        assert client.post("/labels", body).status == 200
    # The tail that no snapshot has is what is accepted while one is written, and a little.
    begin = time.perf_counter()
    taker = client.step("respond")._taker
    taker.wait()
    taker.close(client.step("journal")._journal.place)
    taker.wait()
    taking = time.perf_counter() - begin
    for body in labels(devices, told, TAIL):
        assert client.post("/labels", body).status == 200
    return {
        "events_per_second": round(predictions / seconds),
        "snapshot_seconds": round(taking, 1),
        "before": client.get("/labeled").json,
    }


def second_life(
    package: Path, url: str, folder: Path, devices: int, first: int, count: int
) -> dict[str, Any]:
    """Start, answer, and take the labels that are left."""
    begin, wall = time.process_time(), time.perf_counter()
    client = started(package, url, folder)
    answer = client.post("/telemetry", next(events(devices, LIST))[0])
    assert answer.json["status"] == "duplicate" or answer.json["status"] == "too_late", answer.json
    found = {
        "start_processor_seconds": round(time.process_time() - begin, 2),
        "start_seconds": round(time.perf_counter() - wall, 2),
        "restored": client.get("/labeled").json,
    }
    for body in labels(devices, first, count):
        statuses = {one["status"] for one in client.post("/labels", body).json}
        assert statuses == {"joined"}, statuses
    found["after"] = client.get("/labeled").json
    metrics = client.get("/metrics").json.splitlines()
    found["counted"] = sum(
        float(line.split()[-1]) for line in metrics if line.startswith("netops_events_total")
    )
    return found


def latency(package: Path, url: str, folder: Path, devices: int, seconds: float, on: bool) -> dict[str, Any]:
    """Single events on a process with the whole state, with snapshots all the time or without."""
    client = started(package, url, folder, snapshot_seconds=2.0 if on else 1e9, snapshot_events=10**9)
    taken, number, end = [], 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        body = {
            "device": f"dev-{number % devices}",
            "timestamp": START + 10_000 + number / 1000,
            **dict.fromkeys(METRICS, 1.0),
        }
        content = json.dumps(body).encode()
        begin = time.perf_counter()
        client.send("POST", "/telemetry", content)
        taken.append(time.perf_counter() - begin)
        number += 1
        time.sleep(0.003)
    client.step("respond")._taker.wait()
    p50, p99 = (round(1000 * float(np.percentile(taken, at)), 2) for at in (50, 99))
    found = {"events": number, "p50_ms": p50, "p99_ms": p99, "most_ms": round(1000 * max(taken), 1)}
    written = client.get("/metrics").json.count('netops_snapshots_total{outcome="written"}')
    return {**found, "written": bool(written)}


def main(devices: int = 10_000, predictions: int = 500_000, told: int = 10_000) -> None:
    """Print what comes back and what it costs."""
    with own_endpoint(schema(), INPUTS) as own:
        folder, package, url = own.folder, own.package, own.store()
        life = in_process(lambda: first_life(package, url, folder, devices, predictions, told), killed=True)
        print(json.dumps(life), flush=True)
        files = {path.name[:20]: path.stat().st_size for path in (folder / "snapshots").iterdir()}
        print(json.dumps({"snapshots": files}), flush=True)
        more = 0
        for on in (False, True, False, True):
            found = in_process(lambda: latency(package, url, folder, devices, 10.0, on), killed=True)  # noqa: B023
            print(json.dumps({"snapshots": on, **found}), flush=True)
            more += found["events"]
        again = in_process(
            lambda: second_life(package, url, folder, devices, told + TAIL, predictions - told - TAIL)
        )
        print(json.dumps(again), flush=True)
        assert again["after"]["joined"] == predictions
        assert again["counted"] == predictions + more + 1, "counters go on; one event was sent once more"


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
