"""Endpoints that were deployed before an upgrade are told, with the command that replaces them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from project import attached_detectors, registered_versions
from project.cli import retrain
from project.code_digest import CODE, code_digest
from project.errors import NetopsError
from project.function_names import RUNNER, SERVING
from project.local.api.deployments.records import READY, Deployment, write_deployment
from project.local.api.records.store import Store
from project.local.api.settings import database_file
from project.settings import Settings
from project.summary import other_code
from project.summary.other_code import other_code_of

NOW = {CODE: code_digest()}
BEFORE = {CODE: "of another release"}


def told(
    monkeypatch: pytest.MonkeyPatch, deployed: dict[str, dict[str, str] | None], **settings: object
) -> list[str]:
    monkeypatch.setattr(other_code, "function_variables", lambda _dbpath, _project, name: deployed[name])
    return other_code_of(Settings(home=Path("unused"), **settings), "http://api", "netops-lab")


@pytest.mark.parametrize(
    ("serving", "runner", "named"),
    [
        (NOW, NOW, ""),
        (None, None, ""),
        (BEFORE, NOW, "serving was"),
        (NOW, {}, "runner was"),  # Earlier releases noted nothing.
        ({}, BEFORE, "serving and runner were"),
    ],
)
def test_functions_of_other_code_are_named_with_the_command(monkeypatch, serving, runner, named):
    found = told(monkeypatch, {SERVING: serving, RUNNER: runner})
    assert len(found) == bool(named)
    if named:
        assert found[0].startswith(f"{named} deployed with other code")
        assert "'netops serve --project netops-lab'" in found[0]


@pytest.mark.parametrize(
    ("code", "owned", "named"),
    [(NOW[CODE], True, False), ("of another release", True, True), ("", True, True), ("", False, False)],
)
def test_a_control_plane_of_other_code_is_told_with_the_commands(monkeypatch, code, owned, named):
    stack = SimpleNamespace(code=lambda: code)  # Earlier releases noted nothing.
    monkeypatch.setattr(other_code, "local_stack", lambda _: stack)
    session = SimpleNamespace(owned=owned, mlrun_dbpath="http://api")
    found = other_code.other_control_plane(Settings(home=Path("unused")), session)
    assert bool(found) == named
    if named:
        assert found.startswith("the control plane was started with other code")
        assert "'netops stop' and 'netops up' replace it" in found


def test_functions_of_other_code_are_told_while_the_control_plane_is_away(tmp_path, monkeypatch):
    """The next control plane starts them again as they were deployed."""
    api = tmp_path / "api"
    api.mkdir()
    store = Store(database_file(tmp_path))
    for name, variables in ((SERVING, BEFORE), (RUNNER, NOW)):
        env = [{"name": key, "value": value} for key, value in variables.items()]
        document = {"spec": {"env": [*env, {"name": "secret", "valueFrom": {}}]}}
        write_deployment(store, Deployment("netops-lab", name, port=9, state=READY), document)
    store.close()
    settings = Settings(home=tmp_path)
    (found,) = other_code_of(settings, "", "netops-lab")
    assert found.startswith("serving was deployed with other code")
    assert other_code_of(settings, "", "other") == []
    assert other_code_of(Settings(home=tmp_path / "none"), "", "netops-lab") == []


def test_on_a_cluster_nothing_is_known_of_it(monkeypatch):
    cluster = {
        "profile": "kubernetes",
        "source": "git://here",
        "streams": Path("/streams"),
        "mlrun_dbpath": "http://api",
    }
    assert told(monkeypatch, {SERVING: {}, RUNNER: {}}, **cluster) == []


def test_a_runner_that_cannot_read_the_state_of_now_is_told_to_be_an_earlier_one(monkeypatch, tmp_path):
    monkeypatch.setattr(other_code, "function_variables", lambda *_: BEFORE)

    def away(*_: object) -> None:
        raise NetopsError("state of the loop: must be of this release")

    runner = SimpleNamespace(address="http://runner")
    monkeypatch.setattr("project.api_reader.ready_endpoint", lambda *_: runner)
    monkeypatch.setattr("project.http_json.get_guarded", away)
    session = SimpleNamespace(mlrun_dbpath="http://api")
    answer, failure = retrain._of_runner(Settings(home=tmp_path), session, "netops-lab")
    assert answer is None
    assert failure.startswith(
        "no runner answers, so nothing is begun and nobody knows its mode: "
        "state of the loop: must be of this release; serving and runner were deployed"
    )
    assert "'netops serve --project netops-lab'" in failure


def test_detectors_that_an_endpoint_of_before_refuses_are_told_with_its_reason_and_the_command(
    monkeypatch, tmp_path
):
    monkeypatch.setattr(registered_versions, "evaluated_model", lambda *_: ("model", "rows"))
    reason = (
        '{"error":{"field":"body","rule":"saved missed incidents: format: must be 1, got 2"}}' + " " * 300
    )

    def refuse(*_: object) -> None:
        request = httpx.Request("PUT", "http://here/drift/detectors")
        httpx.Response(422, text=reason, request=request).raise_for_status()

    monkeypatch.setattr(attached_detectors, "attach_detectors", refuse)
    with pytest.raises(NetopsError) as raised:
        attached_detectors.watch_champion(
            "netops-lab", "v1", None, "http://here", "", Settings(home=tmp_path)
        )
    assert str(raised.value) == (
        "http://here: must take the detectors of the champion, got 422; next: "
        "'netops serve --project netops-lab' deploys the release that is installed, "
        "and attaches them; "
        f"the endpoint said: {reason[:200]}"
    )


def test_what_mlruns_command_line_writes_into_our_folder_is_no_code(tmp_path, monkeypatch):
    monkeypatch.setattr("project.code_digest.SOURCE_ROOT", tmp_path)
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "run.py").write_text("one")
    found = code_digest.__wrapped__()
    (tmp_path / "project" / "project.yaml").write_text("kind: project")
    assert code_digest.__wrapped__() == found
    (tmp_path / "project" / "run.py").write_text("two")
    assert code_digest.__wrapped__() != found
