"""Jobs whose processes are small programs of the test, and a clock of the test's."""

import os
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from project.local.api.errors import ConflictError, InvalidError, NotFoundError
from project.local.api.jobs import runner
from project.local.api.jobs.records import find_process, open_processes, write_owner
from project.local.api.jobs.runner import Jobs
from project.local.api.records.projects import write_project
from project.local.api.records.runs import change_run, read_run, write_run
from project.local.api.settings import Settings
from project.local.processes import Process, start
from project.local.workflow_records import WorkflowRecord, write_process, write_status
from project.run_lock import COMMAND, RUN, held, tell_run_id

WAIT = "print('up', flush=True)\nimport time\ntime.sleep(60)"


class World:
    """Jobs that run the program the test puts in."""

    def __init__(self, store, home):
        self.store, self.home, self.now = store, home, datetime(2024, 1, 1, tzinfo=UTC)
        self.program = WAIT
        self.settings = Settings(home, home, "http://127.0.0.1:1")
        self.jobs = self.again()
        write_project(store, "demo", {})

    def again(self):
        return Jobs(self.store, self.settings, lambda: self.now)

    def submit(self, name="job", labels=None, **metadata):
        task = {"metadata": {"project": "demo", "name": name, **metadata}, "spec": {"handler": "pkg.mod.f"}}
        run = self.jobs.submit({"task": task}, labels)
        return run["metadata"]["uid"]

    def run_of(self, uid, owner="", state="running", **labels):
        """A run that a process has stored."""
        document = {"metadata": {"name": uid, "labels": labels}, "status": {"state": state}}
        write_run(self.store, "demo", uid, 0, document)
        write_owner(self.store, "demo", uid, owner)

    def status(self, uid):
        return read_run(self.store, "demo", uid)["status"]

    def until(self, condition):
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline, "it never happened"
            time.sleep(0.01)

    def process(self, uid):
        return find_process(self.store, "demo", uid).process

    def dead(self, uid):
        self.until(lambda: not self.process(uid).alive())

    def workflow(self, project="demo", run_id="w1", state="running", dbpath="http://127.0.0.1:5"):
        """A workflow that a command started."""
        folder = self.home / "workflows" / f"{run_id}-{project}"
        folder.mkdir(parents=True)
        (folder / "request.json").write_text(f'{{"project": "{project}", "mlrun_dbpath": "{dbpath}"}}')
        process = start([sys.executable, "-c", WAIT], log=folder / "log.txt")
        write_process(folder, process)
        write_status(folder, run_id, state, "")
        return WorkflowRecord(folder, process)


@pytest.fixture
def world(store, tmp_path, monkeypatch):
    world = World(store, tmp_path / "home")
    monkeypatch.setattr(runner, "job_command", lambda *_: [sys.executable, "-c", world.program])
    started = []
    start_process = runner.start_process
    monkeypatch.setattr(
        runner, "start_process", lambda *a, **k: started.append(start_process(*a, **k)) or started[-1]
    )
    yield world
    for process in started:
        process.stop(0)


def test_a_job_is_a_pending_run_with_a_process_that_knows_which_run_it_is(world):
    world.program = (
        "import json, os; run = json.loads(os.environ['MLRUN_EXEC_CONFIG'])\n"
        "print(run['metadata']['uid'] == os.environ['MLRUN_HTTPDB__TOKEN'], os.environ['MLRUN_DBPATH'])\n"
        "print(os.environ['NETOPS_HOME'], os.getcwd())"
    )
    uid = world.submit(labels={"by": "me"})
    run = read_run(world.store, "demo", uid)
    assert (run["status"]["state"], run["metadata"]["labels"]) == ("pending", {"by": "me"})
    world.dead(uid)
    log = find_process(world.store, "demo", uid).log
    home = world.home
    assert log.read_text().splitlines() == ["True http://127.0.0.1:1", f"{home} {home}/jobs/demo/{uid}"]


