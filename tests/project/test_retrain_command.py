"""``netops retrain`` tells what the runner says, and that none answers."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import mlrun
import pytest

from feature_sets.telemetry.schema import TelemetrySchema
from graphs.routing.document import CHAMPION, RoutedVersion, RoutingDocument
from project import (
    api_reader,
    endpoint_routing,
    last_run,
    orphaned_runs,
    production_model,
    registered_versions,
    report_sections,
    session,
)
from project.cli import endpoint, release, routing
from project.cli.history import history
from project.cli.models import models
from project.cli.retrain import retrain
from project.cli.runs import list_runs
from project.endpoint_routing import EndpointRouting, RefusedError
from project.errors import NetopsError
from project.retraining.state import Trial
from project.retraining.state_file import StateFile
from project.summary import measured_drift, other_code
from tests.project.fake_endpoint import fake_endpoint
from tests.project.retraining.test_policy import opened
from tests.project.test_measured_drift import TOLD, step
from training.evaluation.promotion_gate import after_rehearsal

OUTLOOK = {
    **{"waiting": "640 labeled rows", "rows": 640, "rows_needed": 1000, "units": 3, "units_needed": 5},
    **{"until": "", "until_reason": "", "runs_today": 2, "runs_a_day": 4, "found_again": 0, "newest": {}},
}


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Any:
    monkeypatch.setenv("NETOPS_HOME", str(tmp_path))
    monkeypatch.setenv("NETOPS_RETRAIN", "off")  # Of this shell, and not of the runner.
    monkeypatch.setattr(session, "existing_session", lambda _: SimpleNamespace(mlrun_dbpath=""))
    monkeypatch.setattr(api_reader, "projects", lambda _: ["p", "q"])
    monkeypatch.setattr(measured_drift, "runs", lambda *_, **__: [])
    monkeypatch.setattr(measured_drift, "production_version", lambda *_: "b")
    file = StateFile(tmp_path / "retraining", "p")
    with file.changing():
        file.write(opened())
    return tmp_path


def printed(capsys: Any, monkeypatch: pytest.MonkeyPatch, answer: Any) -> tuple[str, Any]:
    with fake_endpoint(lambda *_: (200, answer)) as address:
        monkeypatch.setattr(api_reader, "ready_endpoint", lambda *_: SimpleNamespace(address=address))
        retrain("p")
        text = capsys.readouterr().out
        retrain("p", as_json=True)
        return text, json.loads(capsys.readouterr().out)


def test_the_mode_is_that_of_the_runner_and_what_it_waits_for_is_told(
    home: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text, content = printed(capsys, monkeypatch, {"mode": "auto", "outlook": OUTLOOK})
    assert text.startswith("drift starts a training: auto, as the runner has it\nglr found drift at ")
    assert "waits for: 640 labeled rows\n" in text
    assert text.endswith("runs within 24 hours: 2 of 4, 2 left\n")
    assert (content["mode"], content["outlook"], content["no_runner"]) == ("auto", OUTLOOK, None)
    assert content["case"]["id"] == "e1"


def test_drift_that_a_run_has_measured_is_told_beside_what_is_waited_for(
    home: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measured_drift, "runs", lambda *_, **__: [step("b", True)])
    text, content = printed(capsys, monkeypatch, {"mode": "auto", "outlook": OUTLOOK})
    told = TOLD.replace(", which came at TIME", "").replace("since TIME", "since 2024-05-01T11:00:00+00:00")
    assert text.endswith(f"2 left\nrows: {told}\n")
    assert content["measured_drift"] == [told] and told != TOLD


def test_that_no_runner_answers_is_said(
    home: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: Any) -> Any:
        raise NetopsError("endpoint 'runner' must be ready, got none")

    monkeypatch.setattr(api_reader, "ready_endpoint", none)
    retrain("p")
    text = capsys.readouterr().out
    assert text.startswith(
        "no runner answers, so nothing is begun and nobody knows its mode: endpoint 'runner' must be ready"
    )
    assert "glr found drift" in text and "drift starts a training" not in text
    retrain("p", as_json=True)
    content = json.loads(capsys.readouterr().out)
    assert (content["mode"], content["outlook"]) == (None, None)
    assert "must be ready" in content["no_runner"]


def test_a_model_that_is_of_no_use_is_told_where_no_drift_is_answered(
    home: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    realized = {"average_precision": 0.02, "errors": 90, "rows": 5000}
    answer = {"mode": "auto", "outlook": OUTLOOK, "performance": {"realized": realized}}
    assert "NOT USABLE" not in printed(capsys, monkeypatch, answer)[0], "the drift says what is done"
    file = StateFile(home / "retraining", "p")
    with file.changing() as state:
        file.write(replace(state, case=None))
    text, _ = printed(capsys, monkeypatch, answer)
    assert "no drift is being answered\n" in text
    assert "THE MODEL IN PRODUCTION IS NOT USABLE: average precision 0.020 on the newest 5,000 labels" in text
    assert text.splitlines()[-1].startswith("next: netops run --project p --set 'training_window=since TIME'")
    realized["average_precision"] = 0.9
    assert "NOT USABLE" not in printed(capsys, monkeypatch, answer)[0]


def test_a_runner_of_an_earlier_version_is_said(
    home: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text, _ = printed(capsys, monkeypatch, {"mode": "auto"})
    assert text.startswith(
        "the runner is of an earlier version, and does not tell what it waits for; "
        "'netops serve --project p' deploys it anew\n"
    )


def test_what_a_runner_answers_instead_is_said_and_not_that_none_does(
    home: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    error = {"error": {"field": "state of the loop", "rule": "must be known", "got": "later"}}
    monkeypatch.setattr(other_code, "function_variables", lambda *_: None)
    with fake_endpoint(lambda *_: (503, error)) as address:
        monkeypatch.setattr(api_reader, "ready_endpoint", lambda *_: SimpleNamespace(address=address))
        retrain("p")
        text = capsys.readouterr().out
    assert text.startswith("the runner does not tell what it does, it answers with 503: http://127.0.0.1:")
    assert "(state of the loop: must be known, got later)" in text and "no runner answers" not in text
    retrain("p")  # The same address, where nobody answers any more.
    assert capsys.readouterr().out.startswith("no runner answers, so nothing is begun")


@pytest.mark.parametrize("command", [history, list_runs, models, retrain])
def test_a_project_that_does_not_exist_is_refused_and_those_that_do_are_named(
    home: Any, monkeypatch: pytest.MonkeyPatch, command: Any
) -> None:
    monkeypatch.setattr(session, "open_session", lambda _: SimpleNamespace(mlrun_dbpath=""))
    monkeypatch.setattr(orphaned_runs, "settle", lambda *_: None)
    with pytest.raises(NetopsError, match="there is no project 'absent'; there are p, q"):
        command(project="absent")
    assert not list(home.rglob("*absent*"))


def test_without_an_api_the_state_of_the_loop_is_told_all_the_same(
    home: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none(*_: Any) -> Any:
        raise NetopsError("nothing is running")

    monkeypatch.setattr(session, "existing_session", none)
    retrain(project="p")
    assert "no runner answers" in capsys.readouterr().out


class Approval:
    """An endpoint and a registry in which a candidate waits; what is done is noted."""

    def __init__(self) -> None:
        self.champion, self.production = "v1", "v1"
        self.is_up, self.refuses, self.schema = True, False, TelemetrySchema.load().to_dict()
        self.done: list[str] = []

    def routing(self, *_: Any) -> Any:
        return EndpointRouting(
            RoutingDocument((RoutedVersion(self.champion, CHAMPION, "m", "a" * 64),)), 1, {}, []
        )

    def promote(self, _settings: Any, _project: str, version: str, why: str, **more: Any) -> None:
        assert more == {"as_json": False, "force": True, "told": False}
        if self.refuses:
            raise RefusedError("the endpoint refuses the change: another schema")
        self.done.append(f"{why}: {version}")
        self.champion = self.production = version

    def watch(self, _settings: Any, _dbpath: str, _project: str, version: str, _address: str) -> None:
        self.done.append(f"watched: {version}")

    def record(self, _project: str) -> None:
        self.done.append(f"recorded: {self.production}")

    def release(self, _settings: Any, _session: Any, _project: str, version: str, _console: Any) -> str:
        self.done.append(f"released: {version}")
        return "run-7"


@pytest.fixture
def approval(home: Any, monkeypatch: pytest.MonkeyPatch) -> Approval:
    found = Approval()
    file = StateFile(home / "retraining", "p")
    with file.changing() as state:
        file.write(replace(state, candidate="v2"))
    monkeypatch.setattr(session, "open_session", lambda _: SimpleNamespace(mlrun_dbpath=""))
    up = SimpleNamespace(address="http://there")
    monkeypatch.setattr(endpoint, "running_endpoint", lambda *_: up if found.is_up else None)
    monkeypatch.setattr(endpoint_routing, "read_routing", found.routing)
    monkeypatch.setattr(last_run, "recall", lambda *_: SimpleNamespace(schema=found.schema))
    monkeypatch.setattr(production_model, "production_version", lambda *_: found.production)
    monkeypatch.setattr(routing, "promote_version", found.promote)
    monkeypatch.setattr(routing, "watch", found.watch)
    monkeypatch.setattr(registered_versions, "end_promotion", found.record)
    monkeypatch.setattr(release, "release_version", found.release)
    monkeypatch.setattr(api_reader, "endpoints", lambda *_: [])
    return found


def outcome(home: Any) -> tuple[str, str, str]:
    state = StateFile(home / "retraining", "p").read()
    return state.candidate, state.decisions[-1].outcome, state.decisions[-1].run_id


def test_an_approved_candidate_takes_over_in_the_running_endpoint_at_once(
    home: Any, approval: Approval, capsys: pytest.CaptureFixture[str]
) -> None:
    retrain("p", approve=True, as_json=True)
    told = capsys.readouterr()
    assert json.loads(told.out)["candidate"] == ""  # One document, whatever else was done.
    assert "version v2 is in production, instead of v1" in told.err
    assert (approval.done, outcome(home)) == (["approved: v2"], ("", "promoted", ""))


@pytest.mark.parametrize("because", ["none is up", "it refuses", "further horizons"])
def test_where_the_endpoint_cannot_take_it_an_approved_candidate_is_released(
    home: Any, approval: Approval, because: str
) -> None:
    approval.is_up, approval.refuses = because != "none is up", because == "it refuses"
    if because == "further horizons":
        approval.schema = {**approval.schema, "horizon": ["0s", "10m"]}
    retrain("p", approve=True)
    assert (approval.done, outcome(home)) == (["released: v2"], ("", "promoted", "run-7"))


def test_an_approval_that_was_killed_before_the_loop_was_told_is_ended_by_the_next(
    home: Any, approval: Approval
) -> None:
    approval.champion = approval.production = "v2"
    retrain("p", approve=True)
    # It may have been killed before the detectors were attached, or the promotion was recorded.
    assert (approval.done, outcome(home)) == (["watched: v2", "recorded: v2"], ("", "promoted", ""))


def test_a_person_who_resumes_is_told_so(home: Any, monkeypatch: Any, capsys: Any) -> None:
    file = StateFile(home / "retraining", "p")
    with file.changing() as state:
        file.write(replace(state, hold_until="2099-01-01T00:00:00+00:00", hold_reason="cool-down"))
    with fake_endpoint(lambda *_: (200, {"mode": "auto", "outlook": OUTLOOK})) as address:
        monkeypatch.setattr(api_reader, "ready_endpoint", lambda *_: SimpleNamespace(address=address))
        retrain("p", resume=True)
    told = capsys.readouterr()
    assert told.err == "resumed: failures, pauses, cool-down and hold are forgotten\n"
    assert "cool-down" not in told.out


@pytest.mark.parametrize("is_up", [True, False])
def test_a_candidate_that_a_person_declines_says_so(
    home: Any, approval: Approval, monkeypatch: Any, capsys: Any, is_up: bool
) -> None:
    said = {"promotion": "waits for approval", "promotion_reason": "better"}
    model = SimpleNamespace(tree="run", spec=SimpleNamespace(parameters=said))
    monkeypatch.setattr(registered_versions, "find_version", lambda *_: SimpleNamespace(artifact=model))
    monkeypatch.setattr(report_sections, "tell_gate_of", lambda *_: None)
    monkeypatch.setattr(mlrun.artifacts, "update_model", lambda _, parameters, **__: said.update(parameters))
    untagged: list[str] = []
    database = SimpleNamespace(delete_artifacts_tags=lambda *_, tag_name: untagged.append(tag_name))
    monkeypatch.setattr(mlrun, "get_run_db", lambda: database)
    if not is_up:
        monkeypatch.setattr("project.cli.retrain._session", lambda _: (None, "nothing is running"))
    retrain("p", decline=True)
    told = capsys.readouterr().err
    assert "declined: version v2\n" in told
    assert ("goes on to say that it waits for approval" in told) is not is_up
    assert said["promotion"] == ("declined" if is_up else "waits for approval")
    assert untagged == (["candidate"] if is_up else [])
    if is_up:
        assert after_rehearsal(said["promotion"]) == "promoted by request"


def test_a_drift_that_a_person_declines_is_told(home: Any, approval: Approval, capsys: Any) -> None:
    file = StateFile(home / "retraining", "p")
    with file.changing() as state:
        file.write(replace(state, candidate=""))
    retrain("p", decline=True)
    assert capsys.readouterr().err == "declined: the drift\n"


def test_a_version_that_is_declined_in_shadow_is_named(home: Any, approval: Approval, capsys: Any) -> None:
    begun, until = "2026-01-01T12:00:00+00:00", "2099-01-01T12:00:00+00:00"
    trial = Trial("v3", "v1", "run", 5000, "shadow", begun, until, "2026-01-01T00:00:00+00:00")
    file = StateFile(home / "retraining", "p")
    with file.changing() as state:
        file.write(replace(state, candidate="", trial=trial))
    retrain("p", decline=True)
    assert capsys.readouterr().err == "declined: version v3 in shadow\n"


def test_a_training_of_a_weak_model_that_is_declined_is_no_drift(
    home: Any, approval: Approval, capsys: Any
) -> None:
    file = StateFile(home / "retraining", "p")
    with file.changing() as state:
        file.write(replace(state, candidate="", case=replace(state.case, weak=True)))
    retrain("p", decline=True)
    assert capsys.readouterr().err == "declined: a training of the weak model\n"
