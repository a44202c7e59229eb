"""Deploy and invoke with MLRun's unmodified client; what happens when processes die."""

import os
import signal
import threading
import time
from dataclasses import replace

import httpx
import psutil
import pytest

from project.local.api.deployments.launch import Launcher
from project.local.api.deployments.records import read_deployment
from project.local.api.records.store import Store
from project.local.api.settings import Settings
from project.local.ports import free_port
from project.local.stack import Stack
from tests.conftest import SOURCE_ROOT
from tests.project.local.conformance import local_only, new_project
from tests.project.local.mlrun_client import Client

pytestmark = [pytest.mark.slow, local_only]


def _deployed(stack, project, name):
    return next(item for item in stack.deployments() if (item.project, item.name) == (project, name))


def _until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def test_a_serving_graph_is_deployed_redeployed_killed_and_stopped(client, local_stack, tmp_path):
    stack, project, end = local_stack.stack, new_project(), tmp_path / "ended"
    first = client("deployments.deploy_serving", project, "adder", "sync", 1, str(end))
    assert first["state"] == "ready"
    assert first["address"] == first["url"] == _deployed(stack, project, "adder").url
    assert first["answer"]["value"] == 2

    # A redeploy takes over the address; the old process ends in good order.
    second = client("deployments.deploy_serving", project, "adder", "sync", 10)
    assert (second["address"], second["answer"]["value"]) == (first["address"], 11)
    assert second["answer"]["pid"] != first["answer"]["pid"]
    _until(end.exists)
    assert end.read_text() == "ended"

    # Nobody types anything: it is back at the same address, and says what happened.
    os.kill(second["answer"]["pid"], signal.SIGKILL)
    _until(lambda: _deployed(stack, project, "adder").restarts == 1)
    _until(lambda: _deployed(stack, project, "adder").state == "ready")
    again = _deployed(stack, project, "adder")
    assert (again.url, again.last_exit) == (first["address"], "killed by signal 9 (SIGKILL)")
    assert again.ready_time > again.last_exit_time > time.time() - 120
    assert httpx.post(again.url, json={"value": 5}).json()["value"] == 15
    status = client("functions.function_status", project, "adder")
    assert {shown["state"] for shown in status.values()} == {"ready"}

    stopped = stack.stop_function(project, "adder")
    assert (stopped.state, stopped.reason, stopped.pid) == ("offline", "stopped", None)
    time.sleep(2.5)
    assert _deployed(stack, project, "adder").state == "offline", "a stop is not undone"
    client("functions.delete_function", project, "adder")
    assert [item for item in stack.deployments() if item.project == project] == []


def test_a_process_that_waits_takes_over_and_has_imported_everything_before(client, local_stack):
    stack, project = local_stack.stack, new_project()
    client("deployments.deploy_serving", project, "adder", "sync", 7)
    settings = Settings(stack.home, SOURCE_ROOT, local_stack.info.mlrun_dbpath)
    store = Store(settings.database)
    launcher = Launcher(store, settings)
    deployment = replace(read_deployment(store, project, "adder"), port=free_port())
    launcher.prepare(deployment)
    launcher.prepare(deployment)
    (waiting,) = (standby.process for standby in launcher._standbys.values())
    _until(lambda: _is_waiting(waiting))
    assert not launcher.ready(deployment, waiting)
    before = sum(psutil.Process(waiting.pid).cpu_times()[:2])
    started = launcher.start(deployment, None)
    assert started == waiting
    _until(lambda: launcher.ready(deployment, started))
    assert sum(psutil.Process(waiting.pid).cpu_times()[:2]) - before < max(1.0, before / 2)
    assert httpx.post(f"http://{deployment.address}", json={"value": 5}).json()["value"] == 12
    started.stop()

    launcher.prepare(deployment)
    (waiting,) = (standby.process for standby in launcher._standbys.values())
    launcher.drop(project, "adder")
    assert not waiting.alive()

    launcher.prepare(deployment)
    (standby,) = launcher._standbys.values()
    standby.process.stop()
    launcher.prepare(deployment)
    assert list(launcher._standbys.values()) == [standby], "one that cannot live is not started all the time"
    other = launcher.start(deployment, None)
    assert other != standby.process
    other.stop()
    store.close()


