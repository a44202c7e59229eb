"""A function that died is started again by the control plane; one that was stopped is not."""

from dataclasses import replace

import pytest

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
        self.revived = RevivedFunctions(self, self, lambda: self.now)

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


def test_one_that_is_left_says_so_with_the_end_of_its_log_and_can_be_started(world):
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
    supervisor.start("p", SERVING)
    assert read_deployment(store, "p", SERVING).state == BUILDING


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
