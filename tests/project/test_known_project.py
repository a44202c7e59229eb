"""Commands that begin no project take the only one there is, and say so."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from project import api_reader
from project.cli.known_project import known_project
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
