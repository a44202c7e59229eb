"""A kill of a deployed endpoint, without anybody typing anything.

``python -m tests.benchmarks.restart_process [devices] [predictions]``: the local control plane runs a serving
graph that takes events of many devices, none with a label yet. Its process is ended with -9. Printed are the
processor time and the time until the same address answers with everything. Then a label is sent for every
event: all must join, and the counters must say of both lives together what was sent.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import psutil

from project.local.stack import DeployedFunction, Stack
from tests.benchmarks.own_endpoint import own_endpoint
from tests.benchmarks.restart import INPUTS, events, labels, schema

PROJECT, NAME = "restart", "serving"


def deploy(stack: Stack, folder: Path) -> DeployedFunction:
    """Deploy the graph with a deadline that nothing passes."""
    return deploy_function(stack, folder, {}, label_deadline_seconds=86_400)


def deploy_function(
    stack: Stack, folder: Path, variables: dict[str, str], **settings: Any
) -> DeployedFunction:
    """Deploy a graph with a journal as MLRun's client does, and wait until it is ready.

    :param folder: has the model, and what the graph writes.
    :param variables: of the function's environment.
    :param settings: of the graph beside those.
    """
    info = stack.up()
    os.environ["MLRUN_DBPATH"] = info.mlrun_dbpath  # Before MLRun is imported.
    import mlrun

    from graphs.serving_graph import build_serving_graph

    api = f"{info.mlrun_dbpath}/api/v1/projects"
    httpx.post(api, json={"metadata": {"name": PROJECT}})
    function = mlrun.new_function(NAME, kind="serving", image="mlrun/mlrun", project=PROJECT)
    build_serving_graph(
        function,
        model_path=str(folder / "model"),
        redis_url=info.redis_url,
        labeled_directory=str(folder / "labeled"),
        archive_directory=str(folder / "accepted"),
        snapshot_directory=str(folder / "snapshots"),
        **settings,
    )
    for name, value in variables.items():
        function.set_env(name, value)
    url = f"{api}/{PROJECT}/nuclio/{NAME}/deploy"
    httpx.post(url, json={"function": function.to_dict()}, timeout=60).raise_for_status()
    return ready(stack, 0)


def deployed(stack: Stack) -> DeployedFunction:
    """The endpoint as it is now."""
    return next(each for each in stack.deployments() if each.name == NAME)


def ready(stack: Stack, restarts: int) -> DeployedFunction:
    """The endpoint when it is ready after so many restarts."""
    while True:
        found = deployed(stack)
        if found.restarts == restarts and found.state in ("ready", "error"):
            assert found.state == "ready", found.reason
            return found
        time.sleep(0.02)


def waiting(stack: Stack, answering: int) -> psutil.Process:
    """The process that waits beside the one that answers, when it has imported everything."""
    plane = psutil.Process(stack.up().api_pid)
    while True:
        for process in plane.children():
            if process.pid != answering and "--standby" in process.cmdline():
                used = sum(process.cpu_times()[:2])
                time.sleep(2.0)
                if used > 1.0 and sum(process.cpu_times()[:2]) == used:
                    return process
        time.sleep(0.5)


def post(client: httpx.Client, path: str, body: Any) -> Any:
    """Answer of the endpoint."""
    answer = client.post(path, content=json.dumps(body), timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def counts(client: httpx.Client) -> dict[str, float]:
    """Counters that go on over a kill: events, labels and pairs."""
    found: dict[str, float] = {}
    for line in client.get("/metrics").text.splitlines():
        name = line.partition("{")[0].partition(" ")[0]
        if name in ("netops_events_total", "netops_labels_total", "netops_labeled_pairs_total"):
            found[name] = found.get(name, 0.0) + float(line.split()[-1])
    return found


def main(devices: int = 10_000, predictions: int = 500_000) -> None:
    """Print what a kill costs."""
    with own_endpoint(schema(), INPUTS) as own:
        stack, folder = own.stack, own.folder
        first = deploy(stack, folder)
        with httpx.Client(base_url=first.url) as client:
            begin = time.perf_counter()
            for body in events(devices, predictions):
                post(client, "/telemetry", body)
            rate = predictions / (time.perf_counter() - begin)
            time.sleep(60)  # A snapshot of all is due and written meanwhile.
            client.get("/metrics")
            time.sleep(60)
            client.get("/metrics")
            before, counted = client.get("/labeled").json(), counts(client)
        standby = waiting(stack, first.pid or 0)
        used = sum(standby.cpu_times()[:2])
        assert first.pid is not None
        os.kill(first.pid, signal.SIGKILL)
        begin = time.perf_counter()
        second = ready(stack, 1)
        seconds = time.perf_counter() - begin
        processor = sum(psutil.Process(second.pid).cpu_times()[:2])
        same = second.pid == standby.pid
        with httpx.Client(base_url=second.url) as client:
            after = client.get("/labeled").json()
            assert counts(client) == counted
            joined: dict[str, int] = {}
            for body in labels(devices, 0, predictions):
                for answer in post(client, "/labels", body):
                    joined[answer["status"]] = joined.get(answer["status"], 0) + 1
            end, total = client.get("/labeled").json(), counts(client)
        found = {
            "events_per_second": round(rate),
            "same_address": second.url == first.url,
            "by_the_process_that_waited": same,
            "processor_seconds": round(processor - (used if same else 0.0), 2),
            "processor_seconds_while_it_waited": round(used, 2),
            "seconds": round(seconds, 1),
            "remembered": (before["remembered"], after["remembered"]),
            "labels": joined,
            "counted": total,
            "last_exit": second.last_exit,
        }
        print(json.dumps(found), flush=True)
        assert joined == {"joined": predictions} and end["joined"] == predictions
        assert after["remembered"] == before["remembered"] == predictions
        names = ("netops_events_total", "netops_labels_total", "netops_labeled_pairs_total")
        assert total == dict.fromkeys(names, float(predictions))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
