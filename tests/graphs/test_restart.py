"""A serving process that is killed and started again goes on as if nothing had happened."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from drift.detectors.ddm import DDM
from drift.detectors.page_hinkley import PageHinkley
from drift.monitor import DriftMonitor
from drift.performance import Performance
from drift.performance_watch import BasePerformance
from drift.recalibration import Recalibration
from feature_sets.model_package.schema import SCHEMA_FILE
from feature_sets.telemetry.schema import TelemetrySchema
from tests.graphs.conftest import INPUTS, Client, event, label, make_client, write_package

DETECTORS = DriftMonitor([DDM(), PageHinkley()], cool_down=5).to_dict()
BASE = BasePerformance(Performance(900, 90.0, 0.9, 0.8, 0.7, 0.7, 0.7), Recalibration()).to_dict()


SWAPS = {
    35: [("v5", "champion", 0.0)],
    60: [("v3", "champion", 0.0), ("v5", "canary", 0.5), ("v7", "shadow", 0.0)],
    90: [("v7", "champion", 0.0), ("v3", "shadow", 0.0)],
}
"""Steps after which another routing is in force."""


@pytest.fixture(scope="session")
def packages(schema: TelemetrySchema, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Packages by version; v7 takes other inputs than the others."""
    found = {}
    for seed, inputs in ((3, INPUTS), (5, INPUTS), (7, INPUTS[1:4])):
        found[f"v{seed}"] = write_package(tmp_path_factory.mktemp(f"v{seed}"), schema, seed, inputs)
    return found


@pytest.fixture
def package(packages: dict[str, Path]) -> Path:
    return packages["v3"]


def routing(package: Path, versions: list[tuple[str, str, float]]) -> dict[str, Any]:
    """Body of a change; the packages of the versions lie beside each other."""
    found = []
    for version, role, share in versions:
        folder = next(package.parent.glob(f"{version}*"))
        digest = hashlib.sha256((folder / SCHEMA_FILE).read_bytes()).hexdigest()
        told = {"version": version, "role": role, "model_path": str(folder), "sha256": digest}
        found.append({**told, **({"share": share} if share else {})})
    return {"routing": {"versions": found}, "who": "kim", "why": "a test"}


def exchange(client: Client, package: Path, method: str, path: str, body: Any) -> tuple[int, Any]:
    """Status and answer of a request; a change of the routing is waited for, and told by what it is then."""
    if path != "/routing":
        answer = client.send(method, path, body)
        return answer.status, answer.json
    asked = client.send(method, path, routing(package, body))
    deadline = time.monotonic() + 30
    while client.get("/routing").json["pending"] is not None:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    told = client.get("/routing").json
    return asked.status, [(each["version"], each["role"], each.get("devices")) for each in told["versions"]]


def conversation(seed: int = 11, steps: int = 120) -> list[tuple[str, str, Any]]:
    """Requests of a small network: in order, late, repeated, with labels before and after, and swaps."""
    generator = random.Random(seed)
    requests: list[tuple[str, str, Any]] = [("POST", "/telemetry", [event("a/1", -10), event("a/2", -10)])]
    for step in range(steps):
        seconds = 10.0 * step
        events = [
            event(
                device, seconds, cpu=generator.choice([generator.uniform(0, 100), None]), latency=20.0 + step
            )
            for device in ("a/1", "a/2")
        ]
        if generator.random() < 0.2:
            events.append(event("a/1", seconds - 45, cpu=3))
        if generator.random() < 0.2:
            events.append(events[0])
        requests.append(("POST", "/telemetry", events))
        labels = [
            label(device, seconds + generator.choice([-20, 0, 10]), step % 2) for device in ("a/1", "a/2")
        ]
        requests.append(("POST", "/labels", labels if generator.random() < 0.7 else labels[0]))
        if step in SWAPS:
            requests.append(("PUT", "/routing", SWAPS[step]))
        if step in (20, 64):
            requests.append(("PUT", "/drift/detectors", DETECTORS))
            requests.append(("PUT", "/drift/performance", BASE))
    return requests


def graph(package: Path, redis_url: str, key: str, directory: Path) -> Client:
    return make_client(
        package,
        redis_url=redis_url,
        journal_key=key,
        labeled_directory=str(directory),
        label_deadline_seconds=300,
        snapshot_directory=str(directory.parent / f"{directory.name}-snapshots"),
        snapshot_events=20,
        snapshot_seconds=0.1,
        batch_rows=16,
        batch_seconds=3600,
    )


def pairs(directory: Path) -> pd.DataFrame:
    frame = pd.concat([pd.read_parquet(file) for file in sorted(directory.glob("*.parquet"))])
    frame["shadows"] = (
        frame["shadows"].astype(str).replace("None", "nan")
    )  # Which file it is in says no more.
    return frame.drop(columns=["predicted_at", "labeled_at"]).reset_index(drop=True)


def flush(client: Client) -> None:
    client.shut_down()


