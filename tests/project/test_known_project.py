"""Commands that begin no project take the only one there is, and say so."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from feature_sets.checks import InputError
from project import api_reader, session
from project.cli import ingest as ingest_command
from project.cli import passing_session
from project.cli.app import app
from project.cli.known_project import check_begins, known_project
from project.settings import Settings


def chosen(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, there: list[str], given: str | None = None, **env: str
) -> str:
    monkeypatch.setattr(api_reader, "projects", lambda _: there)
    settings = Settings.from_environment({"NETOPS_HOME": str(tmp_path), **env})
    return known_project(given, settings, SimpleNamespace(mlrun_dbpath=""))


def test_the_only_project_is_taken_and_said(monkeypatch, tmp_path, capsys):
    assert chosen(monkeypatch, tmp_path, ["netops-wifi"]) == "netops-wifi"
    assert capsys.readouterr() == ("", "project netops-wifi: the only one there is\n")


@pytest.mark.parametrize("there", [[], ["netops"], ["netops", "netops-wifi"], ["netops-a", "netops-b"]])
def test_else_it_is_the_default(monkeypatch, tmp_path, capsys, there):
    assert chosen(monkeypatch, tmp_path, there) == "netops"
    assert capsys.readouterr() == ("", "")


def test_a_project_that_somebody_named_is_never_another_one(monkeypatch, tmp_path, capsys):
    assert chosen(monkeypatch, tmp_path, ["netops-wifi"], given="absent") == "absent"
    for name in ("absent", "netops"):
        assert chosen(monkeypatch, tmp_path, ["netops-wifi"], NETOPS_PROJECT=name) == name
    assert capsys.readouterr() == ("", "")


def begin(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, there: list[str], owned: bool = True, **env: str
) -> None:
    monkeypatch.setattr(api_reader, "projects", lambda _: there)
    settings = Settings.from_environment({"NETOPS_HOME": str(tmp_path), **env})
    check_begins(settings.project, settings, SimpleNamespace(mlrun_dbpath="", owned=owned))


def test_a_run_without_a_name_simulates_no_network_beside_the_only_project(monkeypatch, tmp_path):
    rule = "--project: must be named: '--project netops-wifi' goes on with the project that is there, "
    with pytest.raises(InputError, match=rule):
        begin(monkeypatch, tmp_path, ["netops-wifi"])
    for there in ([], ["netops"], ["netops", "netops-wifi"], ["netops-a", "netops-b"]):
        begin(monkeypatch, tmp_path, there)
    begin(monkeypatch, tmp_path, ["netops-wifi"], NETOPS_PROJECT="netops")
    begin(monkeypatch, tmp_path, ["of-somebody-else"], owned=False)


@pytest.mark.parametrize(
    "command", [["run"], ["ingest"], ["ingest", "--replace", "--yes"], ["compile", "a.yaml"]]
)
def test_no_command_simulates_a_network_beside_the_only_project(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NETOPS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("NETOPS_PROJECT", raising=False)
    monkeypatch.setattr(api_reader, "projects", lambda _: ["netops-wifi"])
    there = SimpleNamespace(mlrun_dbpath="", owned=True)
    monkeypatch.setattr(session, "open_session", lambda _: there)
    monkeypatch.setattr(passing_session, "passing_session", lambda *_: nullcontext(there))
    done = CliRunner().invoke(app, command)
    with pytest.raises(InputError, match="--project: must be named: '--project netops-wifi' goes on with"):
        raise done.exception or AssertionError(done.output)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (["--telemetry", "day"], "netops-wifi"),
        (["--live"], "netops-wifi"),
        (["--telemetry", "day", "--project", "other"], "other"),
        (["--telemetry", "day", "--replace", "--yes"], "netops"),
        (["--project", "netops-wifi"], "netops-wifi"),
    ],
)
def test_what_is_added_without_a_schema_is_added_to_the_only_project(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, options: list[str], name: str
) -> None:
    (tmp_path / "day").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NETOPS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("NETOPS_PROJECT", raising=False)
    monkeypatch.setattr(api_reader, "projects", lambda _: ["netops-wifi"])
    monkeypatch.setattr(session, "open_session", lambda _: SimpleNamespace(mlrun_dbpath="", owned=True))
    asked: list[str] = []

    def stop(settings: object, session: object, project: str, *others: object) -> None:
        asked.append(project)
        raise InputError("stop", "is far enough", None)

    monkeypatch.setattr(ingest_command, "as_last_time", stop)
    done = CliRunner().invoke(app, ["ingest", *options])
    assert (asked, isinstance(done.exception, (InputError, SystemExit))) == ([name], True), done.output
