"""A staging endpoint whose run was killed is deleted by the control plane."""

from types import SimpleNamespace

import pytest

from project.function_names import SERVING, STAGING
from project.local.api.deployments import left_rehearsals
from project.local.api.deployments.left_rehearsals import LeftRehearsals
from project.local.api.deployments.records import BUILDING, READY
from project.run_lock import held


class ControlPlane:
    """Two projects with a staging endpoint, what was deleted, and the steps that have not ended."""

    def __init__(self, home):
        self.found = [
            SimpleNamespace(project=project, name=name, state=READY, generation=1)
            for project in ("a", "b")
            for name in (SERVING, STAGING)
        ]
        self.deleted, self.unfinished, self.now = [], [], 0.0
        supervisor = SimpleNamespace(forget=lambda *which: self.deleted.append(("process", *which)))
        self.rehearsals = LeftRehearsals(None, supervisor, home, lambda: self.now)

    def read(self, _store, project, name):
        return next((one for one in self.found if (one.project, one.name) == (project, name)), None)

    def staging(self, project, **changes):
        vars(self.read(None, project, STAGING)).update(changes)

    def look(self):
        """What is deleted at one look."""
        self.deleted.clear()
        self.rehearsals.end()
        return [tuple(entry) for entry in self.deleted]


@pytest.fixture
def plane(tmp_path, monkeypatch):
    made = ControlPlane(tmp_path)
    monkeypatch.setattr(left_rehearsals, "read_deployments", lambda _store: list(made.found))
    monkeypatch.setattr(left_rehearsals, "read_deployment", made.read)
    monkeypatch.setattr(
        left_rehearsals, "delete_record", lambda *call: made.deleted.append(("record", *call[2:]))
    )
    monkeypatch.setattr(left_rehearsals, "unfinished_runs", lambda *_: made.unfinished)
    return made


def ended(project):
    return [("process", project, STAGING), ("record", project, STAGING)]


def test_only_those_of_projects_without_a_run_are_deleted(tmp_path, plane):
    with held(tmp_path, "b", "netops run"):
        pass
    with held(tmp_path, "a", "netops run"):
        assert plane.look() == ended("b")
    assert plane.look() == [*ended("a"), *ended("b")]


def test_a_run_whose_lock_is_in_another_home_is_seen_by_its_steps(plane):
    plane.unfinished = [{"metadata": {"uid": "rehearse"}}]
    for plane.now in (0.0, 1000.0):
        assert plane.look() == []
    plane.unfinished = []
    plane.staging("b", state=BUILDING)
    for plane.now in (2000.0, 2599.0):
        assert plane.look() == []
    plane.now = 2600.0
    assert plane.look() == ended("a")


def test_what_a_run_deployed_since_it_was_looked_for_stays(tmp_path, plane, monkeypatch):
    for project in ("a", "b"):
        with held(tmp_path, project, "netops run"):
            pass
    newer = SimpleNamespace(project="a", name=STAGING, state=BUILDING, generation=2)
    read = plane.read
    monkeypatch.setattr(
        left_rehearsals, "read_deployment", lambda *which: newer if which[1] == "a" else read(*which)
    )
    assert plane.look() == ended("b")
