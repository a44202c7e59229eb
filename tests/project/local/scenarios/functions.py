"""Functions saved, imported, listed and deleted."""

from __future__ import annotations

from typing import Any

import mlrun

from tests.project.local.scenarios.common import open_project


def functions(project: str) -> dict[str, Any]:
    """Save functions, import them again, list and delete them."""
    loaded = open_project(project)
    function = mlrun.new_function("My_Job", kind="job", image="mlrun/mlrun", project=project, handler="x.y")
    function.metadata.labels = {"team": "noc"}
    uri = function.save(tag="v1", versioned=True)
    function.spec.image = "other"
    function.save(tag="v1", versioned=True)
    old = mlrun.import_function(uri)
    new = mlrun.import_function(f"db://{project}/my-job:v1")
    names = [item.metadata.name for item in loaded.list_functions(labels=["team=noc"], tag="v1")]
    mlrun.get_run_db().delete_function("my-job", project)
    return {
        "old": (old.kind, old.spec.image),
        "new": (new.metadata.name, new.spec.image),
        "listed": names,
        "deleted": loaded.list_functions() or [],
    }


def function_status(project: str, name: str) -> dict[str, Any]:
    """Status of a function as the API lists and gets it."""
    db = mlrun.get_run_db()
    listed = next(f for f in db.list_functions(project=project) if f["metadata"]["name"] == name)
    return {"listed": listed["status"], "got": db.get_function(name, project)["status"]}


def delete_function(project: str, name: str) -> None:
    """Delete a function."""
    mlrun.get_run_db().delete_function(name, project)
