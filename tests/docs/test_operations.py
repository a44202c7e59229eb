"""The units of the page about operations are what systemd takes, and start commands that there are."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from project.cli.app import app
from project.local.api.settings import pid_file
from tests.docs.pages import blocks

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
OWN, SYSTEM = [block.text for block in blocks(PAGE) if block.text.startswith("[Unit]")]
COMMANDS = {command.name for command in app.registered_commands}


def settings(unit: str) -> list[tuple[str, str]]:
    pairs = (line.partition("=") for line in unit.splitlines() if "=" in line)
    return [(name, value) for name, _, value in pairs]


@pytest.mark.parametrize("unit", [OWN, SYSTEM], ids=["own", "system"])
def test_a_unit_names_commands_that_there_are_and_the_file_with_the_process(unit: str) -> None:
    found = settings(unit)
    started = {name: value.split("netops ")[-1] for name, value in found if name.startswith("Exec")}
    # Without the option it is the project of the simulated network, which nobody has.
    served = "serve --project netops-my-routers"
    assert started == {"ExecStart": "up", "ExecStartPost": served, "ExecStop": "stop"}
    assert {command.partition(" ")[0] for command in started.values()} <= COMMANDS
    (home,) = [value.partition("=")[2] for _, value in found if value.startswith("NETOPS_HOME=")]
    assert dict(found)["PIDFile"] == str(pid_file(Path(home)))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd")
@pytest.mark.parametrize("is_own", [True, False])
def test_systemd_takes_the_units(tmp_path: Path, is_own: bool) -> None:
    command = str(Path(sys.executable).with_name("netops"))
    (tmp_path / "run").mkdir(mode=0o700)
    file = tmp_path / "netops.service"
    added = SYSTEM.replace("User=netops", "User=root").replace("/opt/netops/.venv/bin/netops", command)
    # Lines that are changed: the later one counts, and an Exec line is emptied before.
    lines = [line for line in added.splitlines() if not is_own]
    emptied = [line.partition("=")[0] + "=" for line in lines if line.startswith("Exec")]
    body = [line for one in lines for line in ([one] if not one.startswith("[Service]") else [one, *emptied])]
    file.write_text(OWN.replace("%h/netops/.venv/bin/netops", command) + "\n" + "\n".join(body) + "\n")
    ended = subprocess.run(
        ["systemd-analyze", "verify", *(["--user"] if is_own else []), str(file)],
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path / "run")},
        capture_output=True,
        text=True,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
