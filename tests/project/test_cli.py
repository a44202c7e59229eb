"""The command line: what it loads, and what it refuses before anything is started."""

import errno
import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from importlib import import_module
from types import SimpleNamespace

import httpx
import pytest

from feature_sets.checks import InputError
from feature_sets.damaged_file import DamagedFileError, reading
from feature_sets.telemetry.errors import TelemetryError
from graphs.state.entry_id import BEFORE_ALL
from graphs.state.journal_archive import archived
from project.cli import main
from project.cli.arguments import parse_assignments, project_name, source_arguments
from project.cli.ingest import _replacement
from project.cli.restarts import deployed, facts, lives
from project.cli.run import what_stays
from project.cli.runs import results_text
from project.disk_errors import disk_failure
from project.latest_report import link_report
from project.local.stack import DeployedFunction
from project.parameters import NAMES
from project.run_lock import held, tell_run_id
from project.session import _PATIENCE, Session
from project.settings import Settings

application = import_module("project.cli.app")

HEAVY = {
    "httpx",
    "kfp",
    "lightgbm",
    "mlrun",
    "numba",
    "numpy",
    "pandas",
    "plotly",
    "pyarrow",
    "redis",
    "rich",
    "scipy",
    "sklearn",
    "storey",
}
"""Packages that take longer to load than a command that only looks may take."""

PROBE = """
import sys
from project.cli import main
try:
    main()
finally:
    print(*{name.partition(".")[0] for name in sys.modules}, file=sys.stderr)
"""


def environment(home):
    """Variables of a process whose local state is under ``home``."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MLRUN_", "NETOPS_"))}
    return {**kept, "NETOPS_HOME": str(home)}


def loaded(home, *arguments):
    """What a command prints, and the packages that it loads."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments],
        env=environment(home),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout, set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--help",), "status"),
        (("run", "--help"), "--keep"),
        (("status",), "nothing is running"),
        (("stop",), "nothing was running"),
    ],
)
def test_commands_that_only_look_load_nothing_heavy(tmp_path, arguments, words):
    printed, packages = loaded(tmp_path, *arguments)
    assert words in printed
    assert "typer" in packages
    assert not packages & HEAVY


def test_the_status_of_running_servers_loads_nothing_heavy(local_stack):
    printed, packages = loaded(local_stack.stack.home, "status", "--json")
    assert json.loads(printed)["mlrun_dbpath"] == local_stack.info.mlrun_dbpath
    assert not packages & HEAVY


def test_the_status_shows_schedules_with_their_next_time(local_stack):
    api, home = f"{local_stack.info.mlrun_dbpath}/api/v1/projects", local_stack.stack.home
    httpx.post(api, json={"metadata": {"name": "scheduled"}}).raise_for_status()
    body = {
        "name": "nightly",
        "kind": "job",
        "cron_trigger": "0 3 1 1 mon-sun",
        "scheduled_object": {"task": {"metadata": {"project": "scheduled", "name": "x"}}},
    }
    httpx.post(f"{api}/scheduled/schedules", json=body).raise_for_status()
    try:
        assert httpx.post(f"{api}/scheduled/schedules/nightly/invoke").status_code == 400
        printed, packages = loaded(home, "status")
        (row,) = (line for line in printed.splitlines() if line.startswith("scheduled "))
        _, name, cron, next_time, last, not_started = re.split("  +", row)
        assert (name, cron, not_started) == ("nightly", "0 3 1 1 mon-sun", "1")
        assert next_time.endswith("-01-01 03:00")
        assert last.endswith(" failed: a job must have code, a command or a handler, got none")
        assert not packages & HEAVY
        found = json.loads(loaded(home, "status", "--json")[0])["schedules"]
        (schedule,) = (schedule for schedule in found if schedule["project"] == "scheduled")
        alone = json.loads(loaded(home, "status", "--project", "scheduled", "--json")[0])
        assert alone["schedules"] == [schedule]
        httpx.post(api, json={"metadata": {"name": "other"}}).raise_for_status()
        other = json.loads(loaded(home, "status", "--project", "other", "--json")[0])
        assert (other["schedules"], other["endpoints"]) == ([], [])
        assert other["mlrun_dbpath"] == local_stack.info.mlrun_dbpath
        assert (schedule["name"], schedule["cron"], schedule["last_run"]) == (
            "nightly",
            "0 3 1 1 mon-sun",
            "",
        )
    finally:
        httpx.delete(f"{api}/scheduled/schedules").raise_for_status()


