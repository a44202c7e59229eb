"""Events a second over HTTP, and how long an answer takes, beside a bare JSON echo on the same HTTP server.

``python -m tests.benchmarks.load [seconds]`` prints a JSON line for each load: single events at 300 a second
from an open loop, single events on 1, 16 and 64 connections that send as soon as they are answered, and lists
of 500. ``python -m tests.benchmarks.load SECONDS overload`` sends lists of 100 at ten times what the endpoint
takes, and ``SECONDS consumers`` runs ``tests.benchmarks.consumers``. The endpoint has its journal, archive,
snapshots, labeled batches and every check. Sender, endpoint, echo and store share the machine; the echo is
measured before and after each load. ``processor_us`` is what a request costs in the process that answers:
that depends least on what else the machine does.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import mlrun
import psutil

from graphs.serving_graph import build_serving_graph
from project.local.http_host.app import READY_PATH
from tests.benchmarks.load_generator import Load
from tests.benchmarks.own_endpoint import OwnEndpoint, own_endpoint
from tests.benchmarks.restart import INPUTS, schema
from tests.conftest import SOURCE_ROOT

ECHO = b"async def handler(context, event):\n    return event.body\n"


def serving(own: OwnEndpoint, **settings: Any) -> dict[str, Any]:
    """Document of the endpoint, with all that keeps what it accepts; its store runs from now on."""
    folder = own.folder
    function = mlrun.new_function("load", kind="serving", image="mlrun/mlrun", project="load")
    build_serving_graph(
        function,
        model_path=str(own.package),
        redis_url=own.store(),
        labeled_directory=str(folder / "labeled"),
        archive_directory=str(folder / "accepted"),
        snapshot_directory=str(folder / "snapshots"),
        **settings,
    )
    document: dict[str, Any] = function.to_dict()
    return document


def echo() -> dict[str, Any]:
    """Document of a function that gives back the JSON that it is sent."""
    source = base64.b64encode(ECHO).decode()
    spec = {"function_handler": "", "build": {"functionSourceCode": source}}
    return {"kind": "nuclio", "metadata": {"name": "echo"}, "spec": spec}


@contextlib.contextmanager
def host(document: dict[str, Any], folder: Path, *options: str) -> Iterator[tuple[int, int]]:
    """A host of a function in a process of its own; gives its port and process id."""
    name = document["metadata"]["name"]
    file, ready = folder / f"{name}.json", folder / f"{name}.ready"
    file.write_text(json.dumps(document))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, *options, "-m", "project.local.http_host", "--function", str(file)]
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--port", str(port), "--ready-file", str(ready)],
            cwd=SOURCE_ROOT,
            stdout=log,
            stderr=log,
        )
    try:
        while not ready.exists():
            if process.poll() is not None:
                raise RuntimeError((folder / f"{name}.log").read_text()[-2000:])
            time.sleep(0.05)
        yield port, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def sent(load: Load) -> dict[str, Any]:
    """What became of a load that another process sends."""
    command = [sys.executable, "-m", "tests.benchmarks.load_generator", json.dumps(asdict(load))]
    done = subprocess.run(command, cwd=SOURCE_ROOT, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@dataclass
class Measured:
    """Sends one load after the other, none of them an event of an earlier one.

    :param endpoint: port and process id.
    :param echo: the same.
    """

    endpoint: tuple[int, int]
    echo: tuple[int, int]
    first: int = field(default=0)

    def beside_echo(self, load: Load) -> dict[str, Any]:
        """Figures of the endpoint, and of the echo before and after it."""
        half = replace(load, seconds=load.seconds / 2)
        before = _costed(self.echo, half)
        found = self.alone(load)
        after = _costed(self.echo, half)
        of_echo = (before["requests_per_second"] + after["requests_per_second"]) / 2
        return {
            "benchmark": "load",
            **found,
            "echo_requests_per_second": round(of_echo, 1),
            "echo_p50_ms": min(before["p50_ms"], after["p50_ms"]),
            "echo_p99_ms": min(before["p99_ms"], after["p99_ms"]),
            "echo_max_ms": max(before["max_ms"], after["max_ms"]),
            "echo_processor_us": min(before["processor_us"], after["processor_us"]),
            "share_of_echo": round(found["requests_per_second"] / of_echo, 3),
        }

    def alone(self, load: Load) -> dict[str, Any]:
        """Figures of the endpoint."""
        found = _costed(self.endpoint, replace(load, first=self.first))
        count = load.size * sum(found["statuses"].values())
        self.first = -(-(self.first + count) // load.devices) * load.devices
        return found


def _costed(server: tuple[int, int], load: Load) -> dict[str, Any]:
    """What became of a load, and processor time of a request."""
    port, process = server[0], psutil.Process(server[1])
    before = process.cpu_times()
    found = sent(replace(load, port=port))
    after = process.cpu_times()
    used = after.user + after.system - before.user - before.system
    return {**found, "processor_us": round(1e6 * used / max(1, sum(found["statuses"].values())), 1)}


def loads(seconds: float) -> list[Load]:
    """Every load that is measured."""
    return [
        Load(0, connections=16, seconds=seconds, rate=300.0),
        *(Load(0, connections=connections, seconds=seconds) for connections in (1, 16, 64)),
        Load(0, connections=2, seconds=seconds, size=500),
    ]


def overload(seconds: float, **settings: Any) -> dict[str, Any]:
    """Lists of 100 at ten times what the endpoint takes: refusals, memory, and how soon it is itself again.

    ``bare_p99_ms`` is of answers at the same rate that the host gives by the head alone, as it gives a
    refusal, with nothing else to do: that is the share of the sender and of the machine. It is measured for a
    quarter of the time before and after, and ``bare_max_ms`` is the longest of both.
    ``refused_lag_p99_ms`` is how late the sender sent what was refused, ``refused_since_sent_p99_ms`` how
    long its answer took from then on. Meanwhile the endpoint ran ``refused_server_ran_p99_ms``, which is its
    own share, and waited ``refused_server_waited_p99_ms`` for one of the cores that it shares.

    :param settings: of the endpoint.
    """
    with endpoint(**settings) as (server, measured):
        process, resident = psutil.Process(server[1]), []
        capacity = measured.alone(Load(0, connections=4, seconds=min(seconds, 5.0), size=100))
        before = process.memory_info().rss
        rate = 10 * capacity["requests_per_second"]
        with ThreadPoolExecutor(1) as beside:
            load = Load(0, connections=2000, seconds=seconds, size=100, rate=rate)
            quarter = replace(load, port=measured.echo[0], seconds=seconds / 4, path=READY_PATH)
            bare = [sent(quarter)]
            sending = beside.submit(measured.alone, replace(load, process=server[1]))
            while not sending.done():
                resident.append(process.memory_info().rss)
                time.sleep(0.1)
        over = sending.result()
        after = measured.alone(Load(0, connections=4, seconds=min(seconds, 5.0), rate=100.0))
        bare.append(sent(quarter))
        return {
            "benchmark": "overload",
            "seconds": seconds,
            "capacity_per_second": capacity["requests_per_second"],
            "offered_per_second": round(rate),
            "answered_per_second": round(sum(over["statuses"].values()) / seconds),
            "statuses": over["statuses"],
            "taken_per_second": over["requests_per_second"],
            **{name: figure for name, figure in over.items() if name.startswith("refused_")},
            **{f"bare_{name}": max(each[name] for each in bare) for name in ("p50_ms", "p99_ms", "max_ms")},
            "resident_mb_before": round(before / 1e6),
            "resident_mb_most": round(max(resident) / 1e6),
            "after_p99_ms": after["p99_ms"],
            "after_max_ms": after["max_ms"],
            "after_statuses": after["statuses"],
        }


@contextlib.contextmanager
def endpoint(**settings: Any) -> Iterator[tuple[tuple[int, int], Measured]]:
    """An endpoint and an echo beside it: port and process id, and what measures them.

    :param settings: of the endpoint.
    """
    with (
        own_endpoint(schema(), INPUTS) as own,
        host(serving(own, **settings), own.folder) as server,
        host(echo(), own.folder) as bare,
    ):
        yield server, Measured(server, bare)


def measure(every: list[Load], **settings: Any) -> Iterator[dict[str, Any]]:
    """Figures of loads, all of one endpoint.

    :param settings: of the endpoint.
    """
    with endpoint(**settings) as (_, measured):
        for load in every:
            yield measured.beside_echo(load)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    if sys.argv[2:] == ["overload"]:
        print(json.dumps(overload(seconds)))
    elif sys.argv[2:] == ["consumers"]:
        from tests.benchmarks.consumers import consumers  # It imports this module.

        print(json.dumps(consumers(seconds)))
    else:
        chosen = loads(seconds)
        for line in measure([chosen[int(place)] for place in sys.argv[2:]] or chosen):
            print(json.dumps(line), flush=True)
