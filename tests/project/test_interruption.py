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


def test_endpoints_that_are_being_built_are_stopped_too(tmp_path, monkeypatch):
    before = SimpleNamespace(project="p", name="serving", state="ready")
    after = [
        *(before, SimpleNamespace(project="p", name="runner", state="building")),
        *(SimpleNamespace(project="p", name=name, state=name) for name in ("offline", "error")),
    ]
    found, stopped = [before], []
    session = Session("", "", owned=True, started=False)
    monkeypatch.setattr(passing_session, "open_session", lambda _: session)
    monkeypatch.setattr(passing_session, "endpoints", lambda _: list(found))
    # A process that was started in the background ignores it.
    before_us = signal.signal(signal.SIGINT, signal.default_int_handler)
    stack = SimpleNamespace(stop_function=lambda *function: stopped.append(function))
    monkeypatch.setattr(passing_session, "local_stack", lambda _: stack)
    try:
        with pytest.raises(KeyboardInterrupt), passing_session.passing_session(Settings(tmp_path), keep=True):
            found[:] = after
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
    finally:
        signal.signal(signal.SIGINT, before_us)
    assert stopped == [("p", "runner")]
