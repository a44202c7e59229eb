"""Starting a server: what is left when it cannot be finished."""

import sys

import psutil
import pytest

from project.local import servers


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
