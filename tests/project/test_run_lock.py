"""One run at a time in a project."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from project.run_lock import COMMAND, RUN, SWAP, BusyError, held, holder, holders, tell_run_id

HOLD = """
import sys, time
from pathlib import Path
from project.run_lock import held, tell_run_id
with held(Path(sys.argv[1]), "p", "workflow main", sys.argv[2]):
    tell_run_id(Path(sys.argv[1]), "p", "abc")
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture(params=[RUN, COMMAND])
def other(request, tmp_path):
    """Another process that holds the project."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path), request.param], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout.readline() == "held\n"
    yield child
    child.kill()
    child.wait()
    child.stdout.close()


def test_a_second_run_is_refused_with_the_name_of_the_first(other, tmp_path):
    with pytest.raises(BusyError) as error, held(tmp_path, "p", "netops run", COMMAND):
        pass
    message = str(error.value)
    assert message.startswith("project 'p' has one run at a time, and ")
    assert f"run abc (workflow main, pid {other.pid}) since 20" in message
    # What is told ends that process alone: 'netops stop' ends what serves, too.
    assert (
        message.endswith(f"with Ctrl-C where it runs, or with 'kill {other.pid}'") and "stop" not in message
    )
    assert holder(tmp_path, "p").run_id == "abc"


def test_a_holder_of_a_newer_release_is_told_with_what_is_known_of_it(other, tmp_path):
    (path,) = (tmp_path / "locks").iterdir()
    path.write_text(json.dumps({**json.loads(path.read_text()), "host": "here"}))
    found = holder(tmp_path, "p")
    assert (found.pid, found.run_id) == (other.pid, "abc")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can act as another user")
def test_a_lock_that_root_has_left_does_not_keep_another_user_from_looking():
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        home.chmod(0o755)
        with held(home, "p", "netops run"):
            pass
        (home / "locks" / "p.run").chmod(0o644)
        os.seteuid(65534)
        try:
            assert holders(home) == [] and holder(home, "p") is None
        finally:
            os.seteuid(0)


def test_a_command_that_holds_a_project_between_its_runs_is_told_as_one(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path), COMMAND]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "held\n"
        with pytest.raises(BusyError, match=r"run abc .* and holds the project until") as error:
            held(tmp_path, "p", "netops ingest", COMMAND).__enter__()
        assert error.value.kind == COMMAND
        child.kill()


def test_another_project_is_not_blocked(other, tmp_path):
    with held(tmp_path, "q", "netops run", COMMAND), held(tmp_path, "q", "workflow main"):
        assert holder(tmp_path, "q").pid == os.getpid()


def test_a_killed_holder_frees_the_project(other, tmp_path):
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert holder(tmp_path, "p") is None
    with held(tmp_path, "p", "netops run", COMMAND):
        pass


def test_within_a_process_it_is_held_once_and_then_free(tmp_path):
    with held(tmp_path, "p", "netops run"):
        with held(tmp_path, "p", "workflow main"):
            tell_run_id(tmp_path, "p", "r1")
        assert (holder(tmp_path, "p").command, holder(tmp_path, "p").run_id) == ("netops run", "r1")
    assert holder(tmp_path, "p") is None


def test_the_champion_can_be_changed_in_the_middle_of_a_run(other, tmp_path):
    with held(tmp_path, "p", "netops rollback", SWAP):
        assert holder(tmp_path, "p").pid == other.pid  # That is not a run, and keeps none waiting.
        assert holder(tmp_path, "p", (SWAP,)).command == "netops rollback"


def test_who_changes_the_champion_waits_for_who_does_so_already(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path), SWAP]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "held\n"
        with (
            pytest.raises(BusyError, match="workflow main") as error,
            held(tmp_path, "p", "netops promote", SWAP, patience=0.1),
        ):
            pass
        assert str(error.value).startswith("the champion of project 'p' is changed by one at a time, and w")
        assert "; 0.1 s were waited" in str(error.value)
        assert "one run at a time" not in str(error.value)  # Nor is it one that 'netops stop' has to end.
        threading.Timer(0.2, child.kill).start()
        with held(tmp_path, "p", "netops promote", SWAP, patience=60):
            assert holder(tmp_path, "p", (SWAP,)).pid == os.getpid()
