"""One small installation on which the whole chain has run, and bare homes for tests that run it anew."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from project.api_reader import endpoints
from project.local.stack import Stack
from project.settings import SOURCE_ROOT
from tests.integration.process_watch import watch

NETOPS = Path(sys.executable).with_name("netops")


@dataclass(frozen=True)
class Installation:
    """A home folder of its own, driven through the command line like a user's."""

    home: Path
    summary: dict[str, Any]
    output: str

    def environment(self, **variables: str) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLRUN_", "NETOPS_", "V3IO_"))}
        # A process that waits would import everything, for each endpoint of each test, and take over for few.
        return {**kept, "NETOPS_HOME": str(self.home), "NETOPS_STANDBY": "off", **variables}

    def netops(
        self, *arguments: str, check: bool = True, timeout: float = 400, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        # Another folder than the checkout: every command works from anywhere.
        done = subprocess.run(
            [str(NETOPS), *arguments],
            cwd=self.home,
            env=self.environment(**variables),
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if check and done.returncode:
            raise AssertionError(
                f"netops {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
            )
        return done

    def status(self) -> dict[str, Any]:
        """What ``netops status`` tells."""
        return json.loads(self.netops("status", "--json").stdout)

    @property
    def dbpath(self) -> str:
        """Address of its control plane, found without a command."""
        found = Stack(self.home, SOURCE_ROOT).find()
        assert found is not None
        return found.mlrun_dbpath

    def python(self, program: str) -> Any:
        """What a program with this home prints as its last line, in JSON."""
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=self.home,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def endpoint(self, name: str = "serving", project: str = "netops") -> dict[str, Any]:
        """What its control plane tells of an endpoint."""
        (found,) = (e for e in endpoints(self.dbpath) if (e.name, e.project) == (name, project))
        return vars(found)

    def bearer(self, role: str = "admin") -> dict[str, str]:
        """Header with the token of a role."""
        name = "token" if role == "admin" else f"{role}-token"
        return {"Authorization": f"Bearer {(self.home / name).read_text()}"}

    def api(self, path: str, **parameters: str) -> Any:
        return (
            httpx.get(f"{self.dbpath}/api/v1/{path}", params=parameters, timeout=30).raise_for_status().json()
        )


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The main job on a small simulated network, with its endpoints left up."""
    home = tmp_path_factory.mktemp("netops-home")
    blank = Installation(home, {}, "")
    try:
        done = blank.netops(
            "run",
            "--keep",
            "--json",
            "--seconds",
            "8",
            "--set",
            "devices=8",
            "--set",
            "ticks=700",
            "--set",
            "stream_rate=500",
            "--set",
            "combinations=10",
            **watch(home),
        )
        yield Installation(home, json.loads(done.stdout), done.stderr)
    finally:
        blank.netops("stop", check=False)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A home in which nothing has run, for a file whose tests have projects of their own.

    It may be on another worker than the installation, and what it leaves up ends with its file.
    """
    made = Installation(tmp_path_factory.mktemp("bare-home"), {}, "")
    try:
        made.netops("up")
        yield made
    finally:
        made.netops("stop", check=False)
