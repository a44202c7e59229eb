"""The versions of a model, as the registry lists them."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import mlrun
import pytest

from project import api_reader, session
from project import registered_versions as registered
from project.cli import endpoint
from project.cli.models import models
from project.registered_versions import registered_versions


def test_a_version_is_registered_when_it_was_stored_first(monkeypatch: pytest.MonkeyPatch) -> None:
    def row(version: str, created: str, updated: str) -> dict[str, Any]:
        times = {"created": f"{created}T10:00:00+00:00", "updated": f"{updated}T10:00:00+00:00"}
        metadata = {"key": "m", "project": "p", "uid": version, "tree": "t", "tag": "latest", **times}
        return {"kind": "model", "metadata": metadata, "spec": {"parameters": {"version": version}}}

    # The older one was promoted last, which stores it again.
    rows = [row("old", "2026-11-01", "2026-11-09"), row("new", "2026-11-05", "2026-11-05")]
    monkeypatch.setattr(mlrun, "get_run_db", lambda: SimpleNamespace(list_artifacts=lambda **_: rows))
    told = [(each.version, each.registered[:10]) for each in registered_versions("p")]
    assert told == [("new", "2026-11-05"), ("old", "2026-11-01")]


def test_what_the_gate_said_is_told_of_every_version_and_not_of_the_newest_rejected_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    def row(version: str, tag: str, **parameters: str) -> dict[str, Any]:
        metadata = {"key": "m", "project": "p", "uid": version, "tree": "t", "tag": tag}
        metadata["created"] = "2026-11-01T10:00:00+00:00"
        return {
            "kind": "model",
            "metadata": metadata,
            "spec": {"algorithm": "lightgbm", "parameters": {"version": version, **parameters}},
        }

    refused = {"promotion": "not promoted", "promotion_reason": "not better"}
    rows = [
        row("served", "production", promotion="promoted", promotion_reason="first model"),
        row("before", "", **refused),
        row("newest", "rejected", **refused),
        row("ancient", "rejected"),
    ]
    monkeypatch.setenv("NETOPS_HOME", str(tmp_path))
    monkeypatch.setattr(mlrun, "get_run_db", lambda: SimpleNamespace(list_artifacts=lambda **_: rows))
    monkeypatch.setattr(session, "open_session", lambda _: SimpleNamespace(mlrun_dbpath=""))
    monkeypatch.setattr(api_reader, "check_project", lambda *_: None)
    monkeypatch.setattr(endpoint, "running_endpoint", lambda *_: None)
    monkeypatch.setattr(registered, "end_promotion", lambda _: None)
    models("p")
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert lines["address"].endswith(
        "'netops replay --model' takes it: store://models/p/evaluate_model:production"
    )
    assert "not promoted" in lines["before"] and "rejected" not in lines["before"]
    assert all("not promoted" in lines[name] for name in ("newest", "ancient"))
    assert "not promoted" not in lines["served"] and "promoted" in lines["served"]
    models("p", as_json=True)
    told = {each["version"]: each for each in json.loads(capsys.readouterr().out)["versions"]}
    assert (told["before"]["gate"], told["before"]["rejected_for"]) == ("not promoted", "not better")


@pytest.mark.parametrize(
    ("said", "beside", "says"),
    [
        ("to be tried on live events", "promoted", "promoted"),
        ("to be tried on live events", "promoted by approval", "promoted by approval"),
        ("to be tried on live events", "", "promoted by approval"),
        ("waits for approval", "promoted by approval", "promoted by approval"),
        ("to be promoted after its rehearsal", "promoted by approval", "promoted"),
        ("not promoted after its trial", "", "promoted by request"),
        ("not promoted", "promoted", ""),
    ],
)
def test_a_further_horizon_is_promoted_by_approval_where_a_person_approved_the_primary_one(
    monkeypatch: pytest.MonkeyPatch, said: str, beside: str, says: str
) -> None:
    told: list[str] = []
    monkeypatch.setattr(
        mlrun.artifacts, "update_model", lambda _, parameters, **__: told.append(parameters["promotion"])
    )
    model = SimpleNamespace(spec=SimpleNamespace(parameters={"promotion": said}))
    assert registered.record_promotion(model, beside) == says
    assert told == ([says] if says else [])
