import json
import signal
import sys
import time
from dataclasses import replace

import psutil
import pytest

from project.local import processes
from project.local.processes import Process, created_at, log_tail, start


def _until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


@pytest.fixture
def python(tmp_path):
    """Starts Python programs, and ends them after the test."""
    started = []

    def run(program, wait_for="up"):
        log = tmp_path / f"{len(started)}.log"
        started.append(start([sys.executable, "-uc", program], log=log))
        _until(lambda: wait_for in log_tail(log) or not started[-1].alive())
        return started[-1], log

    yield run
    for process in started:
        process.stop(0)


def test_a_process_is_alive_until_it_ends_and_its_end_has_a_reason(python):
    process, log = python("print('up'); import time; time.sleep(60)")
    assert process.alive()
    psutil.Process(process.pid).send_signal(signal.SIGKILL)
    _until(lambda: not process.alive())
    assert process.exit_reason() == "killed by signal 9 (SIGKILL)"
    assert log.read_text() == "up\n"


def test_an_exit_code_is_a_reason_too(python):
    process, _ = python("raise SystemExit(3)")
    _until(lambda: not process.alive())
    assert process.exit_reason() == "exited with code 3"


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_process_lives_on_where_the_clock_of_the_machine_is_set(python, monkeypatch, hours):
    process, _ = python("print('up'); import time; time.sleep(60)")
    before, boot = psutil.Process(process.pid).create_time(), psutil.boot_time()
    # All that the system says of times since 1970 is by the time of its start, which moves with the clock.
    monkeypatch.setattr(psutil._pslinux, "boot_time", lambda: boot + hours * 3600)
    assert psutil.Process(process.pid).create_time() == pytest.approx(before + hours * 3600)
    assert process.alive()
    assert Process(process.pid, created_at(process.pid)) == process
    assert process.stop()
    assert not process.alive()


def test_a_process_of_an_earlier_release_and_one_of_before_a_start_of_the_machine(python, monkeypatch):
    process, _ = python("print('up'); import time; time.sleep(60)")
    earlier = Process(process.pid, psutil.Process(process.pid).create_time())
    assert earlier.alive()
    assert not replace(earlier, created=earlier.created - 1).alive()
    start_of_machine = processes._start_of_machine()
    assert process.created == json.loads(json.dumps(process.created)) < 2**53
    monkeypatch.setattr(processes, "_start_of_machine", lambda: start_of_machine + 1)
    assert not process.alive()


def test_another_process_with_the_same_pid_is_not_this_one(python):
    process, _ = python("print('up'); import time; time.sleep(60)")
    assert not replace(process, created=process.created - 100).alive()
    assert not replace(process, pid=2**22 + 1).alive()
    assert replace(process, pid=2**22 + 1).exit_reason().startswith("the process is gone")


def test_stop_lets_it_finish(python):
    process, log = python(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('finished'), sys.exit(0)))\n"
        "print('up')\ntime.sleep(60)"
    )
    assert process.stop(20)
    assert "finished" in log.read_text()
    assert process.stop(20)


def test_stop_ends_what_does_not_listen_and_its_children(python):
    process, log = python(
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, 'up')\ntime.sleep(60)"
    )
    child = psutil.Process(int(log.read_text().split()[0]))
    assert process.stop(0.1) is False
    assert not process.alive()
    _until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_the_tail_of_a_log_starts_where_asked(tmp_path):
    log = tmp_path / "log"
    assert log_tail(log) == ""
    log.write_text("one\ntwo\nthree\n")
    assert log_tail(log, lines=2) == "two\nthree"
    assert log_tail(log, start=8) == "three"
