"""A function that died is started again by the control plane; one that was stopped is not."""

import errno
import os
import sqlite3
from dataclasses import replace

import pytest

from project.disk_errors import write_failure
from project.function_names import RUNNER, SERVING, STAGING
from project.local.api.deployments.live import LiveDeployments
from project.local.api.deployments.records import (
    BUILDING,
    ERROR,
    OFFLINE,
    READY,
    Deployment,
    read_deployment,
    write_deployment,
)
from project.local.api.deployments.revived_functions import ATTEMPTS, RevivedFunctions
from project.local.api.deployments.supervisor import Supervisor
from project.local.api.records.store import Store
from project.local.api.settings import Settings
from project.local.processes import start


class ControlPlane:
    """A function, what was started, and what was given up."""

    def __init__(self, name=SERVING):
        self.found = Deployment("p", name, port=1, state=READY, pid=1)
        self.started, self.left, self.now = [], [], 0.0
        self.disk = ""
        self.revived = RevivedFunctions(self, self, lambda: self.disk, lambda: self.now)

    def all(self):
        return [self.found]

    def revive(self, project, name):
        self.started.append((project, name))

    def prepare(self, deployment):
        pass

    def give_up(self, deployment, attempts, lines):
        self.left.append(attempts)
        self.found = replace(deployment, fallen=0)

    def set(self, state, pid=None, fallen=1):
        self.found = replace(self.found, state=state, pid=pid, fallen=fallen)

    def starts(self, seconds):
        """When it is started within so many seconds, looked at once a second."""
        times = []
        for _ in range(seconds):
            self.started.clear()
            self.revived.tick()
            times += [self.now] * len(self.started)
            self.now += 1
        return times


@pytest.mark.parametrize("name", [SERVING, RUNNER])
def test_a_dead_function_is_started_at_once_and_then_after_growing_pauses_until_it_is_left(name):
    plane = ControlPlane(name)
    assert plane.starts(3) == []
    plane.set(ERROR)
    assert plane.starts(70) == [3, 5, 9, 17, 33, 65]
    assert plane.left == []
    assert len(plane.starts(1000)) == ATTEMPTS - 6
    assert plane.left == [ATTEMPTS]


def test_while_the_disk_is_full_no_start_is_tried_and_none_counts(caplog):
    plane = ControlPlane()
    plane.set(ERROR)
    assert len(plane.starts(200)) == ATTEMPTS - 1
    plane.disk = "/home: No space left on device; free space there"
    assert plane.starts(86_400) == [] and plane.left == []
    said = [record.message for record in caplog.records if "until there is room" in record.message]
    assert said == [f"{SERVING} of p is not started again until there is room: {plane.disk}"]
    plane.disk = ""
    first = plane.now
    assert plane.starts(10) == [first, first + 2, first + 6], "it begins with the first attempt again"
    plane.disk = "full again"
    plane.starts(100)
    assert len([record for record in caplog.records if "until there is room" in record.message]) == 2


def test_a_folder_that_takes_no_files_is_told_and_one_that_does_has_none_left(tmp_path):
    assert write_failure(tmp_path) == ""
    assert list(tmp_path.iterdir()) == []
    assert write_failure(tmp_path / "gone") == f"{tmp_path / 'gone'}: No such file or directory"


