"""What a deployment from another shell changes is told before it does."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from project import changed_settings as module
from project.changed_settings import changed_settings
from project.cli.workflow_progress import Deployments
from project.local.servers import ServerError
from project.settings import Settings


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Lines of a deployment with some settings over one with others; None for no deployment."""

    def lines(before: dict[str, str] | None, **after: str) -> list[str]:
        deployed = None
        if before is not None:
            settings = Settings.from_environment({"NETOPS_HOME": str(tmp_path), **before})
            secret = {"NETOPS_TOKEN_FILE": str(tmp_path / "token")}
            deployed = {**settings.function_environment("p"), **secret}
        monkeypatch.setattr(module, "function_variables", lambda *_: deployed)
        return changed_settings(
            Settings.from_environment({"NETOPS_HOME": str(tmp_path), **after}), "http://api", "p"
        )

    return lines


def test_what_another_shell_does_not_set_is_told(told) -> None:
    given = {"NETOPS_LOG_FORMAT": "json", "NETOPS_RATE_LIMIT": "5", "NETOPS_ANONYMOUS": "write"}
    assert told(given) == [
        "changes NETOPS_ANONYMOUS: write -> the default",
        "changes NETOPS_LOG_FORMAT: json -> the default",
        "changes NETOPS_RATE_LIMIT: 5.0 -> the default",
    ]
    assert told({}, NETOPS_UNKNOWN_DEVICES="accept", NETOPS_STANDBY="off") == [
        "changes NETOPS_STANDBY: the default -> off",
        "changes NETOPS_UNKNOWN_DEVICES: the default -> accept",
    ]


def test_nothing_is_told_of_what_stays_or_is_new(told) -> None:
    given = {"NETOPS_LOG_FORMAT": "json", "NETOPS_RETRAIN": "approve"}
    assert told(given, **given) == told(None, **given) == []


class Stack:
    """A control plane with one function of two projects."""

    def __init__(self) -> None:
        self.states = {"serving": "ready", "runner": "ready"}
        self.is_away, self.port = False, 7001

    def deployments(self):
        if self.is_away:
            raise ServerError("no answer")
        url = f"http://127.0.0.1:{self.port}"
        both = [
            SimpleNamespace(project="p", name=name, state=state, url=url)
            for name, state in self.states.items()
        ]
        return [*both, SimpleNamespace(project="other", name="serving", state="building", url=url)]


def test_each_stage_of_a_deployment_has_a_line(tmp_path: Path) -> None:
    now, stack = [0.0], Stack()
    deployments = Deployments(Settings(tmp_path), "p", lambda: now[0])
    deployments._stack = stack

    def news() -> list[str]:
        return [" ".join(line.split()) for line in deployments.news()]

    assert news() == []
    stack.states["serving"] = "building"
    assert news() == ["deploy serving, which loads the model and goes on from snapshot and journal"]
    stack.is_away = True
    assert news() == []
    stack.is_away, now[0] = False, 6.25
    stack.states |= {"serving": "ready", "runner": "building"}
    assert news() == ["done serving 6.2 s at http://127.0.0.1:7001", "deploy runner"]
    stack.states["runner"] = "error"
    assert news() == ["FAILED runner 0.0 s"]

    stack.states["serving"] = "building"
    assert news() == ["deploy serving, which loads the model and goes on from snapshot and journal"]
    stack.states["serving"], stack.port = "ready", 7002
    assert news() == [
        "done serving 0.0 s at http://127.0.0.1:7002",
        "note serving was at http://127.0.0.1:7001, which another program has taken: who sends to it must "
        "send to http://127.0.0.1:7002",
    ]
    assert news() == []