def test_none_waits_where_the_deployment_says_so(client, local_stack, monkeypatch):
    stack, project = local_stack.stack, new_project()
    client("deployments.deploy_serving", project, "adder", "sync", 7)
    settings = Settings(stack.home, SOURCE_ROOT, local_stack.info.mlrun_dbpath)
    store = Store(settings.database)
    launcher = Launcher(store, settings)
    monkeypatch.setenv("NETOPS_STANDBY", "off")
    launcher.prepare(read_deployment(store, project, "adder"))
    assert launcher._standbys == {}
    store.close()


def _is_waiting(process):
    """Whether a process sleeps, having imported MLRun."""
    found = psutil.Process(process.pid)
    return sum(found.cpu_times()[:2]) > 1.0 and _sleeps(found)


def _sleeps(found):
    used = sum(found.cpu_times()[:2])
    time.sleep(0.5)
    return found.status() == psutil.STATUS_SLEEPING and sum(found.cpu_times()[:2]) == used


def test_an_async_graph_answers_too(client):
    deployed = client("deployments.deploy_serving", new_project(), "adder", "async", 2)
    assert deployed["answer"]["value"] == 3


def test_a_handler_gets_environment_secrets_and_requests(client):
    deployed = client("deployments.deploy_nuclio", new_project(), "echo", {"VERSION": "1"})
    assert deployed["state"] == "ready"
    answer = deployed["answer"]
    assert (answer["path"], answer["body"]) == ("/some/path", {"value": 1})
    assert (answer["version"], answer["secret"]) == ("1", "secret")
    failed = httpx.get(f"{deployed['address']}/fail")
    assert (failed.status_code, failed.json()["error"]["got"]) == (500, "KeyError: 'no such thing'")
    large = httpx.post(deployed["address"], content=b"x" * (9 << 20))
    assert large.status_code == 413
    assert large.json()["error"]["rule"] == "must be at most 8000000 bytes"
    assert httpx.post(deployed["address"], json={"a": 1}).status_code == 200


def test_code_that_travels_with_the_function_is_deployed(client):
    assert client("deployments.deploy_code", new_project()) == {"own": {"a": 1}}


def test_a_redeploy_that_fails_leaves_the_version_before_and_says_so(client, local_stack):
    project = new_project()
    good = client("deployments.deploy_nuclio", project, "echo", {"VERSION": "1"})
    bad = client("deployments.deploy_nuclio", project, "echo", {"VERSION": "2", "FAIL": "yes"})
    assert bad == {"error": "Function echo deployment failed", "state": "error"}
    shown = _deployed(local_stack.stack, project, "echo")
    assert shown.state == "error"
    assert "did not start (exited with code 1): RuntimeError: this function was told to fail" in shown.reason
    assert "the version deployed before still answers" in shown.reason
    assert httpx.get(good["address"]).json()["version"] == "1"


def test_a_first_deploy_that_fails_is_an_error_with_the_reason(client, local_stack):
    project = new_project()
    assert client("deployments.deploy_nuclio", project, "echo", {"FAIL": "yes"})["state"] == "error"
    shown = _deployed(local_stack.stack, project, "echo")
    assert (shown.state, shown.pid) == ("error", None)
    assert "this function was told to fail" in shown.reason
    assert "still answers" not in shown.reason


def test_a_deploy_whose_function_is_stopped_meanwhile_fails_and_does_not_wait_for_ever(client, local_stack):
    project, failed = new_project(), []
    slow = {"WAIT": "60"}
    thread = threading.Thread(
        target=lambda: failed.append(client("deployments.deploy_nuclio", project, "echo", slow))
    )
    thread.start()
    _until(lambda: any(each.project == project for each in local_stack.stack.deployments()))
    local_stack.stack.stop_function(project, "echo")
    thread.join(timeout=30)
    assert failed == [{"error": "Function echo deployment failed", "state": "error"}]
    assert _deployed(local_stack.stack, project, "echo").state == "offline"


def test_requests_are_answered_throughout_a_redeploy(client, local_stack):
    project = new_project()
    address = client("deployments.deploy_nuclio", project, "echo", {"VERSION": "1"})["address"]
    answers, failed, done = [], [], threading.Event()

    def ask(kept):
        with httpx.Client(timeout=30) as connections:
            while not done.is_set():
                try:
                    answers.append(connections.get(address) if kept else httpx.get(address, timeout=30))
                except httpx.TransportError as error:
                    failed.append(error)

    threads = [threading.Thread(target=ask, args=(kept,)) for kept in (True, True, False)]
    for thread in threads:
        thread.start()
    try:
        for version in ("2", "3"):
            client("deployments.deploy_nuclio", project, "echo", {"VERSION": version})
            _until(lambda wanted=version: answers and answers[-1].json()["version"] == wanted)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert failed == [] and {answer.status_code for answer in answers} == {200}
    assert answers[0].json()["version"] == "1"
    assert any(answer.headers.get("connection") == "close" for answer in answers)


