"""``netops devices``: who may change devices when, and what is told of it."""

import json
from types import SimpleNamespace

import pytest

from feature_sets.ingestion import device_registry
from feature_sets.ingestion.device_registry import RegisteredDevice
from project import device_reload, session
from project.cli import devices as command
from project.errors import NetopsError
from project.http_json import AbsentError
from project.run_lock import COMMAND, RUN, holder


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Home of a project whose devices change without a feature store."""
    monkeypatch.setenv("NETOPS_HOME", str(tmp_path))
    monkeypatch.setattr(session, "open_session", lambda settings: SimpleNamespace(mlrun_dbpath=""))
    monkeypatch.setattr(command, "open_project", lambda *arguments: None)
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


@pytest.mark.parametrize(
    ("given", "missing", "told"),
    [
        (
            ["site=Law"],
            ["model", "vendor name"],
            "--attribute model=... --attribute 'vendor name'=... --project p",
        ),
        (["model="], ["model", "site"], "--attribute site=... --project p"),
        (["model="], ["model"], ""),
        (["site=Law"], [], ""),
    ],
)
def test_attributes_that_were_forgotten_are_told_with_what_adds_them(
    tmp_path, monkeypatch, capsys, given, missing, told
):
    monkeypatch.setenv("NETOPS_HOME", str(tmp_path))
    monkeypatch.setattr(session, "open_session", lambda settings: SimpleNamespace(mlrun_dbpath=""))
    monkeypatch.setattr(command, "open_project", lambda *arguments: None)
    monkeypatch.setattr(command, "_taken_over", lambda *arguments: ["the endpoint knows 3 devices"])
    monkeypatch.setattr(device_registry, "add_device", lambda *arguments: ["a 7 joined"])
    monkeypatch.setattr(device_registry, "missing_attributes", lambda *arguments: missing)
    command.devices("add", "a 7", attributes=given, project="p")
    joined, *lines, known = capsys.readouterr().out.splitlines()
    assert (joined, known) == ("a 7 joined", "the endpoint knows 3 devices")
    assert len(lines) == bool(told)
    for line in lines:
        assert f"'netops devices add 'a 7' {told}' adds {'them' if 'vendor' in told else 'it'}, for" in line
        assert "from that moment on; with --from and an earlier time" in line


@pytest.mark.parametrize("answer", [{"devices": "many"}, [], {}])
def test_an_answer_of_another_form_is_a_failure_of_the_endpoint(monkeypatch, answer):
    monkeypatch.setattr(device_reload, "post_json", lambda *arguments, **options: answer)
    with pytest.raises(NetopsError, match="the endpoint must take over the devices, got "):
        device_reload.reload_devices("http://127.0.0.1:9", "")


def test_the_states_of_an_endpoint_are_told_by_device(monkeypatch):
    rows = [{"device": "dev-7", "state": "silent", "last_heard": None, "maintenance": None}]
    monkeypatch.setattr(device_reload, "get_json", lambda address, **query: {"devices": rows})
    assert device_reload.live_states("http://127.0.0.1:9/") == {"dev-7": rows[0]}
    monkeypatch.setattr(
        device_reload, "get_json", lambda address, **query: {"devices": [{"state": "silent"}]}
    )
    with pytest.raises(NetopsError, match="the endpoint must tell the states of its devices, got "):
        device_reload.live_states("http://127.0.0.1:9")


def test_an_endpoint_of_an_earlier_version_tells_no_states(monkeypatch):
    def absent(address, **query):
        raise AbsentError(f"{address} must be there")

    monkeypatch.setattr(device_reload, "get_json", absent)
    assert device_reload.live_states("http://127.0.0.1:9") == {}


def test_devices_are_listed_with_their_live_states(home, monkeypatch, capsys):
    found = [RegisteredDevice("dev-7", "maintenance", {}, state_since="2026-01-01T00:00:00Z")]
    monkeypatch.setattr(device_registry, "registered_devices", lambda *arguments: found)
    monkeypatch.setattr(
        command, "running_endpoint", lambda *arguments: SimpleNamespace(address="http://there")
    )
    states = {"dev-7": {"device": "dev-7", "state": "silent"}}
    monkeypatch.setattr(device_reload, "live_states", lambda address: states)
    command.devices("list", project="p")
    assert capsys.readouterr().out.splitlines()[1].split()[:3] == ["dev-7", "maintenance", "silent"]

    def away(address):
        raise NetopsError("http://there does not answer")

    monkeypatch.setattr(device_reload, "live_states", away)
    command.devices("list", project="p", as_json=True)
    told = capsys.readouterr()
    assert json.loads(told.out)[0]["live"] is None and "does not answer" in told.err
