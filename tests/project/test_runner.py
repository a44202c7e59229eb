import json
import threading
from dataclasses import replace
from types import SimpleNamespace

import mlrun
import nuclio_sdk
import pytest
from mlrun.common.schemas.alert import AlertsModes

from feature_sets.telemetry.schema import TelemetrySchema
from project import runner
from project.errors import NetopsError
from project.last_run import LastRun, schema_digest
from project.retraining.loop import Loop
from project.retraining.mlrun_events import MlrunEvents
from project.retraining.next_run import Evidence
from project.retraining.state_file import StateFile
from project.retraining_policy import RetrainingPolicy
from project.run_lock import COMMAND, held
from project.settings import Settings
from tests.project.retraining.test_policy import NOW, told


class FakeRun:
    """Workflow processes that are only noted."""

    started = ()
    known = ()
    alive = True

    def __init__(self, run_id="abc", project="p"):
        self.run_id = run_id
        self.request = {"project": project, "workflow": "main", "arguments": {}}

    @classmethod
    def start(cls, settings, project, workflow, arguments):
        cls.started = (project, workflow, arguments)
        cls.known = (*cls.known, cls())
        return cls.known[-1]

    @classmethod
    def all(cls, settings):
        return list(cls.known)

    @classmethod
    def running(cls, settings, project):
        assert project == settings.project
        return list(cls.known) if cls.alive else []

    def wait_for_run_id(self):
        return self.run_id

    def status(self):
        return {"run_id": self.run_id, "state": "running", "error": ""}


@pytest.fixture
def context(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "WorkflowProcess", FakeRun)
    monkeypatch.setattr(runner, "recall", lambda _dbpath, _project: None)
    monkeypatch.setattr(FakeRun, "known", ())
    monkeypatch.setattr(FakeRun, "alive", True)
    settings = Settings(home=tmp_path, token="secret", project="p")
    data = SimpleNamespace(settings=settings, lock=threading.Lock())
    return SimpleNamespace(user_data=data, Response=nuclio_sdk.Response)


def ask(context, method="POST", path="/runs", body=b"{}", token="secret"):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    event = nuclio_sdk.Event(body=body, method=method, path=path, headers=headers)
    answer = runner.handler(context, event)
    return answer.status_code, json.loads(answer.body)


def test_a_run_is_started_and_its_id_answered(context):
    body = json.dumps({"workflow": "main", "arguments": {"seed": 3}}).encode()
    assert ask(context, body=body) == (202, {"run_id": "abc", "workflow": "main"})
    assert FakeRun.started == ("p", "main", {"seed": 3})


def test_a_second_run_is_refused_while_the_first_is_under_way(context):
    ask(context)
    status, content = ask(context)
    assert status == 409
    assert content["error"]["got"] == "abc"
    FakeRun.alive = False
    assert ask(context)[0] == 202


def remembered(telemetry):
    return LastRun({"telemetry": telemetry, "seed": 5}, {}, "", "r", "main", "2024-05-01T12:00:00+00:00")


def test_an_empty_request_repeats_the_last_run(context, monkeypatch, tmp_path):
    memory = remembered(str(tmp_path))
    memory.schema.update(TelemetrySchema.load().to_dict())
    memory = replace(memory, digest=schema_digest(memory.schema))
    monkeypatch.setattr(runner, "recall", lambda _dbpath, _project: memory)
    assert ask(context, body=b'{"workflow": "main", "arguments": {}}')[0] == 202
    assert FakeRun.started == ("p", "main", {"telemetry": str(tmp_path), "seed": 5})


def test_telemetry_that_vanished_is_answered_with_422(context, monkeypatch, tmp_path):
    monkeypatch.setattr(runner, "recall", lambda _dbpath, _project: remembered(str(tmp_path / "none")))
    status, content = ask(context)
    assert (status, content["error"]["field"]) == (422, "arguments.telemetry")
    assert not FakeRun.known


def test_a_run_of_the_command_line_makes_the_runner_busy(context, tmp_path):
    with held(tmp_path, "p", "netops run", COMMAND):
        status, content = ask(context)
    assert status == 409
    assert "netops run" in content["error"]["rule"]
    assert not FakeRun.known
    assert ask(context)[0] == 202


@pytest.mark.parametrize("token", ["", "wrong", "secret2"])
def test_a_missing_or_wrong_token_is_refused(context, token):
    status, content = ask(context, token=token)
    assert status == 401
    assert content["error"]["field"] == "authorization"
    assert "secret" not in json.dumps(content).replace("secret2", "")