def test_a_request_under_way_is_finished_when_the_function_stops(client, local_stack):
    project = new_project()
    address = client("deployments.deploy_nuclio", project, "echo", {"VERSION": "1"})["address"]
    answers = []
    thread = threading.Thread(target=lambda: answers.append(httpx.get(f"{address}/?sleep=1.5", timeout=30)))
    thread.start()
    time.sleep(0.5)
    local_stack.stack.stop_function(project, "echo")
    thread.join()
    assert answers[0].status_code == 200


def test_everything_is_there_after_kill_9_of_the_control_plane_and_functions_live_on(tmp_path):
    stack = Stack(tmp_path / "home", SOURCE_ROOT)
    (tmp_path / "client").mkdir()
    try:
        info = stack.up()
        client = Client(info.mlrun_dbpath, tmp_path / "client")
        try:
            before = client("runs.run_once", "demo")
            deployed = client("deployments.deploy_nuclio", "demo", "echo", {"VERSION": "1"})
            os.kill(info.api_pid, signal.SIGKILL)
            assert httpx.get(deployed["address"]).json()["version"] == "1"
            again = stack.up()
            assert again.mlrun_dbpath == info.mlrun_dbpath
            assert ("train", before["uid"], "completed") in client("runs.all_runs", "demo")
            assert client("functions.function_status", "demo", "echo")["got"]["state"] == "ready"

            # The new control plane did not start the process: it sees that it died, not how.
            os.kill(deployed["answer"]["pid"], signal.SIGKILL)
            _until(lambda: _deployed(stack, "demo", "echo").restarts == 1)
            _until(lambda: _deployed(stack, "demo", "echo").state == "ready")
            assert "the process is gone" in _deployed(stack, "demo", "echo").last_exit
        finally:
            client.close()

        # Stopping also ends functions whose control plane was killed.
        pid = _deployed(stack, "demo", "echo").pid
        os.kill(stack.up().api_pid, signal.SIGKILL)
        assert stack.stop()
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    finally:
        stack.stop()


def test_a_deploy_that_was_under_way_when_the_control_plane_died_is_put_right(tmp_path):
    stack = Stack(tmp_path / "home", SOURCE_ROOT)
    try:
        info = stack.up()
        api = f"{info.mlrun_dbpath}/api/v1/projects"
        httpx.post(api, json={"metadata": {"name": "demo"}})
        spec = {
            "function_handler": "tests.project.local.deployed:echo",
            "env": [{"name": "WAIT", "value": "60"}],
        }
        function = {"kind": "nuclio", "metadata": {"name": "slow"}, "spec": spec}
        answer = httpx.post(f"{api}/demo/nuclio/slow/deploy", json={"function": function})
        assert answer.json()["data"]["status"]["state"] == "building"
        assert _deployed(stack, "demo", "slow").state == "building"
        os.kill(info.api_pid, signal.SIGKILL)
        stack.up()
        shown = _deployed(stack, "demo", "slow")
        assert (shown.state, shown.pid) == ("error", None)
        assert shown.reason == "the control plane ended while the function was starting"
    finally:
        stack.stop()


def test_a_later_deploy_takes_over_from_one_under_way(local_stack):
    api = f"{local_stack.info.mlrun_dbpath}/api/v1/projects"
    project = new_project()
    httpx.post(api, json={"metadata": {"name": project}})

    def deploy(version, wait):
        spec = {
            "function_handler": "tests.project.local.deployed:echo",
            "env": [{"name": "VERSION", "value": version}, {"name": "WAIT", "value": wait}],
        }
        function = {"kind": "nuclio", "metadata": {"name": "echo"}, "spec": spec}
        httpx.post(f"{api}/{project}/nuclio/echo/deploy", json={"function": function}).raise_for_status()

    deploy("1", "60")
    deploy("2", "0")
    _until(lambda: _deployed(local_stack.stack, project, "echo").state == "ready")
    assert httpx.get(_deployed(local_stack.stack, project, "echo").url).json()["version"] == "2"
    assert local_stack.stack.stop_function(project, "echo").state == "offline"
