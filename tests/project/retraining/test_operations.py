"""What the loop sees of runs in a home, of the champion and of its arguments."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pandas as pd
import psutil
import pytest

from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from project.errors import NetopsError
from project.last_run import LastRun, resolve, schema_digest
from project.local.processes import Process
from project.local.workflow_records import GIVEN_UP_FILE, write_process, write_status
from project.parameters import NAMES
from project.retraining import operations as module
from project.retraining.loop_operations import ABSENT, ENDED, KILLED, RUNNING, RunLook
from project.retraining.operations import LocalOperations
from project.run_lock import RUN, held
from project.settings import Settings
from tests.project.fake_endpoint import fake_endpoint

DEAD = Process(2**22 - 1, 1.0)


@pytest.fixture
def operations(tmp_path):
    return LocalOperations(Settings(home=tmp_path), "p", "http://127.0.0.1:9")


def folder(home, name="key", process=None, **status):
    path = home / "workflows" / name
    path.mkdir(parents=True)
    (path / "request.json").write_text(json.dumps({"project": "p", "arguments": {"seed": 7}}))
    if process is not None:
        write_process(path, process)
    if status:
        write_status(path, status.get("run_id", "r"), status["state"], status.get("error", ""))
    return path


@pytest.mark.parametrize(
    ("state", "error", "look"),
    [
        ("succeeded", "", ENDED),
        ("failed", "step train: no rows", ENDED),
        ("failed", "its process ended: killed by signal 9", KILLED),
        ("aborted", "ended by 'netops stop'", KILLED),
    ],
)
def test_a_run_that_is_over(operations, tmp_path, state, error, look):
    folder(tmp_path, process=DEAD, state=state, error=error)
    assert operations.look("key") == RunLook(look, "r", state == "succeeded", error)


def test_a_run_that_was_killed_before_it_could_say_so(operations, tmp_path):
    folder(tmp_path, process=DEAD, state="running")
    found = operations.look("key")
    assert (found.state, found.run_id, found.succeeded) == (KILLED, "r", False)
    assert "the workflow process ended" in found.error


def test_a_run_that_goes_on(operations, tmp_path):
    here = Process(os.getpid(), psutil.Process().create_time())
    folder(tmp_path, process=here, state="running")
    assert operations.look("key") == RunLook(RUNNING, "r")


def test_a_run_without_a_folder_never_began(operations):
    assert operations.look("key") == RunLook(ABSENT)


def test_a_run_that_was_cut_off_while_it_started_is_kept_from_beginning(operations, tmp_path):
    path = folder(tmp_path)
    with held(tmp_path, "p", "workflow main", RUN):
        pass  # The file of the lock is there.
    assert operations.look("key") == RunLook(ABSENT)
    assert (path / GIVEN_UP_FILE).exists()
    command = [sys.executable, "-m", "project.start_workflow", str(path / "request.json")]
    request = {"project": "p", "workflow": "main", "arguments": {}, "mlrun_dbpath": ""}
    (path / "request.json").write_text(json.dumps(request))
    environment = {**os.environ, "NETOPS_HOME": str(tmp_path), "MLRUN_DBPATH": ""}
    assert subprocess.run(command, env=environment, check=False).returncode == 1
    status = json.loads((path / "status.json").read_text())
    assert (status["state"], status["error"]) == (
        "failed",
        "whoever started it has given it up before it began",
    )


def test_while_another_run_holds_the_project_it_may_be_that_one(operations, tmp_path):
    folder(tmp_path)
    with held(tmp_path, "p", "workflow main", RUN):
        assert operations.look("key") == RunLook(RUNNING)


def champion(monkeypatch, workflow=""):
    artifact = {"metadata": {"labels": {"version": "v1"}}, "spec": {"producer": {"workflow": workflow}}}
    monkeypatch.setattr(module, "production_artifact", lambda _dbpath, _project: artifact)


def test_a_promotion_that_nobody_could_record_is_recorded_by_the_loop(operations, monkeypatch):
    ended = []
    monkeypatch.setattr(module, "end_promotion", ended.append)
    spec = {"parameters": {"promotion": "promoted"}}
    artifact = {"metadata": {"labels": {"version": "v1"}}, "spec": spec}
    monkeypatch.setattr(module, "production_artifact", lambda *_: artifact)
    assert (operations.champion(), ended) == ("v1", [])
    spec["parameters"]["promotion"] = "waits for approval"
    assert (operations.champion(), ended) == ("v1", ["p"])
    monkeypatch.setattr(module, "production_artifact", lambda *_: None)
    assert (operations.champion(), ended) == ("", ["p"])


def remembered(monkeypatch, arguments, content=None):
    schema = TelemetrySchema.load().to_dict() if content is None else content
    digest = schema_digest(TelemetrySchema.from_dict(schema).history_content())
    memory = LastRun(arguments, schema, digest, "m", "main", "2024-05-01T12:00:00+00:00")
    monkeypatch.setattr(module, "recall", lambda _dbpath, _project: memory)


def test_the_arguments_are_those_of_the_run_that_made_the_champion(operations, tmp_path, monkeypatch):
    path = folder(tmp_path, process=DEAD, state="succeeded", run_id="made-it")
    given = {"seed": 7, "train_rows": 300, "promote": True, "approve": True}
    given |= {"live": False, "training_window": "since 2024-01-01T00:00:00Z"}
    (path / "request.json").write_text(json.dumps({"project": "p", "arguments": given}))
    remembered(monkeypatch, {"seed": 1, "devices": 5})
    champion(monkeypatch, "made-it")
    assert operations.arguments() == {"seed": 7, "train_rows": 300, "devices": 5}
    champion(monkeypatch, "gone")
    assert operations.arguments() == {"seed": 1, "devices": 5}


def test_what_was_tried_since_is_not_of_the_champion(operations, tmp_path, monkeypatch):
    folder(tmp_path, process=DEAD, state="succeeded", run_id="made-it")
    remembered(monkeypatch, {"devices": 5, "split": "device_time", "min_votes": 0.9})
    champion(monkeypatch, "made-it")
    assert operations.arguments() == {"seed": 7, "devices": 5}


def test_a_run_of_the_loop_serves_and_repeats_nothing_that_was_tried_since(operations, monkeypatch):
    tried = {"devices": 5, "split": "device_time", "min_votes": 0.9, "deploy_streaming": False}
    remembered(monkeypatch, tried)
    begun = []
    monkeypatch.setattr(module.WorkflowProcess, "start", lambda *given: begun.append(given[2:4]))
    operations.begin("key", "main", {"seed": 7, "devices": 5})
    operations.begin("key", "main", {"devices": 5, "deploy_streaming": False})
    operations.begin("key", "release", {"version": "v1"})
    expected = {"devices": 5, "split": "", "min_votes": 0.5, "deploy_streaming": True}
    assert begun == [
        ("main", {**expected, "seed": 7}),
        ("main", expected),
        ("release", {"version": "v1"}),
    ]
    # The process that runs it repeats what the project remembers, as for any other run.
    resolved = resolve("p", NAMES["main"], begun[0][1], operations._memory())
    assert resolved.arguments == begun[0][1] and resolved.repeated == {}


def test_the_detectors_that_were_chosen_last_stay_also_where_the_champion_was_made_without_them(
    operations, tmp_path, monkeypatch
):
    path = folder(tmp_path, process=DEAD, state="succeeded", run_id="made-it")
    made_it = {"seed": 7, "detectors": "river.adwin", "drift_reference": "week"}
    (path / "request.json").write_text(json.dumps({"project": "p", "arguments": made_it}))
    watch = {"detectors": "glr, ddm: 2 within 500"}  # What is not remembered had its default.
    remembered(monkeypatch, watch)
    champion(monkeypatch, "made-it")
    assert operations.arguments() == {"seed": 7, **watch}
    assert operations._trials().detectors == watch["detectors"]
    begun = []
    monkeypatch.setattr(module.WorkflowProcess, "start", lambda *given: begun.append(given[3]))
    operations.begin("key", "main", operations.arguments())
    operations.begin("key", "main", {})
    assert begun == [{"seed": 7, **watch, "deploy_streaming": True}, {"deploy_streaming": True}]


@pytest.mark.parametrize("by_argument", [False, True])
def test_live_rows_are_split_by_time_where_a_column_of_the_labels_says_the_part(
    operations, tmp_path, monkeypatch, by_argument
):
    content = TelemetrySchema.load().to_dict() | {"split": "column:part"}
    schema = tmp_path / "schema.yaml"
    schema.write_text(json.dumps(content))
    given = {"schema": str(schema), **({"split": "column:part"} if by_argument else {})}
    remembered(monkeypatch, given, content)
    champion(monkeypatch, "gone")
    assert operations.arguments() == {"schema": str(schema), "split": "time"}


def test_where_whole_devices_are_evaluated_on_the_gate_compares_on_those(operations, tmp_path, monkeypatch):
    schema = TelemetrySchema.load()
    pairs = Settings(home=tmp_path).labeled_pairs("p")
    pairs.mkdir(parents=True)
    times = pd.date_range("2024-05-01", periods=40, freq="h", tz="UTC").as_unit("us")
    for device in range(10):
        rows = {DEVICE: f"d{device}", schema.time: times, schema.target: [0, 1] * 20}
        pd.DataFrame(rows).to_parquet(pairs / f"{device}.parquet")
    champion(monkeypatch, "gone")
    units = {}
    for split in ("", "devices:d1,d2", "devices"):
        remembered(monkeypatch, {"split": split} if split else {})
        found = LocalOperations(Settings(home=tmp_path), "p", "http://127.0.0.1:9")
        units[split] = found.evidence("2024-05-01T00:00:00+00:00").units
    assert units == {"": 6, "devices:d1,d2": 2, "devices": 3}


def test_without_a_successful_run_nothing_is_trained(operations, monkeypatch):
    monkeypatch.setattr(module, "recall", lambda _dbpath, _project: None)
    with pytest.raises(NetopsError, match="project 'p' must remember a successful run"):
        operations.arguments()


def test_a_candidate_is_taken_out_of_the_shadow_also_without_the_file_of_the_schema(operations, monkeypatch):
    remembered(monkeypatch, {"schema": "/gone.yaml"})
    champion(monkeypatch, "gone")
    taken = []
    monkeypatch.setattr(module.EndpointRoles, "retract", lambda _self, version: taken.append(version))
    operations.retract("v2")
    assert taken == ["v2"]


def test_the_end_of_a_trial_forgets_its_rows(operations):
    operations._both._rows, operations._both._files = [pd.DataFrame({"x": [1]})], {"1.parquet"}
    operations.end_trial()
    assert (operations._both._rows, operations._both._files) == ([], set())


WRONG = {"performance": {"realized": {"average_precision": 0.08, "errors": 80, "rows": 1000}}}
RIGHT = {"performance": {"realized": {"average_precision": 0.9, "errors": 80, "rows": 1000}}}


@pytest.mark.parametrize(
    ("drift", "no_better_than", "why"),
    [
        (WRONG, "", "THE MODEL IN PRODUCTION IS NOT USABLE: average precision 0.080"),
        (RIGHT, "the rule heat >= 9", "it was no better than the rule heat >= 9 when it was evaluated"),
        (RIGHT, "", ""),
        ({}, "", ""),  # Too few labels to say so.
    ],
)
def test_a_champion_of_no_use_is_known_by_its_labels_or_its_evaluation(
    operations, tmp_path, monkeypatch, drift, no_better_than, why
):
    spec = {"parameters": {"no_better_than": no_better_than}}
    artifact = {"metadata": {"labels": {"version": "v1"}}, "spec": spec}
    monkeypatch.setattr(module, "production_artifact", lambda *_: artifact)
    remembered(monkeypatch, {})
    schema = TelemetrySchema.load()
    pairs = Settings(home=tmp_path).labeled_pairs("p")
    pairs.mkdir(parents=True)
    times = pd.to_datetime(["2024-01-01T00:00Z", "2024-01-03T00:00Z"])
    pd.DataFrame({DEVICE: "a", schema.time: times, schema.target: 1}).to_parquet(pairs / "1.parquet")
    served = {"versions": ["v1"], "parameters": {"training_end": "2024-01-02T00:00:00Z"}}

    def answer(_method, path, _body):
        return 200, drift if path == "/drift" else served

    with fake_endpoint(answer) as address:
        monkeypatch.setattr(module, "ready_endpoint", lambda *_: SimpleNamespace(address=address))
        found = operations.weakness()
        if not why:
            assert found is None
            return
        assert found.why.startswith(why)
        assert (found.since, found.episodes) == ("2024-01-02T00:00:00+00:00", 1)
        assert found.newest == "2024-01-03T00:00:00+00:00"
        served["versions"] = ["v2"]  # Another one is on its way.
        assert operations.weakness() is None
