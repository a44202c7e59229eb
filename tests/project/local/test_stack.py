import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import httpx
import psutil
import pytest

from project.code_digest import code_digest
from project.local import valkey
from project.local.api.records.store import NewerStoreError
from project.local.api.settings import database_file
from project.local.processes import Process
from project.local.servers import Patience, ServerError
from project.local.stack import Stack
from project.local.stack_lock import stack_lock

pytestmark = pytest.mark.slow


@pytest.fixture
def stack(tmp_path):
    stack = Stack(tmp_path, tmp_path)
    yield stack
    stack.stop()


def test_up_is_the_same_every_time_and_stop_leaves_nothing(stack):
    assert stack.find() is None
    info = stack.up()
    assert stack.up() == stack.find() == info
    spec = httpx.get(f"{info.mlrun_dbpath}/api/v1/client-spec").json()
    assert spec["redis_url"] == info.redis_url
    assert stack.deployments() == []
    assert stack.stop() is True
    assert stack.find() is None
    assert stack.stop() is False
    for pid in (info.api_pid, info.valkey_pid):
        # Its parent is this process, which may not have collected it yet.
        assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_with_a_database_that_cannot_be_read_nothing_stays_up_and_stop_ends_valkey(stack, tmp_path):
    stack.up()
    stack.stop()
    with closing(sqlite3.connect(database_file(tmp_path))) as connection:
        connection.execute("PRAGMA user_version=99")
    with pytest.raises(ServerError, match=r"netops: .* got 99: a newer release of NetOps has written it"):
        stack.up()
    assert valkey.lives(tmp_path) is False
    valkey.start(tmp_path)
    with pytest.raises(ServerError, match="did not start"):
        stack.up()
    assert valkey.lives(tmp_path) is True, "who had started it before may need it"
    with pytest.raises(NewerStoreError):
        stack.stop()
    assert valkey.lives(tmp_path) is False
    database_file(tmp_path).unlink()


def test_a_valkey_that_is_down_is_told_and_started_again(stack):
    info = stack.up()
    with stack_lock(stack.home):  # Else the control plane starts it.
        os.kill(info.valkey_pid, signal.SIGKILL)
        psutil.wait_procs([psutil.Process(info.valkey_pid)], timeout=10)
        found = stack.find()
    assert (found.mlrun_dbpath, found.redis_url, found.valkey_pid) == (info.mlrun_dbpath, "", 0)
    assert stack.up().redis_url == info.redis_url


def test_the_control_plane_says_which_code_it_runs_as_commands_count_it(stack):
    stack.up()
    assert stack.code() == code_digest()


