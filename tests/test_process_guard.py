"""A killed test run leaves no process behind; a command that ends leaves its servers running."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from project.local.processes import Process
from project.local.stack import Stack
from tests.conftest import SOURCE_ROOT
from tests.process_guard import MARK

pytestmark = pytest.mark.slow

PROGRAM = """
import sys, time, httpx
from pathlib import Path
from project.local.stack import Stack
from tests.process_guard import guard_this_process

home, guarded = Path(sys.argv[1]), sys.argv[2] == "guarded"
if guarded:
    guard_this_process()
stack = Stack(home, Path.cwd())
info = stack.up()
api = f"{info.mlrun_dbpath}/api/v1/projects"
httpx.post(api, json={"metadata": {"name": "demo"}}).raise_for_status()
spec = {"function_handler": "tests.project.local.deployed:echo"}
function = {"kind": "nuclio", "metadata": {"name": "echo"}, "spec": spec}
httpx.post(f"{api}/demo/nuclio/echo/deploy", json={"function": function}).raise_for_status()
while (host := stack.deployments()[0]).state == "building":
    time.sleep(0.05)
print(info.api_pid, info.valkey_pid, host.pid, host.state, flush=True)
if guarded:
    time.sleep(600)
"""


def _start(home, how):
    """A program that has started all servers, and the servers."""
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(home), how], stdout=subprocess.PIPE, text=True, cwd=SOURCE_ROOT
    )
    *pids, state = program.stdout.readline().split()
    assert state == "ready"
    return program, [Process(int(pid), psutil.Process(int(pid)).create_time()) for pid in pids]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_servers_of_a_killed_run_end_with_it(tmp_path, number):
    program, servers = _start(tmp_path, "guarded")
    try:
        assert all(server.alive() for server in servers)
        program.send_signal(number)
        program.communicate()
        deadline = time.monotonic() + 60
        while any(server.alive() for server in servers):
            assert time.monotonic() < deadline, servers
            time.sleep(0.05)
    finally:
        Stack(tmp_path, SOURCE_ROOT).stop()


def test_the_servers_of_a_command_that_ends_live_on(tmp_path):
    program, servers = _start(tmp_path, "alone")
    try:
        program.communicate()
        assert program.returncode == 0
        assert all(server.alive() for server in servers)
    finally:
        assert Stack(tmp_path, SOURCE_ROOT).stop()
    assert not any(server.alive() for server in servers)


def test_this_run_has_a_guard():
    assert any(name.startswith(f"{MARK}_{os.getpid()}_") for name in os.environ)
