"""What a user gives for a run counts, also beside what the project remembers."""

import io

import pytest
from rich.console import Console

from project import parameters
from project.cli import arguments
from project.last_run import LastRun, resolve
from project.settings import Settings
from tests.project.test_last_run import lab, ran  # noqa: F401 - a fixture

MAIN = parameters.NAMES["main"]


def simulated(**remembered):
    """What a project of the simulated network stands on."""
    return ran({"devices": 8, **remembered})


@pytest.mark.parametrize(
    ("given", "keep", "by"),
    [
        ({"promote": True}, True, "--keep"),
        ({"stream_seconds": 5}, False, "stream_seconds"),
        ({"stream_rate": 5}, False, "stream_rate"),
        ({"deploy_concept_drift": True}, False, "deploy_concept_drift"),
    ],
)
def test_what_needs_serving_overrules_that_the_last_run_served_nothing(given, keep, by):
    memory = simulated(deploy_streaming=False)
    resolved = resolve("p", MAIN, given, memory, keep=keep)
    assert resolved.arguments == {"devices": 8, "deploy_streaming": True, **given}
    assert "deploy_streaming" not in resolved.repeated
    assert resolved.lines()[1:] == [f"not as last time, as {by} is given: deploy_streaming=False"]
    # The process that runs the workflow comes to the same, and later runs serve again.
    assert resolve("p", MAIN, resolved.arguments, memory).arguments == resolved.arguments
    assert "deploy_streaming" not in ran(resolved.arguments, before=memory).arguments


@pytest.mark.parametrize("given", [{}, {"promote": True}, {"deploy_concept_drift": False}, {"devices": 9}])
def test_without_such_a_need_nothing_is_served_as_last_time(given):
    resolved = resolve("p", MAIN, given, simulated(deploy_streaming=False))
    assert resolved.value("deploy_streaming") is False
    assert (resolved.repeated["deploy_streaming"], resolved.overruled) == (False, {})


@pytest.mark.parametrize(
    ("given", "remembered", "dropped"),
    [
        ({"split": "time"}, {"test_devices": 0.3}, "test_devices"),
        ({"split": "first_rows:40"}, {"test_devices": 0.3}, "test_devices"),
        ({"split": "devices"}, {"test_devices": 0.3}, None),
        ({"split": "time", "test_devices": 0.2}, {"test_devices": 0.3}, None),
        ({"test_fraction": 0.2}, {"test_devices": 0.3}, "test_devices"),
        ({"test_fraction": 0.2}, {"split": "first_rows:40"}, "split"),
        ({"test_fraction": 0.2}, {"split": "device_time"}, None),
        ({"test_devices": 0.2}, {"split": "device_time"}, "split"),
        ({"test_devices": 0.2}, {"split": "time"}, None),
        ({"test_devices": 0.2}, {"split": "devices"}, None),
        ({"test_devices": 0.2}, {"split": "devices:a,b"}, "split"),
    ],
)
def test_what_says_which_rows_are_evaluated_on_overrules_what_said_it_last_time(given, remembered, dropped):
    resolved = resolve("p", MAIN, given, simulated(**remembered))
    by = next(iter(given))
    expected = {dropped: (remembered[dropped], by)} if dropped else {}
    assert resolved.overruled == expected
    if dropped:
        assert resolved.arguments[dropped] == parameters.DEFAULTS[dropped]


def test_what_is_given_twice_against_itself_is_told_before_work_starts(lab):  # noqa: F811
    given = {**lab, "deploy_streaming": False, "stream_seconds": 5, "devices": 9, "ticks": 90}
    given["test_fraction"] = 0.2
    resolved = resolve("p", MAIN, {**given, "test_devices": 0.1}, None, keep=True)
    reason = "deploy_streaming=False serves no model"
    source = f"the telemetry is that of {lab['telemetry']}, not of the simulated network"
    assert resolved.lines() == [
        f"devices=9 and ticks=90 change nothing: {source}",
        f"--keep and stream_seconds=5 change nothing: {reason}",
        "test_fraction=0.2 changes nothing: test_devices=0.1 says what is evaluated on",
    ]
    by_split = resolve("p", MAIN, {**lab, "test_fraction": 0.2, "split": "first_rows:40"}, None)
    assert by_split.lines() == [
        "test_fraction=0.2 changes nothing: split=first_rows:40 says what is evaluated on"
    ]


def test_the_lines_are_on_the_console(monkeypatch, tmp_path):
    memory = simulated(deploy_streaming=False)
    assert isinstance(memory, LastRun)
    monkeypatch.setattr("project.last_run.recall", lambda *_: memory)
    from project.session import Session

    console = Console(file=io.StringIO())
    session = Session("", "", owned=True, started=False)
    arguments.as_last_time(Settings(tmp_path), session, "p", MAIN, {}, console, keep=True)
    printed = console.file.getvalue()
    assert "as in run 01234567 of 2024-05-01 12:00: devices=8\n" in printed
    assert "not as last time, as --keep is given: deploy_streaming=False\n" in printed


@pytest.mark.parametrize(
    ("given", "others", "said"),
    [
        ({}, ["p", "netops-olt"], True),
        ({}, ["p"], False),
        ({"schema": "olt.yaml"}, ["netops-olt"], False),
    ],
)
def test_a_new_project_beside_others_says_that_it_is_the_simulated_network(
    monkeypatch, tmp_path, given, others, said
):
    monkeypatch.setattr("project.last_run.recall", lambda *_: None)
    monkeypatch.setattr("project.last_run.resolve", lambda *_, **__: resolve("p", MAIN, {}, None))
    monkeypatch.setattr("project.api_reader.projects", lambda _: others)
    from project.session import Session

    console = Console(file=io.StringIO())
    session = Session("http://127.0.0.1:1", "", owned=True, started=False)
    arguments.as_last_time(Settings(tmp_path), session, "p", MAIN, given, console)
    assert ("this is the simulated network" in console.file.getvalue()) == said
    assert ("such as netops-olt" in console.file.getvalue()) == said
