"""Ctrl-C: one line, nothing left behind, and the reason told of what it ended."""

import os
import signal
import subprocess
import sys
import time
from io import StringIO
from types import SimpleNamespace

import pytest
from rich.console import Console

from project import run_lock
from project.cli import passing_session, workflow_progress
from project.local.processes import start
from project.local.workflow_records import WorkflowRecord, read_status, settle, write_status
from project.session import Session
from project.settings import Settings
from project.workflow_process import WorkflowProcess

WHILE_LOADING = """
import sys
module = sys.argv.pop(1)
class Interrupted:
    def find_spec(self, name, *_):
        if name == module:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupted())
from project.cli import main
main()
"""

THREE_TIMES = """
import os, signal
from project.cli.interruption import watch_for_interruption
watch_for_interruption()
for time in (1, 2, 3):
    try:
        os.kill(os.getpid(), signal.SIGINT)
        print(time, "goes on", flush=True)
    except KeyboardInterrupt:
        print(time, "interrupts", flush=True)
"""

WHILE_A_CHANGE_IS_FINISHED = """
import os, signal
from project.cli.interruption import finished_first, watch_for_interruption
def interrupt(when):
    try:
        os.kill(os.getpid(), signal.SIGINT)
        print(when, "goes on", flush=True)
    except KeyboardInterrupt:
        print(when, "interrupts", flush=True)
watch_for_interruption()
with finished_first():
    interrupt("in it")
    interrupt("in it")
    interrupt("in it")
with finished_first():
    interrupt("in it")
interrupt("after it")
"""


