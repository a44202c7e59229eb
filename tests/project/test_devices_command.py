"""``netops devices``: who may change devices when, and what is told of it."""

from types import SimpleNamespace

import pytest

from project import session
from project.cli import devices as command
from project.run_lock import COMMAND, RUN, holder


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Home of a project whose devices change without a feature store."""
    monkeypatch.setenv("NETOPS_HOME", str(tmp_path))
    monkeypatch.setattr(session, "open_session", lambda settings: SimpleNamespace(mlrun_dbpath=""))
    monkeypatch.setattr(command, "_open", lambda *arguments: None)
    monkeypatch.setattr(command, "_changed", lambda *arguments: ["dev-7 joined"])
    monkeypatch.setattr(command, "_taken_over", lambda *arguments: ["the endpoint knows 3 devices"])
    return tmp_path


def test_no_workflow_can_begin_while_devices_are_written(home, monkeypatch):
    held = []

    def changed(*arguments):
        held.extend(found.command for kind in (RUN, COMMAND) if (found := holder(home, "p", (kind,))))
        return ["dev-7 joined"]

    monkeypatch.setattr(command, "_changed", changed)
    command.devices("add", "dev-7", project="p")
    assert held == ["netops devices add"] * 2
    assert holder(home, "p") is None
