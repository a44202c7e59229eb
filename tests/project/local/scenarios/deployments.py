"""Functions deployed and asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlrun

from tests.project.local.scenarios.common import open_project


def deploy_serving(project: str, name: str, engine: str, number: int, end_file: str = "") -> dict[str, Any]:
    """Deploy a graph of one step and ask it."""
    open_project(project)
    function = mlrun.new_function(name, kind="serving", image="mlrun/mlrun", project=project)
    graph = function.set_topology("flow", engine=engine)
    graph.to(
        class_name="tests.project.local.deployed.Add", name="add", number=number, end_file=end_file
    ).respond()
    address = function.deploy()
    return {
        "address": address,
        "url": function.get_url(),
        "state": function.status.state,
        "answer": function.invoke("/", body={"value": 1}),
    }


def deploy_nuclio(project: str, name: str, environment: dict[str, str]) -> dict[str, Any]:
    """Deploy a handler of the repository and ask it."""
    open_project(project)
    mlrun.get_run_db().create_project_secrets(project, secrets={"TOKEN": "secret"})
    function = mlrun.new_function(
        name, kind="nuclio", image="mlrun/mlrun", project=project, handler="tests.project.local.deployed:echo"
    )
    for key, value in environment.items():
        function.set_env(key, value)
    try:
        function.deploy()
    except mlrun.runtimes.utils.RunError as error:
        return {"error": str(error), "state": function.status.state}
    return {
        "address": function.get_url(),
        "state": function.status.state,
        "answer": function.invoke("/some/path", body={"value": 1}),
    }


def deploy_code(project: str) -> Any:
    """Deploy a handler whose code travels with the function."""
    Path("own_code.py").write_text("def handler(context, event):\n    return {'own': event.body}\n")
    open_project(project)
    function = mlrun.code_to_function(
        "own", project=project, filename="own_code.py", kind="nuclio", image="mlrun/mlrun"
    )
    function.deploy()
    return function.invoke("/", body={"a": 1})
