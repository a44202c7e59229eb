"""Starting a server: what is left when it cannot be finished."""

import os
import sys

import psutil
import pytest

from graphs.protocol.roles import Role
from project.errors import NetopsError
from project.local import servers
from project.local.workflow_records import read_status, settle, workflow_records
from project.token_files import kept_token


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_server_that_cannot_be_noted_is_not_left_running(tmp_path, monkeypatch, failure):
    started = []

    def fail(_file, state):
        started.append(state)
        raise failure

    monkeypatch.setattr(servers, "_write_state", fail)
    with pytest.raises(type(failure)):
        servers.start_server(
            "the server",
            tmp_path / "state.json",
            lambda _port: [sys.executable, "-c", "import time; time.sleep(60)"],
            lambda _port: "",
            log=tmp_path / "log.txt",
            cwd=tmp_path,
            patience=servers.PATIENCE,
        )
    (state,) = started
    assert not psutil.pid_exists(state.pid) or not state.process.alive()


HALF = '{"port": 4711, "pid": 12'


def test_half_a_state_file_of_before_the_start_of_the_machine_keeps_the_port(tmp_path):
    file = tmp_path / "state.json"
    for text, port in ((HALF, 4711), ("", 0), ("\0" * 64, 0)):
        file.write_text(text)
        os.utime(file, (0, psutil.boot_time() - 60))
        found = servers.read_state(file)
        assert (found.port, found.process.alive(), found.run_id) == (port, False, "")


def test_half_a_state_file_of_now_is_not_believed_as_its_server_may_run(tmp_path):
    file = tmp_path / "state.json"
    file.write_text(HALF)
    with pytest.raises(servers.ServerError, match=r"may be running; end that process.*delete the file"):
        servers.read_state(file)


def test_half_a_record_of_a_workflow_is_that_of_a_dead_one_and_is_settled(tmp_path):
    folder = tmp_path / "workflows" / "one"
    folder.mkdir(parents=True)
    (folder / "process.json").write_text('{"pid": 1')
    (folder / "status.json").write_text("")
    (record,) = workflow_records(tmp_path)
    assert not record.process.alive() and record.status["state"] == "starting"
    assert settle(record, lambda *_: [], lambda *_: None)
    assert read_status(folder)["state"] == "failed" and record.settled


def test_an_empty_file_of_a_token_is_refused(tmp_path):
    (tmp_path / "token").touch()
    with pytest.raises(NetopsError, match="token: must hold a token, got an empty file; delete it"):
        kept_token(tmp_path, Role.ADMIN)
    (tmp_path / "token").unlink()
    assert kept_token(tmp_path, Role.ADMIN) == kept_token(tmp_path, Role.ADMIN) != ""