def test_a_restarted_graph_answers_like_one_that_never_stopped(
    package: Path, redis_url: str, tmp_path: Path
) -> None:
    steady = graph(package, redis_url, "steady", tmp_path / "steady")
    restarted = graph(package, redis_url, "restarted", tmp_path / "restarted")
    for number, (method, path, body) in enumerate(conversation()):
        if number in (60, 61, 150):
            flush(restarted)  # what is in files by now must not be written again
        if number in (25, 61, 100, 155, 156):
            restarted = graph(package, redis_url, "restarted", tmp_path / "restarted")
        expected = exchange(steady, package, method, path, body)
        assert exchange(restarted, package, method, path, body) == expected, f"request {number} to {path}"
    assert restarted.get("/drift").json == steady.get("/drift").json
    counts = (
        "waiting",
        "waiting_for_prediction",
        "joined",
        "expired",
        "expired_labels",
        "late_labels",
        "late_by_seconds",
        "conflicting",
        "remembered",
    )
    ours, theirs = restarted.get("/labeled").json, steady.get("/labeled").json
    assert {key: ours[key] for key in counts} == {key: theirs[key] for key in counts}
    assert theirs["joined"] > 100 and theirs["expired"] > 10 and theirs["conflicting"] > 0
    flush(steady)
    flush(restarted)
    pd.testing.assert_frame_equal(pairs(tmp_path / "restarted"), pairs(tmp_path / "steady"))


def test_events_of_devices_that_are_known_no_more_do_not_stop_a_start(package: Path, redis_url: str) -> None:
    client = make_client(package, redis_url=redis_url, journal_key="retired")
    client.post("/telemetry", [event("a/1"), event("a/2")])
    fewer = {"a/1": {"model_x": 1.0, "model_y": 0.0}}
    client = make_client(package, redis_url=redis_url, journal_key="retired", devices=fewer)
    assert client.post("/telemetry", event("a/1")).json["status"] == "duplicate"
    assert client.post("/telemetry", event("a/2")).status == 422


def converse_and_be_killed(
    package: Path, redis_url: str, directory: Path, first: int, last: int, answers: Path
) -> None:
    """Body of a process that dies, without any last words, when it has answered a request."""
    client = graph(package, redis_url, "killed", directory)
    with answers.open("a") as file:
        for method, path, body in conversation()[first : last + 1]:
            print(json.dumps(exchange(client, package, method, path, body)[1]), file=file, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


def test_after_every_kill_9_no_answered_event_and_no_pair_is_lost(
    package: Path, redis_url: str, tmp_path: Path
) -> None:
    kills = [30, 31, 76, 130, 190]
    for first, last in zip([0, *(kill + 1 for kill in kills)], kills, strict=False):
        # Forked, for a new interpreter would spend most of the test importing MLRun.
        process = multiprocessing.get_context("fork").Process(
            target=converse_and_be_killed,
            args=(package, redis_url, tmp_path / "killed", first, last, tmp_path / "answers"),
        )
        process.start()
        try:
            process.join(120)
        finally:
            process.kill()
            process.join()
        assert process.exitcode == -signal.SIGKILL
    answers = [json.loads(line) for line in (tmp_path / "answers").read_text().splitlines()]
    assert len(answers) == kills[-1] + 1
    assert list((tmp_path / "killed-snapshots").glob("*.npz")), "some began from a snapshot"
    steady = graph(package, redis_url, "unkilled", tmp_path / "steady")
    started_again = graph(package, redis_url, "killed", tmp_path / "killed")
    for number, (method, path, body) in enumerate(conversation()):
        expected = json.loads(json.dumps(exchange(steady, package, method, path, body)[1]))
        if number <= kills[-1]:
            got = answers[number]
        else:
            got = json.loads(json.dumps(exchange(started_again, package, method, path, body)[1]))
        assert got == expected, f"request {number} to {path}"
    assert started_again.get("/drift").json == steady.get("/drift").json
    flush(steady)
    flush(started_again)
    pd.testing.assert_frame_equal(pairs(tmp_path / "killed"), pairs(tmp_path / "steady"))


def test_two_processes_on_one_journal_answer_like_one(package: Path, redis_url: str, tmp_path: Path) -> None:
    """While a function is deployed anew, connections reach the old process and the new one in turn."""
    steady = graph(package, redis_url, "single", tmp_path / "single")
    old = graph(package, redis_url, "double", tmp_path / "double")
    new = old
    generator = random.Random(5)
    for number, (method, path, body) in enumerate(conversation()):
        if number == 40:
            new = graph(package, redis_url, "double", tmp_path / "double")
        if number == 45:
            flush(old)
        if number == 100:
            flush(old)
            old = new
        got = exchange(generator.choice([old, new]), package, method, path, body)
        expected = exchange(steady, package, method, path, body)
        if not path.startswith("/drift/"):
            assert got == expected, f"request {number} to {path}"
    flush(new)
    flush(steady)
    pd.testing.assert_frame_equal(pairs(tmp_path / "double"), pairs(tmp_path / "single"))
    assert new.get("/labeled").json["joined"] == steady.get("/labeled").json["joined"]
