"""The commands and snippets of the documentation, as they are written there, on the small installation.

The commands of a page run one after another in one shell, in a folder that has what a reader would have: the
telemetry of ``docs/telemetry.md``, and the checkout's ``project/`` and ``.netops``.
"""

import os
import re
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
    (made / "project").symlink_to(SOURCE_ROOT / "project")
    write_routers(made / "my-folder")
    (schema,) = (block for block in blocks(ROOT / "docs" / "telemetry.md") if block.language == "yaml")
    (made / "my-routers.yaml").write_text(schema.text, encoding="utf-8")
    return made


@pytest.fixture
def environment(installation):
    return installation.environment(PATH=f"{BIN}{os.pathsep}{os.environ['PATH']}")


def addresses(installation):
    """Variable that a page sets -> address of the server that it is about."""
    runner = installation.endpoint("runner")["address"]
    return {
        "ADDRESS": installation.endpoint()["address"],
        "RUNNER": runner,
        "NETOPS_DRIFT_CALLBACK": runner,
        "MLRUN_DBPATH": installation.status()["mlrun_dbpath"],
    }


def as_run(command, known, other_home):
    """A command with the ports of this installation; what would stop all of it gets another one to stop."""
    if command == "netops stop":
        return f"NETOPS_HOME={other_home} netops up && NETOPS_HOME={other_home} netops stop"
    return re.sub(
        r"^export (\w+)=http://127\.0\.0\.1:PORT", lambda m: f"export {m[1]}={known[m[1]]}", command
    )


@pages_with("console")
def test_the_commands_of_a_page_work(installation, folder, environment, tmp_path, page):
    known = addresses(installation)
    commands = [command for block in executed(page, "console") for command in block.commands]
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(as_run(c, known, tmp_path / "other") for c in commands)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stdout + done.stderr
    assert "PORT" not in "\n".join(as_run(c, known, "") for c in commands)
    AFTER.get(page.name, lambda *_: None)(installation, known, done.stdout)


def after_local(installation, known, output):
    runs = installation.api("projects/by-mlrun/runs")["runs"]
    states = {run["metadata"]["name"]: run["status"]["state"] for run in runs}
    assert states["train"] == states["report"] == "completed"
    assert "nothing was running" not in output and "stopped telemetry-generator" in output
    listed = output.split("mlrun.projects")[-1] if "mlrun.projects" in output else output
    assert "select-features" in listed


def after_serving(installation, known, output):
    assert '"status":"accepted"' in output and '"status":"joined"' in output
    run_id = re.search(r'"run_id": "(\w+)"', output)[1]
    for _ in range(240):
        state = httpx.get(f"{known['RUNNER']}/runs/{run_id}").json()["state"]
        if state not in ("starting", "running"):
            break
        time.sleep(0.5)
    assert state == "succeeded"


def after_telemetry(installation, known, output):
    assert "rejected unknown_device: 1" in output and "out_of_range in in_rate_mbps: 1" in output
    assert "is predictable" in " ".join(output.split())
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
        env={**environment, "MLRUN_DBPATH": installation.status()["mlrun_dbpath"]},
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
