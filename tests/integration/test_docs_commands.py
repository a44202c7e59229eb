"""The commands and snippets of the documentation, as they are written there, on the small installation.

The commands of a page run one after another in one shell, in a folder that has what a reader would have: the
telemetry of ``docs/telemetry.md``, and the checkout's ``project/`` and ``.netops``.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from project.settings import SOURCE_ROOT
from tests.docs.pages import PAGES, ROOT, blocks, executed
from tests.integration.made_networks import write_routers

BIN = Path(sys.executable).parent


def pages_with(language):
    found = [page for page in PAGES if executed(page, language)]
    return pytest.mark.parametrize("page", found, ids=[str(page.relative_to(ROOT)) for page in found])


@pytest.fixture(scope="module")
def folder(installation, tmp_path_factory):
    """Where the reader is."""
    made = tmp_path_factory.mktemp("reader")
    (made / ".netops").symlink_to(installation.home)
    # A copy, because MLRun writes a project.yaml into it and takes one of another name for an error.
    shutil.copytree(
        SOURCE_ROOT / "project",
        made / "project",
        ignore=shutil.ignore_patterns("project.yaml", "__pycache__"),
    )
    write_routers(made / "my-folder")
    schema, *_ = (
        block
        for block in blocks(ROOT / "docs" / "telemetry.md")
        if block.language == "yaml" and block.text.startswith("name:")  # Others are parts of one.
    )
    (made / "my-routers.yaml").write_text(schema.text, encoding="utf-8")
    return made


@pytest.fixture
def environment(installation):
    return installation.environment(PATH=f"{BIN}{os.pathsep}{os.environ['PATH']}")


def addresses(installation):
    """Variable that a page sets -> address of the server that it is about."""
    return {
        "ADDRESS": installation.endpoint()["address"],
        "RUNNER": installation.endpoint("runner")["address"],
        # Nobody listens there: a training that drift starts would get in the way of the other tests.
        "NETOPS_DRIFT_CALLBACK": "http://127.0.0.1:9",
        "MLRUN_DBPATH": installation.dbpath,
    }


def as_run(command, known, other_home):
    """A command with the ports of this installation; what would stop all of it gets another one to stop."""
    if command == "netops stop":
        return f"NETOPS_HOME={other_home} netops up && NETOPS_HOME={other_home} netops stop"
    command = re.sub(r"^curl ", "curl --fail-with-body ", command)
    return re.sub(
        r"^export (\w+)=http://127\.0\.0\.1:PORT", lambda m: f"export {m[1]}={known[m[1]]}", command
    )


@pages_with("console")
def test_the_commands_of_a_page_work(installation, folder, environment, tmp_path, page):
    known = addresses(installation)
    commands = [command for block in executed(page, "console") for command in block.commands]
    # A NUL parts what one command prints from what the next one does.
    script = [f"printf '\\0'\n{as_run(command, known, tmp_path / 'other')}" for command in commands]
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(script)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stdout + done.stderr
    printed = dict(zip(commands, done.stdout.split("\0")[1:], strict=True))
    AFTER.get(page.name, lambda *_: None)(installation, known, printed)


def of(printed, start):
    """What the command that starts so has printed."""
    return next(output for command, output in printed.items() if command.startswith(start))


def after_local(installation, known, printed):
    runs = installation.api("projects/by-mlrun/runs")["runs"]
    states = {run["metadata"]["name"]: run["status"]["state"] for run in runs}
    assert states["train"] == states["report"] == "completed"
    assert "select-features" in of(printed, "mlrun get runs")
    assert "serving" in of(printed, "netops status")
    assert "accepted" in of(printed, "netops stream")
    assert of(printed, "netops stop telemetry-generator") == "stopped telemetry-generator\n"
    assert printed["netops stop"].endswith("stopped\n")


def after_serving(installation, known, printed):
    assert json.loads(of(printed, "curl -s $ADDRESS/telemetry"))["status"] == "accepted"
    assert json.loads(of(printed, "curl -s $ADDRESS/labels"))["status"] == "joined"
    run_id = json.loads(of(printed, "curl -s $RUNNER/runs"))["run_id"]
    for _ in range(240):
        state = httpx.get(f"{known['RUNNER']}/runs/{run_id}").json()["state"]
        if state not in ("starting", "running"):
            break
        time.sleep(0.5)
    assert state == "succeeded"


def after_telemetry(installation, known, printed):
    report = of(printed, "netops ingest")
    assert "rejected unknown_device: 1" in report and "out_of_range in in_rate_mbps: 1" in report
    assert "'is_error' is predictable" in " ".join(of(printed, "netops run").split())
    runs = installation.api("projects/netops-my-routers/runs")["runs"]
    assert {run["status"]["state"] for run in runs} == {"completed"}


AFTER = {"local.md": after_local, "serving.md": after_serving, "telemetry.md": after_telemetry}
"""What else must hold after the commands of a page."""


@pages_with("python")
def test_the_snippets_of_a_page_work(installation, folder, environment, tmp_path, page):
    script = tmp_path / "snippets.py"
    script.write_text("\n".join(block.text for block in executed(page, "python")), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=folder,
        env={**environment, "MLRUN_DBPATH": installation.dbpath},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_page_of_routes_has_every_route_of_the_interface(installation):
    address = installation.endpoint()["address"]
    document = httpx.get(f"{address}/openapi.json", timeout=30).json()
    routes = {f"{method.upper()} {path}" for path, ways in document["paths"].items() for method in ways}
    routes = {route for route in routes if not route.startswith("PARAMETERS ")}
    page = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    written = set(re.findall(r"`((?:GET|POST|PUT|DELETE) [^`]+)`", page.split("## Send events")[0]))
    assert written == routes