def test_a_full_disk_is_a_write_failure(tmp_path, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    assert write_failure(tmp_path) == f"{tmp_path}: No space left on device; free space there"


def test_after_a_steady_minute_it_is_started_at_once_again():
    plane = ControlPlane()
    plane.set(ERROR)
    assert plane.starts(4) == [0, 2]
    plane.set(READY, 2, fallen=0)
    plane.starts(62)
    plane.set(ERROR)
    assert plane.starts(1) == [66]


def test_one_that_takes_long_to_start_and_dies_soon_is_left_too():
    plane = ControlPlane()
    for _ in range(ATTEMPTS):
        plane.set(ERROR)
        while not plane.starts(1):
            assert plane.now < 3600
        plane.set(BUILDING, 2)
        plane.starts(70)
        plane.set(READY, 2, fallen=0)
        plane.starts(5)
    plane.set(ERROR)
    plane.starts(2)
    assert plane.left == [ATTEMPTS]


def test_one_that_cannot_be_looked_after_does_not_keep_others_from_it():
    plane = ControlPlane()
    plane.set(ERROR)
    broken = replace(plane.found, name="broken", state=READY, fallen=0, ready_time=0.0)
    plane.all = lambda: [broken, plane.found]

    def fails(deployment):
        raise OSError("no space left on device")

    plane.prepare = fails
    assert plane.starts(1) == [0]


@pytest.mark.parametrize(
    ("state", "pid", "fallen"),
    [(OFFLINE, None, 0), (BUILDING, None, 1), (ERROR, 7, 1), (ERROR, None, 0)],
)
def test_one_that_was_stopped_never_ready_or_whose_version_before_answers_is_left_alone(state, pid, fallen):
    plane = ControlPlane()
    plane.set(state, pid, fallen)
    assert plane.starts(60) == []


def test_a_staging_endpoint_is_left_to_its_run():
    plane = ControlPlane(STAGING)
    plane.set(ERROR)
    assert plane.starts(60) == []


@pytest.fixture
def world(tmp_path):
    store = Store(tmp_path / "db")
    deployments = LiveDeployments(store)
    settings = Settings(tmp_path, tmp_path, "")
    supervisor = Supervisor(store, settings, deployments)
    supervisor._bring_up = lambda deployment: deployment
    process = start(["false"], log=tmp_path / "log")
    fallen = Deployment("p", SERVING, port=1, state=READY, pid=process.pid, created=process.created)
    write_deployment(store, fallen, {})
    while process.alive():
        pass
    return store, deployments, supervisor, settings


def test_a_death_is_noted_and_a_restart_is_counted(world):
    store, deployments, supervisor, _ = world
    found = deployments.get("p", SERVING)
    assert (found.state, found.fallen, found.last_exit) == (ERROR, 1, "exited with code 1")
    assert found.last_exit_time > 1e9
    supervisor.revive("p", SERVING)
    found = read_deployment(store, "p", SERVING)
    assert (found.state, found.restarts, found.last_exit) == (BUILDING, 1, "exited with code 1")
    supervisor.revive("p", SERVING)
    assert read_deployment(store, "p", SERVING).restarts == 1, "it is being started already"


def test_a_stop_is_not_undone(world):
    store, deployments, supervisor, _ = world
    deployments.get("p", SERVING)
    supervisor.stop("p", SERVING)
    supervisor.revive("p", SERVING)
    assert read_deployment(store, "p", SERVING).state == OFFLINE


def test_one_that_is_left_says_so_with_the_end_of_its_log(world):
    store, deployments, supervisor, settings = world
    found = deployments.get("p", SERVING)
    log = settings.function_log("p", SERVING)
    log.parent.mkdir(parents=True)
    log.write_text("".join(f"line {number}\n" for number in range(30)))
    supervisor.give_up(found, 8, 3)
    left = read_deployment(store, "p", SERVING)
    assert left.reason == (
        "exited with code 1; not started again after 8 attempts. Its log ends:\nline 27\nline 28\nline 29"
    )
    supervisor.revive("p", SERVING)
    assert read_deployment(store, "p", SERVING).state == ERROR


def test_a_fault_with_one_function_of_whatever_kind_keeps_no_other_from_being_started(caplog):
    plane = ControlPlane()
    plane.set(ERROR)
    broken = replace(plane.found, name="broken")
    plane.all = lambda: [broken, plane.found]
    start = plane.revive

    def revive(project, name):
        if name == "broken":
            raise KeyError("a record that nobody thought of")
        start(project, name)

    plane.revive = revive
    assert plane.starts(3) == [0, 2]
    assert "broken of p cannot be looked after" in caplog.text and "KeyError" in caplog.text


def full_disk(*args, **kwargs):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/x/serving.json")


def full_database(*args, **kwargs):
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    raise error


def start_fails(supervisor, deployment):
    supervisor._run(deployment)
    return deployment


def test_starts_that_fail_for_a_full_disk_are_told_beside_how_it_died_and_without_a_traceback(
    world, monkeypatch, caplog
):
    store, deployments, supervisor, _ = world
    monkeypatch.setattr(supervisor, "_bring_up", lambda deployment: start_fails(supervisor, deployment))
    monkeypatch.setattr(supervisor._launcher, "start", full_disk)
    died = deployments.get("p", SERVING)
    assert (died.failed_starts, died.failed_start, died.failing_since) == (0, "", None)
    why = "/x/serving.json: No space left on device; free space there"
    since = None
    for count in (1, 2, 3):
        supervisor.revive("p", SERVING)
        found = deployments.get("p", SERVING)
        assert (found.state, found.fallen, found.reason) == (ERROR, 1, why)
        assert (found.restarts, found.failed_starts, found.failed_start) == (count, count, why)
        assert (found.last_exit, found.last_exit_time) == (died.last_exit, died.last_exit_time)
        since = since or found.failing_since
        assert found.failing_since == since > died.last_exit_time
    assert "deploy of p/serving failed: /x/serving.json: No space left" in caplog.text
    assert "Traceback" not in caplog.text
    # What is told of it is over with the next death, and with a deployment.
    process = start(["false"], log=store._path.with_name("log"))
    while process.alive():
        pass
    deployments.change("p", SERVING, state=READY, pid=process.pid, created=process.created)
    assert deployments.get("p", SERVING).failed_starts == 0
    supervisor.revive("p", SERVING)
    assert deployments.get("p", SERVING).failed_starts == 1
    supervisor.deploy("p", SERVING, {})
    found = deployments.get("p", SERVING)
    assert (found.state, found.failed_starts, found.last_exit, found.reason) == (ERROR, 0, "", why)


def test_a_process_that_cannot_be_recorded_is_ended_and_the_failure_is_recorded_when_there_is_space(
    world, monkeypatch, caplog
):
    store, deployments, supervisor, _ = world
    deployments.get("p", SERVING)
    process = start(["sleep", "1000"], log=store._path.with_name("log"))
    monkeypatch.setattr(supervisor, "_bring_up", lambda deployment: start_fails(supervisor, deployment))
    monkeypatch.setattr(supervisor._launcher, "start", lambda *_: process)
    monkeypatch.setattr("project.local.api.deployments.live._AGAIN_SECONDS", 0.0)
    change, calls = deployments.change_current, []

    def is_full_at_first(*args, **changes):
        calls.append(changes)
        return full_database() if len(calls) < 4 else change(*args, **changes)

    monkeypatch.setattr(deployments, "change_current", is_full_at_first)
    supervisor.revive("p", SERVING)
    assert not process.alive()
    found = deployments.get("p", SERVING)
    why = "the disk: database or disk is full; free space there"
    assert (found.state, found.failed_starts, found.failed_start, found.next_pid) == (ERROR, 1, why, None)
    assert len(calls) == 4 and caplog.text.count("recorded again every") == 1
    assert "Traceback" not in caplog.text
    deployments.close()
    deployments.when_possible(full_database)  # The control plane ends: nobody waits for space.


def test_the_end_of_a_function_is_told_where_it_cannot_be_recorded(world, monkeypatch):
    _, deployments, _, _ = world
    monkeypatch.setattr("project.local.api.deployments.live.change_deployment", full_database)
    found = deployments.get("p", SERVING)
    assert (found.state, found.fallen, found.pid) == (ERROR, 1, None)
    assert found.reason == (
        "exited with code 1; that cannot be recorded: the disk: database or disk is full; free space there"
    )
    assert deployments.get("p", SERVING).last_exit_time == found.last_exit_time, "when it was noticed first"

    def is_wrong(*args, **kwargs):
        raise sqlite3.OperationalError("no such column: x")

    monkeypatch.setattr("project.local.api.deployments.live.change_deployment", is_wrong)
    with pytest.raises(sqlite3.OperationalError, match="no such column"):
        deployments.get("p", SERVING)
