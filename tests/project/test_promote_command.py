"""``netops promote``: the routing of the endpoint and the tag of production move together, or none does."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from feature_sets.telemetry.schema import TelemetrySchema
from graphs.routing.document import CANARY, CHAMPION, RoutedVersion, RoutingDocument
from project import (
    api_reader,
    attached_detectors,
    endpoint_routing,
    last_run,
    production_model,
    registered_versions,
    session,
)
from project.cli import endpoint, models, routing
from project.endpoint_routing import EndpointRouting
from project.errors import NetopsError
from project.http_json import AbsentError
from project.retraining.state import Decision
from project.retraining.state_file import StateFile
from tests.project.test_workflow_job import another_process_holds

DOCUMENT = RoutingDocument((RoutedVersion("one", CHAMPION, "m1", "a" * 64),))


class Artifact:
    """The model of the other version, as it is registered."""

    def __init__(self) -> None:
        self.spec = SimpleNamespace(parameters={"version": "two"})
        self.tree = "run"

    def __str__(self) -> str:
        return "artifact of two"


class Endpoint:
    """An endpoint that takes every change, and a registry of one other version."""

    def __init__(self) -> None:
        self.document = DOCUMENT
        self.asked: list[dict[str, Any]] = []
        self.tagged: list[str] = []
        self.watched: list[tuple[str, str, str, str]] = []
        self.fails = False
        self.looked: list[str] = []
        self.tags: tuple[str, ...] = ()
        self.rejected_for = ""
        self.artifact = Artifact()

    def read(self, address: str, token: str) -> EndpointRouting:
        return EndpointRouting(self.document, len(self.asked), {"two": 4}, [])

    def change(self, address: str, token: str, document: RoutingDocument, *args: Any, **more: Any) -> Any:
        self.document = document
        self.asked.append({"champion": document.champion.version, "arguments": args, **more})
        return {"outcome": "applied"}

    def watch(self, project: str, version: str, _schema: Any, address: str, *more: Any) -> None:
        callback, _settings, detectors = more
        self.watched.append((version, address, callback, detectors))
        if self.fails:
            raise NetopsError("no predictions")

    def find(self, project: str, text: str) -> Any:
        def routed(role: str, share: float = 0.0) -> RoutedVersion:
            return RoutedVersion("two", role, "m2", "b" * 64, share)

        return SimpleNamespace(
            version="two",
            routed=routed,
            artifact=self.artifact,
            tags=self.tags,
            algorithm="forest",
            registered="2026-11-01T00:00:00",
            rejected_for=self.rejected_for,
            gate="promoted",
        )


@pytest.fixture
def up(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Endpoint:
    found = Endpoint()
    monkeypatch.setenv("NETOPS_HOME", str(tmp_path))
    opened = SimpleNamespace(mlrun_dbpath="")
    monkeypatch.setattr(session, "open_session", lambda settings: opened)
    monkeypatch.setattr(
        endpoint, "running_endpoint", lambda *arguments: SimpleNamespace(address="http://there")
    )
    monkeypatch.setattr(endpoint_routing, "read_routing", found.read)
    monkeypatch.setattr(endpoint_routing, "change_routing", found.change)
    monkeypatch.setattr(registered_versions, "find_version", found.find)
    monkeypatch.setattr(registered_versions, "end_promotion", found.looked.append)
    monkeypatch.setattr(attached_detectors, "watch_champion", found.watch)
    known = {"schema": TelemetrySchema.load().to_dict(), "arguments": {"detectors": "river.adwin"}}
    monkeypatch.setattr(last_run, "recall", lambda *_: SimpleNamespace(**known))
    monkeypatch.setattr(api_reader, "ready_endpoint", lambda *_: SimpleNamespace(address="http://runner"))
    monkeypatch.setattr(api_reader, "projects", lambda _: ["netops"])
    return found


def tagging(monkeypatch: pytest.MonkeyPatch, tag: Any) -> None:
    import mlrun

    database = SimpleNamespace(tag_artifacts=tag, list_artifacts=lambda **_: [])
    monkeypatch.setattr(mlrun, "get_run_db", lambda: database)


def test_routing_and_tag_move_together(
    up: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tagging(monkeypatch, lambda model, project, tag_name: up.tagged.append(f"{tag_name}: {model}"))
    routing.promote("tw", why="better")
    (asked,) = up.asked
    who, why, revision, declared = asked["arguments"]
    assert (asked["champion"], why, revision, declared) == ("two", "better", 0, True)
    assert who.count("@") == 1
    assert up.tagged == ["production: artifact of two"]
    assert up.watched == [("two", "http://there", "http://runner/drift", "river.adwin")]
    assert capsys.readouterr().out == "champion two, 4 of them\n"
    up.tags = ("production",)
    with pytest.raises(NetopsError, match="must be another than the champion"):
        routing.promote("tw")


@pytest.mark.parametrize("command", ["promote", "canary"])
def test_a_version_that_the_gate_rejected_answers_nobody_unless_that_is_meant(
    up: Endpoint, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    tagging(monkeypatch, lambda *_, **__: None)
    up.rejected_for = "average precision 0.41 is worse than 0.62"
    share = {"share": 0.2} if command == "canary" else {}
    with pytest.raises(NetopsError, match=r"rejected by the gate: average precision 0.41.*--force"):
        getattr(routing, command)("tw", **share)
    assert up.asked == []
    getattr(routing, command)("tw", force=True, **share)
    assert len(up.asked) == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("waits for approval", "promoted by approval"),
        ("to be promoted after its rehearsal", "promoted"),
        ("not promoted", "not promoted"),
        ("promoted", "promoted"),
    ],
)
def test_a_model_that_waited_for_approval_does_not_say_so_any_more(
    up: Endpoint, monkeypatch: pytest.MonkeyPatch, before: str, after: str
) -> None:
    import mlrun

    def update(model: Any, parameters: dict[str, str], write_spec_copy: bool) -> None:
        model.spec.parameters.update(parameters)

    tagging(monkeypatch, lambda *_, **__: None)
    monkeypatch.setattr(mlrun.artifacts, "update_model", update)
    up.artifact.spec.parameters["promotion"] = before
    routing.promote("tw")
    assert up.artifact.spec.parameters["promotion"] == after


def of_loop(tmp_path: Any, *outcomes: tuple[str, str]) -> None:
    """Have the loop have decided so of the version "two", or of others."""
    file = StateFile(tmp_path / "retraining", "netops")
    decided = [
        Decision(f"2026-11-0{day}T10:00:00+00:00", outcome, "clearly worse on site oslo", after=version)
        for day, (outcome, version) in enumerate(outcomes, start=1)
    ]
    with file.changing() as state:
        file.write(replace(state, decisions=tuple(decided)))


@pytest.mark.parametrize("command", ["promote", "canary"])
@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        (
            [("rejected", "two")],
            r"was rejected at 2026-11-01 10:00: clearly worse on site oslo; next: --force",
        ),
        ([("in shadow", "two"), ("declined", "two")], "was declined at 2026-11-02 10:00 clearly worse"),
        ([("promoted", "two"), ("rejected", "two")], "was rejected at 2026-11-02"),
    ],
)
def test_a_version_whose_trial_was_rejected_answers_nobody_unless_that_is_meant(
    up: Endpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, command: str, outcomes: Any, said: str
) -> None:
    tagging(monkeypatch, lambda *_, **__: None)
    of_loop(tmp_path, *outcomes)
    share = {"share": 0.2} if command == "canary" else {}
    with pytest.raises(NetopsError, match=said):
        getattr(routing, command)("tw", **share)
    assert up.asked == []
    getattr(routing, command)("tw", force=True, **share)
    assert len(up.asked) == 1


@pytest.mark.parametrize(
    "outcomes",
    [
        [("rejected", "other")],
        [("rejected", "two"), ("promoted", "two")],
        [("rejected", "two"), ("rolled back", "two")],
        [("not enough data", "two")],
        [("staged", "two")],
    ],
)
def test_a_version_that_nobody_has_turned_down_since_is_promoted(
    up: Endpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, outcomes: Any
) -> None:
    tagging(monkeypatch, lambda *_, **__: None)
    of_loop(tmp_path, *outcomes)
    routing.promote("tw")
    assert up.document.champion.version == "two"


@pytest.mark.parametrize(
    ("tags", "parameters", "reason"),
    [
        (("rejected",), {"promotion": "not promoted", "promotion_reason": "worse"}, "worse"),
        ((), {"promotion": "not promoted", "promotion_reason": "worse"}, "worse"),  # A newer one has the tag.
        (("rejected",), {}, "the reason is not recorded"),
        (("production",), {"promotion": "promoted", "promotion_reason": "better"}, ""),
    ],
)
def test_a_registered_version_knows_why_it_was_rejected(
    tags: tuple[str, ...], parameters: dict[str, str], reason: str
) -> None:
    assert registered_versions._rejected_for(parameters, tags) == reason


def test_a_champion_that_cannot_be_watched_serves_and_a_line_says_so(
    up: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tagging(monkeypatch, lambda *_, **__: None)
    up.fails = True
    routing.promote("tw", as_json=True)
    assert up.document.champion.version == "two"
    said = capsys.readouterr()
    assert said.err == "the champion is not watched for drift: no predictions\n"
    assert json.loads(said.out)["unwatched"] == "no predictions"


def test_without_a_loop_a_runner_that_is_away_keeps_no_champion_from_being_watched(
    up: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def away(*arguments: Any) -> None:
        raise NetopsError("runner is not ready")

    tagging(monkeypatch, lambda *_, **__: None)
    monkeypatch.setattr(api_reader, "ready_endpoint", away)
    routing.promote("tw")
    assert not up.watched
    assert capsys.readouterr().err == "the champion is not watched for drift: runner is not ready\n"
    up.document = DOCUMENT
    monkeypatch.setenv("NETOPS_RETRAIN", "off")
    routing.promote("tw")
    assert up.watched == [("two", "http://there", "", "river.adwin")]
    assert capsys.readouterr().err == "MLRun is not told of drift: runner is not ready\n"


def test_a_tag_that_cannot_be_moved_brings_the_champion_back(
    up: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*arguments: Any, **more: Any) -> None:
        raise OSError("no route to host")

    tagging(monkeypatch, away)
    with pytest.raises(NetopsError, match="the champion of before is back: no route to host"):
        routing.promote("tw")
    assert [asked["champion"] for asked in up.asked] == ["two", "one"]


def test_a_tag_that_a_killed_command_left_behind_is_told_and_moved(
    up: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def killed(*arguments: Any, **more: Any) -> None:
        raise KeyboardInterrupt

    tagging(monkeypatch, killed)
    with pytest.raises(KeyboardInterrupt):
        routing.promote("tw")
    about = {"algorithm": "", "registered": "", "gate": "promoted", "rejected_for": ""}
    one = SimpleNamespace(version="one", tags=("production",), **about)
    two = up.find("", "two")
    monkeypatch.setattr(registered_versions, "registered_versions", lambda project: [one, two])
    models.models()
    assert capsys.readouterr().out.splitlines()[-1] == (
        "the endpoint answers with two, and one has the tag production: "
        "'netops promote two --project netops' moves the tag, "
        "'netops serve --project netops' deploys what has it"
    )
    tagging(monkeypatch, lambda model, project, tag_name: up.tagged.append(f"{tag_name}: {model}"))
    routing.promote("tw")
    assert up.tagged == ["production: artifact of two"] and len(up.asked) == 1
    monkeypatch.setattr(two, "tags", ("production",))
    monkeypatch.setattr(one, "tags", ())
    capsys.readouterr()
    models.models()
    assert "tag" not in capsys.readouterr().out.splitlines()[-1]
    # Whoever looks records a promotion that was killed before it was recorded.
    assert up.looked == ["netops", "netops"]


def test_models_are_listed_beside_an_endpoint_without_a_routing(
    up: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def absent(address: str, token: str) -> EndpointRouting:
        raise AbsentError("404")

    monkeypatch.setattr(endpoint_routing, "read_routing", absent)
    monkeypatch.setattr(registered_versions, "registered_versions", lambda project: [up.find("", "two")])
    models.models()
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("two") and lines[-1].startswith("the endpoint is of an earlier version")


def test_a_canary_does_not_move_the_tag_and_ends_by_name(up: Endpoint) -> None:
    routing.canary("tw", share=0.2)
    assert up.document.canaries == (RoutedVersion("two", CANARY, "m2", "b" * 64, 0.2),)
    assert up.asked[0]["arguments"][-1] is False
    with pytest.raises(NetopsError, match="'tw' must be a shadow: there is none"):
        routing.shadow("tw", off=True)
    routing.canary("tw", off=True)
    assert up.document == DOCUMENT


def test_nothing_is_changed_while_no_endpoint_is_up(up: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "running_endpoint", lambda *arguments: None)
    monkeypatch.setattr(api_reader, "check_production_model", lambda *arguments: None)
    monkeypatch.setattr(production_model, "production_version", lambda dbpath, project: "one")
    with pytest.raises(NetopsError, match="must be up; 'netops serve --project netops' starts it"):
        routing.shadow("tw")
    assert up.asked == []


def test_a_version_comes_into_production_where_none_is_without_an_endpoint(
    up: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    def absent(dbpath: str, project: str) -> None:
        raise NetopsError(f"project '{project}' has no model in production; the gate kept out")

    tagging(monkeypatch, lambda model, project, tag_name: up.tagged.append(f"{tag_name}: {model}"))
    recorded: list[Any] = []
    monkeypatch.setattr(registered_versions, "record_primary", lambda project, model: recorded.append(model))
    monkeypatch.setattr(endpoint, "running_endpoint", lambda *arguments: None)
    monkeypatch.setattr(api_reader, "check_production_model", absent)
    monkeypatch.setattr(production_model, "production_version", lambda dbpath, project: "")
    with pytest.raises(NetopsError, match="has no model in production"):
        routing.shadow("tw")
    monkeypatch.setattr(registered_versions, "registered_versions", lambda project: [up.find("", "two")])
    models.models()
    assert capsys.readouterr().out.splitlines()[-1] == (
        "no endpoint is up, so none has a role; no model is in production, either: "
        "'netops promote VERSION --project netops' puts one there"
    )
    up.rejected_for = "it was worse"
    with pytest.raises(NetopsError, match="rejected by the gate: it was worse; next: --force"):
        routing.promote("tw")
    assert up.tagged == recorded == []
    routing.promote("tw", force=True)
    assert capsys.readouterr().out == (
        "version two is in production: 'netops serve --project netops' has it answer\n"
    )
    assert up.tagged == [f"production: {up.artifact}"] and recorded == [up.artifact]
    assert up.asked == up.watched == []
    (decision,) = StateFile(tmp_path / "retraining", "netops").every_decision()
    assert (decision.outcome, decision.before, decision.after) == ("promoted", "", "two")
    assert decision.reason.count("@") == 1 and decision.reason.endswith(": none was given")


def test_a_version_is_promoted_in_the_middle_of_a_training(
    up: Endpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    tagging(monkeypatch, lambda *_, **__: None)
    with another_process_holds(tmp_path, "netops"):
        routing.promote("tw")
    assert up.document.champion.version == "two"


def test_what_was_superseded_says_so_and_answers_nobody_unless_that_is_meant(
    up: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = up.find("", "two")
    found.gate, found.rejected_for = "superseded", "it was evaluated beside version one"
    monkeypatch.setattr(registered_versions, "find_version", lambda *_: found)
    with pytest.raises(NetopsError, match=r"was superseded: it was evaluated beside version one.*--force"):
        routing.promote("tw")
