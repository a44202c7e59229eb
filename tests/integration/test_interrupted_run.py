"""Ctrl-C in the middle of a run, as a terminal sends it."""

import json
import os
import signal
import subprocess

from tests.integration.conftest import NETOPS

NAME = "netops-interrupted"
LEAST = ("--project", NAME, "--set", "ticks=300", "--set", "devices=6")


def test_ctrl_c_leaves_nothing_running_and_the_next_command_works(installation):
    before = installation.status()
    process = subprocess.Popen(
        [str(NETOPS), "run", *LEAST, "--set", "deploy_streaming=false"],
        cwd=installation.home,
        env=installation.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # Tests in the background of a shell ignore it, and what they start would, too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while "done   ingest" not in process.stdout.readline():
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert printed.splitlines()[-1] == "netops: interrupted; 'netops status' tells what runs"
    assert "Traceback" not in printed
    assert installation.status()["endpoints"] == before["endpoints"]
    assert not [each for each in installation.status()["under_way"] if each["project"] == NAME]
    states = {run["status"]["state"] for run in installation.api(f"projects/{NAME}/runs")["runs"]}
    assert "completed" in states and states <= {"completed", "aborted"}
    again = installation.netops("ingest", *LEAST, "--json")
    assert json.loads(again.stdout)["rows_known"] == 1800