def test_a_run_that_outlived_its_command_and_its_control_plane_is_shown(tmp_path):
    with held(tmp_path, "p", "workflow main"):
        tell_run_id(tmp_path, "p", "abc")
        printed, _ = loaded(tmp_path, "status")
        (found,) = json.loads(loaded(tmp_path, "status", "--json")[0])["under_way"]
        of_another = json.loads(loaded(tmp_path, "status", "--project", "q", "--json")[0])
        assert of_another["under_way"] == []
    assert f"under way     project p: run abc (workflow main, pid {os.getpid()}) since 20" in printed
    assert (found["project"], found["run_id"]) == ("p", "abc")
    assert loaded(tmp_path, "status")[0].startswith("nothing is running")


def test_the_newest_report_has_a_path_that_stays(local_stack, tmp_path):
    home = local_stack.stack.home
    for page in ("first.html", "second.html"):
        (tmp_path / page).write_text(page)
        path = link_report(home, "reported", tmp_path / page)
    assert path.read_text() == "second.html"
    try:
        assert f"report        project reported: {path}\n" in loaded(home, "status")[0]
        assert json.loads(loaded(home, "status", "--json")[0])["reports"]["reported"] == str(path)
        (tmp_path / "second.html").unlink()
        assert "reported" not in loaded(home, "status")[0]
    finally:
        path.unlink()


def test_the_runs_tell_what_the_gate_decided_and_why_in_full():
    reason = "not better: average precision 0.995 against 0.996 of version f8bc2f50 in production " * 3
    told = results_text({"f1": 0.9, "promotion": "not promoted", "promotion_reason": reason})
    assert told == f"not promoted: {reason}"
    assert results_text({"rows": 5}) == "rows=5"


def test_rows_that_cannot_be_read_are_a_failure_and_not_bad_usage(monkeypatch, capsys):
    def fails():
        raise TelemetryError("metrics", "must hold rows", "none")

    monkeypatch.setattr(sys.modules["project.cli.app"], "app", fails)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert capsys.readouterr().err == "netops: metrics: must hold rows, got 'none'\n"