def test_the_runner_takes_the_role_admin_and_asks_for_it(context):
    context.user_data.settings = replace(context.user_data.settings, write_token="data")
    event = SimpleNamespace(method="GET", path="/runs", body=b"", headers={"Authorization": "Bearer data"})
    response = runner.handler(context, event)
    assert response.status_code == 403
    assert "insufficient_scope" in response.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"{", 400, "body"),
        (b"[]", 400, "body"),
        (b'{"workflow": "other"}', 422, "workflow"),
        (b'{"workflow": ["main"]}', 422, "workflow"),
        (b'{"arguments": []}', 422, "arguments"),
        (b'{"arguments": {"sead": 1}}', 422, "arguments.sead"),
        (b'{"arguments": {"seed": "1"}}', 422, "arguments.seed"),
        (b'{"arguments": {"seed": 1.0}}', 422, "arguments.seed"),
        (b'{"arguments": {"promote": "true"}}', 422, "arguments.promote"),
    ],
)
def test_bad_requests_name_the_field(context, body, status, field):
    answered, content = ask(context, body=body)
    assert answered == status
    assert content["error"]["field"] == field
    assert set(content["error"]) == {"field", "rule", "got"}


def test_the_runs_of_the_project_are_listed_newest_first(context):
    assert ask(context, "GET") == (200, {"runs": []})
    FakeRun.known = (FakeRun("first"), FakeRun("other", project="q"), FakeRun("second"))
    assert ask(context, "GET", token="")[0] == 401
    status, content = ask(context, "GET")
    assert status == 200
    assert [run["run_id"] for run in content["runs"]] == ["second", "first"]
    assert content["runs"][0] == {"workflow": "main", "run_id": "second", "state": "running", "error": ""}


def test_a_request_that_a_loss_of_power_has_cut_hides_no_other_run(context, monkeypatch):
    cut = FakeRun("cut")
    monkeypatch.setattr(cut, "request", {})
    FakeRun.known = (FakeRun("first"), cut)
    assert [run["run_id"] for run in ask(context, "GET")[1]["runs"]] == ["first"]


def test_the_state_of_the_last_run_can_be_read(context):
    assert ask(context, "GET", "/runs/abc")[0] == 404
    ask(context)
    assert ask(context, "GET", "/runs/abc") == (200, {"run_id": "abc", "state": "running", "error": ""})
    assert ask(context, "DELETE", "/runs/abc")[0] == 405
    assert ask(context, "GET", "/other")[0] == 404


class FakeOperations:
    """An installation in which version v1 is in production, and little is labeled."""

    away = False

    def champion(self):
        return "v1"

    def evidence(self, onset):
        if self.away:
            raise NetopsError("the API is away")
        return Evidence(640, 3, 9e4, 100)


@pytest.fixture
def looping(context, tmp_path):
    file = StateFile(context.user_data.settings.loops, "p")
    context.user_data.loop = Loop(file, FakeOperations(), "auto", RetrainingPolicy(), lambda: NOW)
    return context


def test_a_drift_is_taken_once_and_the_loop_says_what_it_does(looping):
    body = json.dumps(told()).encode()
    for _ in range(2):
        status, content = ask(looping, path="/drift", body=body)
        assert status == 202
        assert (content["case"]["id"], content["mode"], content["attempt"]) == ("e1", "auto", None)
        assert content["last"]["outcome"] == "opened"
    assert ask(looping, "GET", "/drift")[1]["case"] == content["case"]
    assert len(StateFile(looping.user_data.settings.loops, "p").read().decisions) == 1


def test_the_loop_says_what_it_waits_for_in_figures(looping, monkeypatch):
    assert ask(looping, "GET", "/drift")[1]["outlook"]["waiting"] == "drift"
    for number in (1, 2, 3):
        event = told(number, group="oslo" if number == 3 else "")
        ask(looping, path="/drift", body=json.dumps(event).encode())
    found = ask(looping, "GET", "/drift")[1]["outlook"]
    newest = found.pop("newest")
    assert found.pop("next").startswith("see what has changed on the network since then; ")
    assert found == {
        "waiting": "640 of 1,000 labeled rows since 2024-05-01T11:00:00 UTC",
        "rows": 640,
        "rows_needed": 1000,
        "units": 3,
        "units_needed": 5,
        "until": "",
        "until_reason": "",
        "runs_today": 0,
        "runs_a_day": 8,
        "found_again": 2,
    }
    assert (newest["source"], newest["group"]) == ("glr", "oslo")
    monkeypatch.setattr(FakeOperations, "away", True)
    found = ask(looping, "GET", "/drift")[1]["outlook"]
    assert found["next"] == ""
    assert (found["rows"], found["waiting"]) == (None, "labeled rows cannot be counted: the API is away")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_loop_takes_the_token(looping, method):
    assert ask(looping, method, "/drift", token="wrong")[0] == 401


