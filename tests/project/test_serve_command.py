"""``netops serve`` has detectors watch the champion where none do."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from feature_sets.checks import InputError
from graphs.routing.document import CHAMPION, RoutedVersion, RoutingDocument
from project import endpoint_routing, last_run
from project.cli import endpoint, routing
from project.cli.serve import _watch
from project.endpoint_routing import EndpointRouting
from project.errors import NetopsError
from project.settings import Settings
from tests.project.fake_endpoint import fake_endpoint

CHAMPION_TWO = RoutingDocument((RoutedVersion("two", CHAMPION, "m", "a" * 64),))


class Served:
    """An endpoint that says whether detectors are attached; what is attached is noted."""

    def __init__(self) -> None:
        self.attached, self.asked = False, [""]
        self.arguments: dict[str, Any] = {}
        self.watched: list[tuple[str, str]] = []

    def watch(self, _settings: Any, _dbpath: str, project: str, version: str, _address: str) -> str:
        self.watched.append((project, version))
        return ""


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Any:
    found = Served()
    with fake_endpoint(lambda *_: (200, {"attached": found.attached})) as address:
        up = SimpleNamespace(address=address)
        monkeypatch.setattr(endpoint, "running_endpoint", lambda *_: up)
        monkeypatch.setattr(last_run, "recall", lambda *_: SimpleNamespace(arguments=found.arguments))
        routed = EndpointRouting(CHAMPION_TWO, 1, {}, [])
        monkeypatch.setattr(endpoint_routing, "read_routing", lambda *_: routed)
        monkeypatch.setattr(routing, "watch", found.watch)
        yield found


def after_serving(tmp_path: Any) -> None:
    _watch(Settings(home=tmp_path), SimpleNamespace(mlrun_dbpath=""), "lab")


def test_a_champion_that_nobody_watches_gets_its_detectors(served: Served, tmp_path: Any) -> None:
    after_serving(tmp_path)
    assert served.watched == [("lab", "two")]


def test_detectors_that_watch_already_stay_as_they_are(served: Served, tmp_path: Any) -> None:
    served.attached = True
    after_serving(tmp_path)
    assert served.watched == []


def test_a_project_that_watches_for_no_drift_is_told_and_left_alone(
    served: Served, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    served.arguments = {"deploy_concept_drift": False}
    after_serving(tmp_path)
    assert served.watched == []
    assert "not watched for drift: deploy_concept_drift is False" in capsys.readouterr().err


def test_what_cannot_be_asked_is_told_and_does_not_end_the_command(
    served: Served, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for error in (NetopsError("the API is away"), InputError("artifact", "must be known", "newer")):

        def away(*_: Any, error: Exception = error) -> Any:
            raise error

        monkeypatch.setattr(last_run, "recall", away)
        after_serving(tmp_path)
        said = capsys.readouterr().err
        assert f"whether the champion is watched for drift is not known: {error}" in said