@pytest.mark.parametrize(
    ("arguments", "variables", "code", "words"),
    [
        (("run", "--set", "sead=1"), {}, 2, "workflow parameter 'sead': must be among telemetry, "),
        (("ingest", "--replace"), {}, 2, "--replace: must be confirmed: add --yes, or run it on a terminal"),
        (("ingest", "--set", "replace=true"), {}, 2, "'replace': must be among telemetry, "),
        (("ingest", "--live", "--replace"), {}, 2, "--live: must be given without --telemetry and --replace"),
        (("devices", "sell", "x"), {}, 2, "action: must be among list, add, retire, got 'sell'"),
        (("devices", "retire"), {}, 2, "device: must be given to add or retire it, and not to list"),
        (("devices", "add", "x", "--attribute", "model"), {}, 2, "--attribute: must be name=value, got "),
        (("up",), {"NETOPS_UNKNOWN_DEVICES": "ignore"}, 2, "NETOPS_UNKNOWN_DEVICES: must be among reject, "),
        (("up",), {"NETOPS_LABEL_DEADLINE": "0s"}, 2, "NETOPS_LABEL_DEADLINE: must be longer than 0"),
        (("up",), {"NETOPS_LABEL_DEADLINE": "long"}, 2, "NETOPS_LABEL_DEADLINE: must be a whole number with"),
        (("status",), {"NETOPS_PROFILE": "moon"}, 2, "NETOPS_PROFILE: must be among local, "),
        (("stream",), {}, 1, "nothing is running; start it with "),
        (("status",), {"MLRUN_DBPATH": "http://127.0.0.1:9"}, 1, "must answer GET with JSON, got "),
        (("run",), {"MLRUN_DBPATH": "http://127.0.0.1:9"}, 1, "unset MLRUN_DBPATH to use the local one"),
        (("compile", "x"), {"MLRUN_DBPATH": "http://127.0.0.1:9"}, 1, "start that MLRun API, or unset "),
        (("run", "--telemetry", __file__, "--schema", "x"), {}, 2, "--telemetry: must be a folder, got "),
        (
            ("run",),
            {"NETOPS_HOME": __file__},
            1,
            "move away the file that is on this path, or set NETOPS_HOME (now ",
        ),
        (
            ("up",),
            {"NETOPS_HOME": "/proc/netops"},
            1,
            "netops: /proc/netops: no folder can be made there; set NETOPS_HOME (now /proc/netops) to",
        ),
        (
            ("compile", "/nowhere/x.yaml"),
            {},
            2,
            "FILE: must be in a folder that exists, got '/nowhere/x.yaml'",
        ),
        (("compile", "/"), {}, 2, "FILE: must be a file to write, got '/'"),
        (
            ("up",),
            {"NETOPS_HOME": f"{__file__}/below"},
            1,
            "move away the file that is on this path, or set NETOPS_HOME (now ",
        ),
    ],
)
def test_a_failure_is_one_line_and_its_code_says_whose_it_is(tmp_path, arguments, variables, code, words):
    done = subprocess.run(
        [sys.executable, "-c", "from project.cli import main; main()", *arguments],
        env={**environment(tmp_path), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (code, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("netops: ") and words in line


@pytest.mark.parametrize("command", ["status", "run", "serve", "runs"])
def test_an_address_that_never_answers_is_told_soon(tmp_path, command):
    started = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        done = subprocess.run(
            [sys.executable, "-c", "from project.cli import main; main()", command],
            env={**environment(tmp_path), "MLRUN_DBPATH": f"http://127.0.0.1:{silent.getsockname()[1]}"},
            capture_output=True,
            text=True,
            timeout=60,  # With MLRun's own patience it would be minutes.
        )
    (line,) = done.stderr.splitlines()
    assert line.startswith("netops: MLRUN_DBPATH: http://127.0.0.1:") and "timed out" in line
    assert done.returncode == 1
    assert time.monotonic() - started > _PATIENCE


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_full_or_read_only_disk_is_one_line(monkeypatch, capsys, tmp_path, code):
    def fail():
        raise OSError(code, os.strerror(code), str(tmp_path / "locks"))

    monkeypatch.setattr(application, "app", fail)
    monkeypatch.setattr(application, "watch_for_interruption", lambda: None)
    monkeypatch.setenv("NETOPS_HOME", str(tmp_path))
    with pytest.raises(SystemExit) as end:
        application.main()
    (line,) = capsys.readouterr().err.splitlines()
    assert end.value.code == 1
    assert line.startswith(f"netops: {tmp_path / 'locks'}: {os.strerror(code)}; ")
    assert line.endswith(f"or set NETOPS_HOME (now {tmp_path}) to another folder")


def test_a_damaged_file_of_the_archive_is_one_line_with_its_name(monkeypatch, capsys, tmp_path):
    path = tmp_path / "1700000000000-000000.parquet"
    path.write_bytes(b"PAR1 no more")
    monkeypatch.setattr(application, "app", lambda: list(archived(tmp_path, BEFORE_ALL)))
    monkeypatch.setattr(application, "watch_for_interruption", lambda: None)
    with pytest.raises(SystemExit) as end:
        application.main()
    (line,) = capsys.readouterr().err.splitlines()
    assert end.value.code == 1
    assert line.startswith(f"netops: {path}: must be a readable Parquet file, got ")
    assert "; put it back from a backup" in line


def test_a_failure_of_the_disk_while_a_file_is_read_stays_one(tmp_path):
    with pytest.raises(OSError, match="full") as failed, reading(tmp_path, "x"):
        raise OSError(errno.ENOSPC, "full")
    assert not isinstance(failed.value, DamagedFileError)


def test_of_a_file_outside_the_home_another_home_is_not_the_remedy(tmp_path):
    error = PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/elsewhere/x.yaml")
    assert disk_failure(error, tmp_path) == "/elsewhere/x.yaml: Permission denied; make it writable"


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (errno.ENOENT, "no folder can be made there; "),
        (errno.EACCES, "Permission denied; make it writable, or "),
        (errno.EROFS, "Read-only file system; make it writable, or "),
        (errno.ENOSPC, "No space left on device; free space there, or "),
        (errno.EEXIST, "File exists; move away the file that is on this path, or "),
        (errno.ENOTDIR, "Not a directory; move away the file that is on this path, or "),
    ],
)
def test_each_failure_of_the_home_says_what_to_do(tmp_path, code, remedy):
    home = tmp_path / "home"
    said = disk_failure(OSError(code, os.strerror(code), str(home)), home)
    assert said == f"{home}: {remedy}set NETOPS_HOME (now {home}) to another folder"


def test_a_database_that_cannot_be_written_is_one_line(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("NETOPS_HOME", str(tmp_path))
    path = tmp_path / "x.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE x (y)")

    def fails():
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            connection.execute("INSERT INTO x VALUES (1)")

    monkeypatch.setattr(application, "app", fails)
    with pytest.raises(SystemExit) as end:
        application.main()
    assert end.value.code == 1
    assert capsys.readouterr().err == (
        f"netops: {tmp_path}: attempt to write a readonly database; make it writable, or set NETOPS_HOME "
        f"(now {tmp_path}) to another folder\n"
    )

    def is_wrong():
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("INSERT INTO z VALUES (1)")

    monkeypatch.setattr(application, "app", is_wrong)
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        application.main()


def test_a_failed_endpoint_says_why_and_what_brings_it_back(monkeypatch, tmp_path):
    killed = "killed by signal 9 (SIGKILL)"

    def function(state, **more):
        return DeployedFunction("p", "serving", "serving", state, killed, "", "", None, "", **more)

    assert facts(function("error"))["reason"] == f"{killed}; 'netops serve --project p' brings it back"
    assert facts(function("error", fallen=True))["reason"] == f"{killed}; it is started again"
    assert facts(function("building", last_exit=killed))["reason"] == f"{killed}; it is being started again"
    told = {"restarts": 2, "last_exit": killed, "last_exit_time": 1e9, "ready_time": 1e9 + 3}
    assert facts(function("ready", **told)) == {
        "reason": "",
        "restarts": 2,
        "last_exit": killed,
        "last_exit_time": "2001-09-09T01:46:40+00:00",
        "since": "2001-09-09T01:46:43+00:00",
        "failed_starts": 0,
        "failed_start": "",
        "failing_since": None,
    }
    assert str(lives(function("ready", **told))) == (
        f"started again 2 times, last exit 2001-09-09T01:46:40+00:00: {killed}; "
        "ready since 2001-09-09T01:46:43+00:00"
    )
    full = "/home/x: No space left on device; free space there"
    told |= {"failed_starts": 1, "failed_start": full, "failing_since": 1e9 + 1}
    assert facts(function("building", **told))["reason"] == f"{full}; it is being started again"
    assert str(lives(function("error", **told, fallen=True))) == (
        f"started again 2 times, last exit 2001-09-09T01:46:40+00:00: {killed}; a start has failed since, "
        f"from 2001-09-09T01:46:41+00:00 on: {full}"
    )
    assert "; 3 starts have failed since" in str(lives(function("ready", **{**told, "failed_starts": 3})))
    monkeypatch.setattr(
        "project.cli.restarts.local_stack", lambda _: SimpleNamespace(deployments=lambda: [1])
    )
    session = Session("http://127.0.0.1:9", "", owned=True, started=False)
    assert deployed(Settings(tmp_path), session) == [1]
    assert not deployed(Settings(tmp_path), replace(session, owned=False))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([("p", "ready")], "the endpoints are up; "),
        ([("p", "offline"), ("q", "ready")], "the endpoints are stopped now; "),
    ],
)
def test_a_run_says_whether_its_endpoints_are_up(monkeypatch, tmp_path, found, words):
    session = Session("http://127.0.0.1:9", "", owned=True, started=False)
    monkeypatch.setattr("project.session.find_session", lambda _: session)
    endpoints = [SimpleNamespace(project=project, state=state) for project, state in found]
    monkeypatch.setattr(
        "project.api_reader.endpoints", lambda _, of: [each for each in endpoints if each.project == of]
    )
    assert what_stays(Settings(tmp_path), "p").startswith(words)
    monkeypatch.setattr("project.session.find_session", lambda _: None)
    assert what_stays(Settings(tmp_path), "p").startswith("the endpoints are stopped now")


