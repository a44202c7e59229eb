"""``netops models``: what it advises where the endpoint and the tag production disagree."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from project.cli import models as command
from project.cli.models import models
from project.run_lock import SWAP, held


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose endpoint answers with v2 while v1 has the tag production."""
    document = SimpleNamespace(champion=SimpleNamespace(version="v2"), versions=())
    routing = SimpleNamespace(document=document, devices={}, changes=[])
    version = SimpleNamespace(
        version="v1", tags=("production",), gate="", rejected_for="", algorithm="", registered=""
    )
    settings = SimpleNamespace(home=tmp_path, bearer_token=lambda: "")
    monkeypatch.setattr(command.Settings, "from_environment", lambda: settings)
    monkeypatch.setattr(command, "known_project", lambda project, *_: project)
    for place, found in {
        "project.session.open_session": SimpleNamespace(mlrun_dbpath=""),
        "project.api_reader.check_project": None,
        "project.cli.endpoint.running_endpoint": SimpleNamespace(address=""),
        "project.endpoint_routing.routing_if_any": routing,
        "project.registered_versions.end_promotion": "",
        "project.registered_versions.registered_versions": [version],
    }.items():
        monkeypatch.setattr(place, lambda *_, found=found: found)
    return tmp_path


def test_endpoint_and_tag_that_disagree_amid_another_change_are_no_reason_to_undo_it(
    installation: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with held(installation, "lab", "netops promote v2", SWAP):
        models("lab")
    told = capsys.readouterr().out
    assert "netops promote v2 (pid" in told and "is changing the champion; look again when" in told
    assert "moves the tag" not in told and "netops serve" not in told


def test_endpoint_and_tag_that_disagree_with_nobody_at_it_are_told_with_what_to_do(
    installation: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models("lab")
    told = capsys.readouterr().out
    assert "'netops promote v2 --project lab' moves the tag" in told
    models("lab", as_json=True)
    assert json.loads(capsys.readouterr().out)["champion"] == "v2"


def test_a_change_that_ends_between_the_two_questions_is_no_disagreement(
    installation: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    of = {"rejected_for": "", "gate": "", "algorithm": "", "registered": ""}
    seen = iter(["v1", "v2"])
    monkeypatch.setattr(
        "project.registered_versions.registered_versions",
        lambda *_: [SimpleNamespace(version=next(seen), tags=("production",), **of)],
    )
    models("lab")
    assert "has the tag production" not in capsys.readouterr().out


def test_without_an_endpoint_versions_are_looked_up_once(
    installation: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    of = {"rejected_for": "", "gate": "", "algorithm": "", "registered": ""}
    looked: list[str] = []

    def versions(name: str) -> list[SimpleNamespace]:
        looked.append(name)
        return [SimpleNamespace(version="v1", tags=("production",), **of)]

    monkeypatch.setattr("project.registered_versions.registered_versions", versions)
    monkeypatch.setattr("project.cli.endpoint.running_endpoint", lambda *_: None)
    models("lab")
    assert looked == ["lab"] and "no endpoint is up" in capsys.readouterr().out
