"""``netops devices``: who may change devices when, and what is told of it."""

import json
from types import SimpleNamespace

import pytest

from project import device_reload, session
from project.cli import devices as command
from project.errors import NetopsError
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


@pytest.mark.parametrize("as_json", [False, True])
def test_what_was_registered_is_told_before_the_endpoint_fails(home, monkeypatch, capsys, as_json):
    def refused(*arguments):
        raise NetopsError("the endpoint must take over the devices, got HTTP Error 401")

    monkeypatch.setattr(command, "_taken_over", refused)
    words = (
        "dev-7 joined: that is registered, but the endpoint must take over the devices, got HTTP Error 401"
    )
    with pytest.raises(NetopsError, match=words):
        command.devices("add", "dev-7", project="p", as_json=as_json)
    told = capsys.readouterr().out
    assert (json.loads(told)["lines"] if as_json else told.splitlines()) == ["dev-7 joined"]


@pytest.mark.parametrize("answer", [{"devices": "many"}, [], {}])
def test_an_answer_of_another_form_is_a_failure_of_the_endpoint(monkeypatch, answer):
    monkeypatch.setattr(device_reload, "post_json", lambda *arguments, **options: answer)
    with pytest.raises(NetopsError, match="the endpoint must take over the devices, got "):
        device_reload.reload_devices("http://127.0.0.1:9", "")
