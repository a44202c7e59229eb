"""The command line: what it loads, and what it refuses before anything is started."""

import json
import os
import subprocess
import sys

import pytest

from feature_sets.checks import InputError
from feature_sets.telemetry.errors import TelemetryError
from project.cli import main
from project.cli.arguments import parse_assignments, project_name, source_arguments
from project.parameters import NAMES

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
        (("status",), {"NETOPS_PROFILE": "moon"}, 2, "NETOPS_PROFILE: must be among local, "),
        (("stream",), {}, 1, "nothing is running; start it with "),
        (("status",), {"MLRUN_DBPATH": "http://127.0.0.1:9"}, 1, "must answer GET with JSON, got "),
    ],
)
def test_a_failure_is_one_line_and_its_code_says_whose_it_is(tmp_path, arguments, variables, code, words):
    done = subprocess.run(
        [sys.executable, "-c", "from project.cli import main; main()", *arguments],
        env={**environment(tmp_path), **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (code, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("netops: ") and words in line


def test_assignments_become_arguments():
    given = ["seed=3", "search=a=b", "promote=true"]
    assert parse_assignments(given, NAMES["main"]) == {"seed": 3, "search": "a=b", "promote": True}
    assert parse_assignments(None, ()) == {}


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("seed", "--set: must be name=value, got 'seed'"),
        ("sead=1", "workflow parameter 'sead': must be among telemetry, .*, got 'sead'"),
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
    assert project_name(None, schema) == "netops-tiny"
    assert project_name("mine", schema) == "mine"
    for given, words in (
        ((here, None), "--schema: must say what the columns of --telemetry mean, got None"),
        ((None, schema), "--telemetry: must be the folder that --schema describes, got None"),
        ((schema, schema), "--telemetry: must be a folder, got '.*schema.yaml'"),
        ((here, here / "none.yaml"), "must be a readable YAML file, got 'none.yaml'"),
    ):
        with pytest.raises(ValueError, match=words):
            source_arguments(*given)
