"""A staging endpoint whose run was killed is deleted by the control plane."""

from types import SimpleNamespace

import pytest

from project.function_names import SERVING, STAGING
from project.local.api.deployments import left_rehearsals
from project.local.api.deployments.left_rehearsals import LeftRehearsals
from project.run_lock import held


@pytest.fixture
def forgotten(monkeypatch):
    """What the supervisor and the records were told to forget; two projects have a staging endpoint."""
    found = [SimpleNamespace(project=p, name=n) for p in ("a", "b") for n in (SERVING, STAGING)]
    told = []
    monkeypatch.setattr(left_rehearsals, "read_deployments", lambda _store: found)
    monkeypatch.setattr(left_rehearsals, "delete_record", lambda *call: told.append(("record", *call[2:])))
    return told


def test_only_those_of_projects_without_a_run_are_deleted(tmp_path, forgotten):
    supervisor = SimpleNamespace(forget=lambda *which: forgotten.append(("process", *which)))
    rehearsals = LeftRehearsals(None, supervisor, tmp_path)
    with held(tmp_path, "a", "netops run"):
        rehearsals.end()
    assert forgotten == [("process", "b", STAGING), ("record", "b", STAGING)]
    forgotten.clear()
    rehearsals.end()
    assert [which for which in forgotten if which[0] == "process"] == [
        ("process", "a", STAGING),
        ("process", "b", STAGING),
    ]