def test_other_errors_of_the_system_are_bugs_and_keep_their_traceback(monkeypatch):
    def fail():
        raise OSError(errno.EBADF, "bad")

    monkeypatch.setattr(application, "app", fail)
    monkeypatch.setattr(application, "watch_for_interruption", lambda: None)
    with pytest.raises(OSError, match="bad"):
        application.main()


def test_assignments_become_arguments():
    given = ["seed=3", "schema=a=b", "promote=true"]
    assert parse_assignments(given, NAMES["main"]) == {"seed": 3, "schema": "a=b", "promote": True}
    assert parse_assignments(None, ()) == {}


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("seed", "--set: must be name=value, got 'seed'"),
        ("sead=1", "workflow parameter 'sead': must be among telemetry, .*, got 'sead'"),
        ("combinations=0", "parameter 'combinations': must be a whole number of at least 1, got 0"),
        ("seed=x", "workflow parameter 'seed': must be a whole number of at least 0, got 'x'"),
        ("seed=-1", "workflow parameter 'seed': must be a whole number of at least 0, got -1"),
        ("max_drift=nan", "workflow parameter 'max_drift': must be a number, got nan"),
    ],
)
def test_a_bad_assignment_is_refused(assignment, words):
    with pytest.raises(InputError, match=words):
        parse_assignments([assignment], NAMES["main"])