@pytest.fixture
def alerts():
    before = mlrun.mlconf.alerts.mode
    mlrun.mlconf.alerts.mode = AlertsModes.enabled
    yield
    mlrun.mlconf.alerts.mode = before


@pytest.mark.usefixtures("alerts")
def test_without_a_loop_a_drift_is_told_to_mlrun_and_starts_nothing(context, monkeypatch):
    generated = []

    def generate_event(name, event, project):
        if not generated:
            generated.append("away")
            raise mlrun.errors.MLRunRuntimeError("away")
        generated.append((event.value_dict["id"], project))

    monkeypatch.setattr(mlrun, "get_run_db", lambda: SimpleNamespace(generate_event=generate_event))
    data = context.user_data
    data.settings = replace(data.settings, retrain="off")
    data.loop, data.events = None, MlrunEvents("p")
    body = json.dumps(told()).encode()
    status, content = ask(context, path="/drift", body=body)
    assert (status, content["error"]["field"]) == (503, "MLRun API")
    assert ask(context, path="/drift", body=body) == (202, {"mode": "off"})
    assert ask(context, path="/drift", body=json.dumps(told(2, level="cleared")).encode())[0] == 202
    assert generated == ["away", ("e1", "p")]
    assert not context.user_data.settings.loops.exists()
    status, content = ask(context, "GET", "/drift")
    assert (status, content["mode"], content["outlook"]) == (200, "off", None)
    assert content["waiting"] == "NETOPS_RETRAIN is off: drift starts no training"


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        (None, 400, "body"),
        ({"id": ""}, 422, "id"),
        ({"version": 1}, 422, "version"),
        ({"event": []}, 422, "event"),
        ({"event": {**told()["event"], "level": "warning"}}, 422, "event.level"),
        ({"event": {**told()["event"], "level": "alarm"}}, 422, "event.level"),
        ({"event": {**told()["event"], "onset": "noon"}}, 422, "event.onset"),
        ({"event": {**told()["event"], "value": "high"}}, 422, "event.value"),
        ({"event": {**told()["event"], "n_seen": None}}, 422, "event.n_seen"),
        ({"event": {**told()["event"], "since_onset": True}}, 422, "event.since_onset"),
        ({"event": {**told()["event"], "source": ["glr"]}}, 422, "event.source"),
        ({"event": {"source": "glr"}}, 422, "event"),
        ({"event": {**told()["event"], "devices": {"more": 1}}}, 422, "event.devices"),
    ],
)
def test_a_drift_that_is_none_names_the_field(looping, change, status, field):
    body = b"[]" if change is None else json.dumps({**told(), **change}).encode()
    answered, content = ask(looping, path="/drift", body=body)
    assert (answered, content["error"]["field"]) == (status, field)
    assert StateFile(looping.user_data.settings.loops, "p").read().case is None


def test_fields_of_a_newer_endpoint_are_ignored():
    devices = dict.fromkeys(("devices", "labels", "wrong", "with_wrong", "standing_out", "wrong_of_those"), 1)
    devices["named"] = [{"device": "AP-01", "wrong": 1, "labels": 1}]
    event = {**told()["event"], "devices": devices}
    newer = {
        **event,
        "more": 1,
        "devices": {**devices, "more": 1, "named": [{**devices["named"][0], "more": 1}]},
    }
    taken = runner.parse_drift({**told(), "event": newer})
    assert taken == runner.parse_drift({**told(), "event": event})
    # An older endpoint does not tell whether it is of one device.
    assert taken["event"]["devices"] == {**devices, "of_one": False}
    one = runner.parse_drift({**told(), "event": {**event, "devices": {**devices, "of_one": True}}})
    assert one["event"]["devices"]["of_one"] is True
    assert "devices" not in runner.parse_drift(told())["event"]


def test_a_state_that_cannot_be_read_is_no_failure_of_the_handler(looping):
    path = StateFile(looping.user_data.settings.loops, "p").path
    path.parent.mkdir(parents=True)
    path.write_text('{"format": 9}')
    status, content = ask(looping, "GET", "/drift")
    assert (status, content["error"]["field"]) == (503, f"project 'p': {path}: state of the loop: format")


def test_a_state_that_cannot_be_read_keeps_no_runner_from_starting_runs(monkeypatch, tmp_path):
    said: list[str] = []
    path = StateFile(tmp_path, "p").path
    path.write_text('{"format": 9}')
    runner._tell_of_trial(SimpleNamespace(loops=tmp_path, project="p"), said.append)
    assert len(said) == 1 and said[0].startswith("nobody knows whether a version is tried in shadow: ")
    assert str(path) in said[0]