def test_a_valkey_that_dies_is_started_again_by_itself_at_its_address(stack):
    info = stack.up()
    assert stack.valkey_restarts() == 0
    os.kill(info.valkey_pid, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while stack.valkey_restarts() == 0 and time.monotonic() < deadline:
        time.sleep(0.05)
    found = stack.find()
    assert (found.redis_url, stack.store_url()) == (info.redis_url, info.redis_url)
    assert found.valkey_pid not in {0, info.valkey_pid}
    assert stack.stop() is True
    assert stack.store_url() == ""


def test_a_valkey_noted_but_not_answering_is_ended_by_stop(stack, tmp_path):
    info = stack.up()
    path = tmp_path / "valkey" / "state.json"
    noted = json.loads(path.read_text())
    path.write_text(json.dumps({**noted, "run_id": ""}))
    assert stack.stop() is True
    pid = info.valkey_pid
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_ports_and_contents_are_the_same_after_kill_9_of_everything(stack):
    info = stack.up()
    httpx.post(f"{info.mlrun_dbpath}/api/v1/projects", json={"metadata": {"name": "demo"}})
    os.kill(info.api_pid, signal.SIGKILL)
    os.kill(info.valkey_pid, signal.SIGKILL)
    again = stack.up()
    assert (again.mlrun_dbpath, again.redis_url) == (info.mlrun_dbpath, info.redis_url)
    assert httpx.get(f"{again.mlrun_dbpath}/api/v1/projects/demo").status_code == 200


def test_callers_that_race_get_the_same_servers(stack):
    infos = []
    others = [Stack(stack.home, stack.source_root) for _ in range(4)]
    threads = [threading.Thread(target=lambda other=other: infos.append(other.up())) for other in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(infos) == 4
    assert len(set(infos)) == 1


def test_clients_are_told_when_valkey_moves(stack):
    info = stack.up()
    with stack_lock(stack.home):
        os.kill(info.valkey_pid, signal.SIGKILL)
        state = json.loads((stack.home / "valkey" / "state.json").read_text())
        (stack.home / "valkey" / "state.json").write_text(json.dumps({**state, "port": 0}))
    moved = stack.up()
    assert moved.redis_url != info.redis_url
    assert httpx.get(f"{info.mlrun_dbpath}/api/v1/client-spec").json()["redis_url"] == moved.redis_url


def test_a_control_plane_that_hangs_is_replaced(stack):
    info = stack.up()
    state = json.loads((stack.home / "stack.json").read_text())
    os.kill(info.api_pid, signal.SIGSTOP)
    again = Stack(stack.home, stack.source_root, Patience(answer=0.5, end=0.1)).up()
    assert again.api_pid != info.api_pid
    assert not Process(state["pid"], state["created"]).alive()


def test_the_control_plane_of_another_home_is_not_taken_for_ours(stack, tmp_path_factory):
    stack.up()
    other = Stack(tmp_path_factory.mktemp("other"), stack.source_root)
    (other.home / "stack.json").write_text((stack.home / "stack.json").read_text())
    assert other.find() is None
    assert stack.find() is not None


@pytest.mark.skipif(
    os.getuid() != 0 or not Path("/proc/net/tcp").exists(),
    reason="only root on Linux can call as another user",
)
def test_another_user_is_refused_also_when_he_claims_our_address(stack):
    url = stack.up().mlrun_dbpath + "/local/v1/identity"
    call = (
        "import sys, urllib.error, urllib.request\n"
        "request = urllib.request.Request(sys.argv[1], headers={'X-Forwarded-For': sys.argv[2]})\n"
        "try:\n"
        "    print(urllib.request.urlopen(request).status)\n"
        "except urllib.error.HTTPError as error:\n"
        "    print(error.code)\n"
    )
    with httpx.Client() as ours:
        assert ours.get(url).status_code == 200
        connection = ours._transport._pool.connections[0]._connection._network_stream
        host, port = connection.get_extra_info("client_addr")
        program = [sys.executable, "-S", "-E", "-c", call, url, f"{host}:{port}"]
        asked = ["setpriv", "--reuid=65534", "--clear-groups", *program]
        assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout == "403\n"


def test_asking_for_functions_when_nothing_runs_says_so(stack):
    with pytest.raises(ServerError, match="no control plane is running for"):
        stack.deployments()
    stack.up()
    with pytest.raises(ServerError, match="no function demo/absent was deployed"):
        stack.stop_function("demo", "absent")


def test_a_control_plane_that_can_not_start_says_what_its_log_says(stack):
    (stack.home / "api").write_text("a file where a folder should be")
    with pytest.raises(
        ServerError, match=r"(?s)did not start on port \d+ \(exited with code 1\).*FileExistsError"
    ):
        stack.up()
    (stack.home / "api").unlink()


def test_a_broken_state_file_is_named(stack):
    (stack.home / "stack.json").write_text("[]")
    with pytest.raises(ServerError, match=r"stack\.json: not a state file of ours"):
        stack.find()
    (stack.home / "stack.json").unlink()


def test_nothing_that_starts_the_servers_imports_mlrun():
    program = (
        "import sys, project.local.stack, project.local.api.app\n"
        "print(sorted({'mlrun', 'pandas', 'numpy', 'redis'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_command_that_only_looks_imports_little():
    program = (
        "import sys\n"
        "before = set(sys.modules)\n"  # The measurement of coverage loads sqlite3 itself.
        "import project.local.stack\n"
        "print(sorted({'httpx', 'redis', 'sqlite3', 'starlette', 'uvicorn'} & (set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