def test_a_process_that_was_killed_leaves_aborted_runs_with_the_reason(world):
    uid = world.submit()
    world.run_of("step", owner=uid)
    world.run_of("done", owner=uid, state="completed")
    world.run_of("foreign")
    world.jobs.settle()
    assert world.status(uid)["state"] == "pending"
    world.process(uid).stop(0)
    world.jobs.settle()
    for run in (uid, "step"):
        status = world.status(run)
        assert (status["state"], status["error"]) == ("aborted", status["status_text"])
        assert status["error"].startswith("its process ended: killed by signal")
        assert status["end_time"]
    assert world.status("done")["state"] == "completed"
    assert world.status("foreign")["state"] == "running"
    assert open_processes(world.store) == []


def test_a_process_that_ended_without_a_word_leaves_an_error_with_its_last_words(world):
    world.program = "raise SystemExit('no such module')"
    uid = world.submit()
    world.dead(uid)
    world.jobs.settle()
    status = world.status(uid)
    assert status["state"] == "error"
    assert "its process exited with code 1 before the run had ended" in status["error"]
    assert "no such module" in status["error"]


def test_a_process_that_said_how_it_ended_is_believed(world):
    world.program = "pass"
    uid = world.submit()
    change_run(world.store, "demo", uid, 0, {"status.state": "completed"})
    world.dead(uid)
    world.jobs.settle()
    assert world.status(uid)["state"] == "completed"
    assert "error" not in world.status(uid)


def test_a_later_control_plane_finds_the_process_and_ends_its_runs(world):
    uid = world.submit()
    later = world.again()
    later.recover()
    assert world.status(uid)["state"] == "pending"
    later.stop_all("the control plane was stopped")
    assert not world.process(uid).alive()
    assert (world.status(uid)["state"], world.status(uid)["error"]) == (
        "aborted",
        "the control plane was stopped",
    )
    with pytest.raises(ConflictError, match="shutting down"):
        later.submit({})


def test_a_run_that_waits_for_a_process_that_nobody_remembers_is_put_right_at_start(world):
    (world.home / "jobs" / "demo" / "u1").mkdir(parents=True)
    world.run_of("u1", state="pending")
    world.run_of("u2", state="pending")
    world.again().recover()
    assert world.status("u1")["error"] == "the control plane ended while the job was starting"
    assert world.status("u2")["state"] == "pending"


@pytest.mark.parametrize("aborted", ["job", "step"])
def test_stopping_a_run_ends_its_process_and_the_other_runs_in_it(world, aborted):
    uid = world.submit()
    world.run_of("step", owner=uid)
    run = uid if aborted == "job" else "step"
    change_run(world.store, "demo", run, 0, {"status.state": "aborted", "status.status_text": "enough"})
    world.jobs.stop_run("demo", {**read_run(world.store, "demo", run), "metadata": {"uid": run}}, "others")
    assert not world.process(uid).alive()
    assert world.status(run)["status_text"] == "enough"
    other = "step" if aborted == "job" else uid
    assert (world.status(other)["state"], world.status(other)["error"]) == ("aborted", "others")


def test_a_stopped_job_keeps_its_reason_where_the_ticker_sees_it_dead_first(world, monkeypatch):
    uid = world.submit()
    stop = Process.stop

    def stopped_and_seen(process, seconds):
        stop(process, seconds)
        world.jobs.settle()

    monkeypatch.setattr(Process, "stop", stopped_and_seen)
    world.jobs.stop_all("deleted", "demo")
    assert (world.status(uid)["state"], world.status(uid)["error"]) == ("aborted", "deleted")


def test_a_project_s_jobs_are_stopped_alone(world):
    write_project(world.store, "other", {})
    uid = world.submit()
    other = world.jobs.submit(
        {"task": {"metadata": {"project": "other", "name": "x"}, "spec": {"handler": "f"}}}
    )
    world.jobs.stop_all("deleted", "demo")
    assert world.status(uid)["error"] == "deleted"
    assert find_process(world.store, "other", other["metadata"]["uid"]).process.alive()
    assert world.submit()


