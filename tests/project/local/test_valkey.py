import os
import signal
import socket
import threading

import hiredis
import pytest
import redis

from project.local import valkey
from project.local.processes import Process
from project.local.servers import Patience, ServerError, read_state

pytestmark = pytest.mark.slow

# For servers that are known to hang.
HASTE = Patience(answer=0.5, end=0.1)


@pytest.fixture
def home(tmp_path):
    yield tmp_path
    valkey.stop(tmp_path)


def _client(instance):
    return redis.Redis.from_url(instance.url)


def test_it_is_found_again_and_keeps_what_was_written_and_its_port(home):
    assert valkey.find(home) is None
    started = valkey.start(home)
    assert valkey.start(home) == valkey.find(home) == started
    with _client(started) as client:
        client.set("key", "value")
    assert valkey.stop(home)
    assert valkey.find(home) is None
    assert not valkey.stop(home)
    again = valkey.start(home)
    assert (again.url, again.pid != started.pid) == (started.url, True)
    with _client(again) as client:
        assert client.get("key") == b"value"
        assert client.config_get("bind", "appendfsync") == {"bind": "127.0.0.1", "appendfsync": "everysec"}


def test_writes_survive_kill_9(home):
    started = valkey.start(home)
    with _client(started) as client:
        client.set("key", "value")
    os.kill(started.pid, signal.SIGKILL)
    again = valkey.start(home)
    with _client(again) as client:
        assert client.get("key") == b"value"


def test_two_homes_do_not_meet(home, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    try:
        assert valkey.start(home).url != valkey.start(other).url
        # The state file of one home copied into the other does not make its server that of the other.
        (other / "valkey" / "state.json").write_text((home / "valkey" / "state.json").read_text())
        assert valkey.find(other) is None
    finally:
        (other / "valkey" / "state.json").unlink()
        valkey.stop(home)
        for line in (other / "valkey" / "valkey.pid").read_text().split():
            os.kill(int(line), signal.SIGTERM)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"+PONG\r\n", b""])
def test_another_program_on_the_port_is_not_taken_for_ours(home, answer):
    started = valkey.start(home)
    port = int(started.url.rpartition(":")[2])
    valkey.stop(home)
    with socket.create_server(("127.0.0.1", port)) as listener:

        def serve():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(1000)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            assert valkey.find(home) is None
            moved = valkey.start(home, Patience(port=0))
            assert moved.url != started.url
            assert valkey.find(home) == moved
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_one_that_can_not_write_lives(home, monkeypatch):
    started, ask = valkey.start(home), valkey.ask

    def refused(port, *commands, timeout):
        full = hiredis.ReplyError("MISCONF Errors writing to the AOF file: No space left on device")
        return [full, *ask(port, *commands, timeout=timeout)[1:]]

    monkeypatch.setattr(valkey, "ask", refused)
    assert valkey.find(home) == valkey.start(home) == started


def test_a_broken_state_file_is_named(home):
    (home / "valkey").mkdir()
    (home / "valkey" / "state.json").write_text("{}")
    with pytest.raises(ServerError, match=r"state\.json: not a state file of ours"):
        valkey.find(home)
    (home / "valkey" / "state.json").unlink()


def test_a_server_that_can_not_start_says_what_its_log_says(home):
    folder = home / "valkey" / "appendonlydir"
    folder.mkdir(parents=True)
    (folder / "appendonly.aof.manifest").write_text("nonsense\n")
    with pytest.raises(
        ServerError, match=r"(?s)did not start on port \d+ \(exited with code 1\).* ends with:.*manifest"
    ):
        valkey.start(home)


def test_a_server_that_hangs_is_replaced(home):
    started = valkey.start(home)
    state = read_state(home / "valkey" / "state.json")
    os.kill(started.pid, signal.SIGSTOP)
    try:
        again = valkey.start(home, HASTE)
    finally:
        if Process(state.pid, state.created).alive():
            os.kill(started.pid, signal.SIGCONT)
    assert again.pid != started.pid
    assert not Process(state.pid, state.created).alive()