def test_telemetry_and_schema_are_given_together_and_become_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    schema = tmp_path / "schema.yaml"
    schema.write_text("{name: tiny, entity: [device], time: t, metrics: {load: {}}, label: bad}")
    here = type(tmp_path)()
    assert source_arguments(None, None) == {}
    assert source_arguments(here, here / "schema.yaml") == {
        "telemetry": str(tmp_path),
        "schema": str(schema),
    }
    assert source_arguments(here, None) == {"telemetry": str(tmp_path)}
    assert project_name(None, schema) == "netops-tiny"
    assert project_name("mine", schema) == "mine"
    for given, words in (
        ((None, schema), "--telemetry: must be the folder that --schema describes, got None"),
        ((schema, schema), "--telemetry: must be a folder, got '.*schema.yaml'"),
        ((here, here / "none.yaml"), "must be a readable YAML file, got 'none.yaml'"),
    ):
        with pytest.raises(ValueError, match=words):
            source_arguments(*given)


def test_the_question_before_a_replacement_counts_what_arrived_live(monkeypatch):
    live = {"rows_ingested": 1210, "label_rows": 900, "last_event": "2024-05-03T00:00:00+00:00"}
    file = {"rows_ingested": 1200, "first_event": "2024-05-01T00:00:00+00:00", "last_event": "2024-05-02"}
    results = [{"accuracy": 1.0}, live, file]
    monkeypatch.setattr("project.api_reader.projects", lambda _: ["lab"])
    monkeypatch.setattr("project.api_reader.runs", lambda *_: [{"status": {"results": r}} for r in results])
    question = _replacement("lab", "http://127.0.0.1:1", is_asked=True)
    history = "1,210 rows and 900 labels from 2024-05-01T00:00:00+00:00 to 2024-05-03T00:00:00+00:00?"
    assert question == f"Replace the history of project 'lab', {history} This cannot be undone."
    done = _replacement("lab", "http://127.0.0.1:1", is_asked=False)
    assert done == f"Replacing the history of project 'lab', {history[:-1]}. This cannot be undone."
    # Rows of files that are deleted by now, or of folders of other days, are in none that is read again.
    for rows_read, told in ((1210, ""), (144, " The files that were read last had 144 rows: ")):
        file["rows_read"] = rows_read
        found = _replacement("lab", "http://127.0.0.1:1", is_asked=True).partition("undone.")[2]
        assert found.startswith(told) and bool(found) == bool(told)
    results.clear()
    assert _replacement("lab", "http://127.0.0.1:1", is_asked=True) == (
        "Replace what project 'lab' has ingested, if anything?"
    )
    done = _replacement("lab", "http://127.0.0.1:1", is_asked=False)
    assert done == "Replacing what project 'lab' has ingested, if anything."