@pytest.mark.parametrize(
    ("task", "error", "message"),
    [
        (None, InvalidError, "task must be an object, got None"),
        ({"metadata": {"project": "demo"}}, InvalidError, "task.metadata.name must not be empty"),
        ({"metadata": {"project": "demo", "name": "x", "uid": "../x"}}, InvalidError, "uid must be letters"),
        ({"metadata": {"project": "nobody", "name": "x"}}, NotFoundError, "Project nobody does not exist"),
        (
            {"metadata": {"project": "demo", "name": "x"}, "spec": {"function": "demo/f@abc"}},
            NotFoundError,
            "Function not found demo/f@abc",
        ),
        (
            {"metadata": {"project": "demo", "name": "x"}, "spec": {"function": "hub://f/g/h"}},
            InvalidError,
            r"task.spec.function must be project/name\[:tag\]\[@hash\], got 'hub://f/g/h'",
        ),
    ],
)
def test_what_can_not_be_submitted_is_refused_and_leaves_no_run(world, task, error, message):
    with pytest.raises(error, match=message):
        world.jobs.submit({"task": task})
    assert world.store.rows("SELECT * FROM runs") == []


def test_a_process_that_does_not_start_is_an_error_of_the_run(world, monkeypatch):
    monkeypatch.setattr(runner, "job_command", lambda *_: ["/no/such/program"])
    with pytest.raises(InvalidError, match=r"the job's process did not start: .*no/such/program"):
        world.submit(uid="u1")
    assert world.status("u1")["state"] == "error"


class TestWorkflowsThatACommandStarted:
    def test_their_runs_end_with_their_process_but_not_before_their_starter_may_have_said_how(self, world):
        record = world.workflow()
        world.run_of("step", workflow="w1")
        world.run_of("other", workflow="w2")
        world.jobs.settle()
        record.process.stop(0)
        world.jobs.settle()
        world.now += timedelta(seconds=1)
        world.jobs.settle()
        assert world.status("step")["state"] == "running"
        world.now += timedelta(seconds=1)
        world.jobs.settle()
        assert world.status("step")["state"] == "aborted"
        assert world.status("step")["error"].startswith("its process ended: killed by signal")
        assert world.status("other")["state"] == "running"
        assert record.status["state"] == "failed"
        assert record.status["error"] == world.status("step")["error"]

    def test_at_start_there_is_nobody_to_wait_for(self, world):
        world.workflow().process.stop(0)
        world.run_of("step", workflow="w1")
        world.again().recover()
        assert world.status("step")["state"] == "aborted"

    def test_one_that_said_how_it_ended_is_believed(self, world):
        record = world.workflow(state="succeeded")
        world.run_of("step", workflow="w1", state="completed")
        record.process.stop(0)
        world.again().recover()
        assert (record.status["state"], world.status("step")["state"]) == ("succeeded", "completed")

    def test_one_whose_runs_are_in_another_api_is_left_alone(self, world):
        record = world.workflow(dbpath="https://mlrun.example.com")
        record.process.stop(0)
        world.again().recover()
        assert record.status["state"] == "running"

    def test_one_is_ended_with_the_run_that_is_aborted(self, world):
        record = world.workflow()
        world.run_of("step", workflow="w1", state="aborted")
        world.run_of("other", workflow="w1")
        world.jobs.stop_run("demo", read_run(world.store, "demo", "step"), "step was aborted")
        assert not record.process.alive()
        assert world.status("other")["error"] == record.status["error"] == "step was aborted"

    def test_a_project_that_runs_one_at_a_time_starts_no_other_beside_it(self, world):
        runner_labels = {"job-type": "workflow-runner"}
        for kind in (RUN, COMMAND):
            with held(world.home, "demo", "netops run", kind):
                tell_run_id(world.home, "demo", "w1")
                busy = (
                    rf"one workflow at a time: run w1 \(netops run, pid {os.getpid()}\) since .* is under way"
                )
                with pytest.raises(ConflictError, match=busy):
                    world.submit(labels=runner_labels)
        with held(world.home, "another", "netops run"):
            first = world.submit(labels=runner_labels)
        with pytest.raises(ConflictError, match=f"one workflow at a time: run {first} has gone on since"):
            world.submit(labels=runner_labels)
        assert world.submit("an ordinary job")