@pytest.mark.parametrize("module", ["typer", "project.cli.run", "project.run_lock"])
def test_while_the_command_loads_it_is_one_line(tmp_path, module):
    done = subprocess.run(
        [sys.executable, "-c", WHILE_LOADING, module, "run"],
        env={**os.environ, "NETOPS_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (130, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("netops: interrupted; ")


def test_a_second_one_does_not_disturb_the_end_and_a_third_does():
    done = subprocess.run([sys.executable, "-c", THREE_TIMES], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == ["1 interrupts", "2 goes on", "3 interrupts"]
    (line,) = done.stderr.splitlines()
    assert line == "netops: still ending what it started; a third time leaves that as it is"


def test_what_is_finished_first_is_interrupted_by_a_third_one_alone():
    script = [sys.executable, "-c", WHILE_A_CHANGE_IS_FINISHED]
    done = subprocess.run(script, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.splitlines()) == (
        0,
        ["in it goes on", "in it goes on", "in it interrupts", "in it goes on", "after it interrupts"],
    )
    assert done.stderr.splitlines() == 3 * [
        "netops: the change is under way and is finished first; a third time leaves it as it is"
    ]


@pytest.fixture
def workflow(tmp_path, monkeypatch):
    """A workflow process that runs for long, and settings and session of its command."""
    process = start([sys.executable, "-c", "import time; time.sleep(60)"], log=tmp_path / "log.txt")
    write_status(tmp_path, "w1", "running", "")
    monkeypatch.setattr(WorkflowProcess, "start", lambda *_: WorkflowProcess(process, tmp_path))
    monkeypatch.setattr(workflow_progress, "settle", lambda *_: 0)
    monkeypatch.setattr(workflow_progress, "_show_steps", lambda *_: None)
    yield WorkflowProcess(process, tmp_path)
    process.stop(0)


def run_to_end(workflow):
    session = Session("http://127.0.0.1:9", "", owned=True, started=False)
    console = Console(file=StringIO())
    workflow_progress.run_to_end(Settings(workflow.folder), session, "p", "main", {}, console)


def test_the_steps_that_an_interrupted_command_ended_tell_why(workflow, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(workflow_progress, "_check_alive", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_to_end(workflow)
    assert not workflow.is_running()
    told = {"run_id": "w1", "state": "aborted", "error": "interrupted, by Ctrl-C or SIGTERM"}
    assert read_status(workflow.folder) == told
    ended = []
    settle(
        WorkflowRecord(workflow.folder, workflow.process),
        lambda *_: [("a", 0)],
        lambda *run: ended.append(run),
    )
    assert ended == [("", "a", 0, "its workflow was interrupted, by Ctrl-C or SIGTERM")]


def test_a_control_plane_that_ends_during_a_run_ends_the_run_at_once_with_the_way_out(workflow):
    started = time.monotonic()
    with pytest.raises(workflow_progress.ControlPlaneGoneError) as error:
        run_to_end(workflow)
    assert time.monotonic() - started < 5
    assert "the control plane ended in the middle of the run" in str(error.value)
    assert "next: the same command again" in str(error.value)
    assert not workflow.is_running()
    assert read_status(workflow.folder)["error"] == "ended: the control plane was gone"


def test_endpoints_that_are_being_built_are_stopped_too(tmp_path, stack):
    stack.deployed = [deployed("p", "serving")]
    # A process that was started in the background ignores it.
    before_us = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with (
            pytest.raises(KeyboardInterrupt),
            passing_session.passing_session(Settings(tmp_path), True, {"p"}),
        ):
            stack.deployed += [deployed("p", "runner", "building")]
            stack.deployed += [deployed("p", state, state) for state in ("offline", "error")]
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
    finally:
        signal.signal(signal.SIGINT, before_us)
    assert stack.stopped == [("p", "runner")]


def deployed(project, name, state="ready", pid=None):
    """A deployment as the control plane tells it."""
    return SimpleNamespace(
        project=project, name=name, state=state, pid=pid or (7 if state == "ready" else None)
    )


class FakeStack:
    """A control plane with deployments, and what was stopped of it."""

    def __init__(self):
        self.deployed, self.stopped, self.lives = [], [], True

    def deployments(self):
        return list(self.deployed)

    def control_plane_lives(self):
        return self.lives

    def orphans(self):
        return [(each.project, each.name, "") for each in self.deployed if each.pid]

    def stop_function(self, project, name):
        self.stopped.append((project, name))

    def stop(self):
        self.stopped.append("everything")


@pytest.fixture
def stack(monkeypatch):
    """A stack that was up before the session; a test may say otherwise with ``started``."""
    fake = FakeStack()
    fake.started, fake.runs = False, {}
    session = lambda _: Session("", "", owned=True, started=fake.started)  # noqa: E731
    monkeypatch.setattr(passing_session, "open_session", session)
    monkeypatch.setattr(passing_session, "local_stack", lambda _: fake)
    monkeypatch.setattr(passing_session, "known_projects", lambda _: list(fake.runs))
    monkeypatch.setattr(passing_session, "runs", lambda _, project: fake.runs[project])
    return fake


@pytest.mark.parametrize("started", [False, True])
def test_what_another_project_started_meanwhile_stays(tmp_path, stack, started):
    stack.deployed, stack.started = [deployed("p", "serving")], started
    # Its deployment failed before, and the version before answers.
    stack.deployed += [deployed("p", "telemetry-generator", "error", 8)]
    with passing_session.passing_session(Settings(tmp_path), False, {"p"}):
        stack.deployed += [deployed("p", "runner"), deployed("q", "serving")]
        stack.deployed += [deployed("q", "runner", "building")]
    assert stack.stopped == [("p", "runner")]


def test_a_stack_that_it_started_is_stopped_only_if_nobody_else_works_with_it(tmp_path, stack):
    stack.started = True

    def left(keep=False):
        stack.stopped.clear()
        stack.deployed = []
        with passing_session.passing_session(Settings(tmp_path), keep, {"p"}):
            stack.deployed = [deployed("p", "serving")]
        return stack.stopped

    def run(state):
        return {"status": {"state": state}}

    stack.runs = {"p": [run("running")], "q": [run("completed")]}
    with run_lock.held(tmp_path, "p", "netops run", run_lock.COMMAND):
        assert left() == ["everything"]
        assert left(keep=True) == []
    stack.runs["q"].append(run("running"))
    assert left() == [("p", "serving")]
    stack.runs = {}
    with run_lock.held(tmp_path, "q", "netops stream", run_lock.COMMAND):
        assert left() == [("p", "serving")]


def test_with_a_control_plane_that_is_gone_endpoints_of_others_stay(tmp_path, stack):
    stack.started = True
    for project, stopped in (("p", ["everything"]), ("q", [])):
        stack.lives, stack.deployed = True, []
        stack.stopped.clear()
        with passing_session.passing_session(Settings(tmp_path), False, {"p"}):
            stack.deployed, stack.lives = [deployed(project, "serving")], False
        assert stack.stopped == stopped
