"""A runner that died is started again by the control plane; one that was stopped is not."""

from types import SimpleNamespace

import pytest

from project.function_names import RUNNER, SERVING
from project.local.api.deployments.records import BUILDING, ERROR, OFFLINE, READY
from project.local.api.deployments.revived_runner import RevivedRunner


class ControlPlane:
    """A runner and a serving function, and what was started."""

    def __init__(self):
        self.found = {
            name: SimpleNamespace(project="p", name=name, state=READY, pid=1, reason="")
            for name in (RUNNER, SERVING)
        }
        self.started, self.now = [], 0.0
        supervisor = SimpleNamespace(start=lambda *which: self.started.append(which))
        deployments = SimpleNamespace(all=lambda: list(self.found.values()))
        self.revived = RevivedRunner(supervisor, deployments, lambda: self.now)

    def set(self, name, state, pid=None):
        self.found[name].state, self.found[name].pid = state, pid

    def starts(self, seconds):
        """When something is started within so many seconds, looked at once a second."""
        times = []
        for _ in range(seconds):
            self.started.clear()
            self.revived.tick()
            times += [self.now] * len(self.started)
            self.now += 1
        return times


def test_a_dead_runner_is_started_at_once_and_then_after_growing_pauses():
    plane = ControlPlane()
    assert plane.starts(3) == []
    plane.set(RUNNER, ERROR)
    assert plane.starts(60) == [3, 8, 18, 38]


def test_after_a_steady_minute_it_is_started_at_once_again():
    plane = ControlPlane()
    plane.set(RUNNER, ERROR)
    assert plane.starts(6) == [0, 5]
    plane.set(RUNNER, READY, 2)
    plane.starts(62)
    plane.set(RUNNER, ERROR)
    assert plane.starts(1) == [68]


@pytest.mark.parametrize(("state", "pid"), [(OFFLINE, None), (BUILDING, None), (ERROR, 7)])
def test_one_that_was_stopped_or_whose_version_before_answers_is_left_alone(state, pid):
    plane = ControlPlane()
    plane.set(RUNNER, state, pid)
    assert plane.starts(60) == []


def test_other_functions_are_left_alone():
    plane = ControlPlane()
    plane.set(SERVING, ERROR)
    assert plane.starts(60) == []
