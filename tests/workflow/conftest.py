"""The main workflow in one process for all tests of this folder, without the command line around it.

A process of its own, because ``import mlrun`` takes its settings from the server it finds; one for all,
because importing everything takes longer than most steps.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import LocalStack

QUICK = {"combinations": 5, "train_rows": 3000}
"""Each family's default parameters: these tests are about telemetry, not about the search."""

Summary = dict[str, Any]


class Workflow:
    """Runs the workflow on folders of telemetry; nothing is streamed unless asked for.

    :param environment: variables that name home folder and servers.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self._pool = ProcessPoolExecutor(1, get_context("spawn"), _enter, (environment,))

    def __call__(self, project: str, schema: Path, telemetry: Path, **arguments: Any) -> Summary:
        """The summary of a run.

        :param arguments: workflow parameters.
        """
        given = {
            "telemetry": str(telemetry),
            "schema": str(schema),
            "deploy_streaming": False,
            "deploy_concept_drift": False,
            **QUICK,
            **arguments,
        }
        return self._pool.submit(_run, project, given).result(timeout=400)

    def close(self) -> None:
        """End the process."""
        self._pool.shutdown()


def _enter(environment: dict[str, str]) -> None:
    os.environ.update(environment)


def _run(project: str, arguments: dict[str, Any]) -> Summary:
    from project import run_workflow
    from project.api_reader import endpoints
    from project.settings import Settings
    from project.summary.facts import collect_facts, read_steps

    folder = Settings.from_environment().home / "workflows" / project
    folder.mkdir(parents=True, exist_ok=True)
    request = folder / "request.json"
    request.write_text(json.dumps({"project": project, "workflow": "main", "arguments": arguments}))
    run_workflow.run(request)
    status = json.loads((folder / "status.json").read_text())
    assert status["state"] == "succeeded", status
    dbpath, run_id = os.environ["MLRUN_DBPATH"], status["run_id"]
    return collect_facts(
        project, run_id, read_steps(dbpath, project, run_id), endpoints(dbpath, project), stream=None
    )


@pytest.fixture(scope="session")
def workflow(local_stack: LocalStack) -> Iterator[Workflow]:
    """Runs the workflow against the control plane and the Valkey of ``local_stack``."""
    running = Workflow(
        {
            "NETOPS_HOME": str(local_stack.stack.home),
            "MLRUN_DBPATH": local_stack.info.mlrun_dbpath,
            "MLRUN_REDIS__URL": local_stack.info.redis_url,
            "NETOPS_STANDBY": "off",
        }
    )
    yield running
    running.close()
