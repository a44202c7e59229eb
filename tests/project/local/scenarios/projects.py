"""Settings, projects, and what a laptop does not have."""

from __future__ import annotations

from typing import Any

import mlrun

from tests.project.local.scenarios.common import open_project, run_job


def settings() -> dict[str, Any]:
    """What the client took from the server."""
    return {
        "artifact_path": mlrun.mlconf.artifact_path,
        "redis_url": mlrun.mlconf.redis.url,
        "prefix": mlrun.mlconf.feature_store.data_prefixes.default,
        "targets": mlrun.mlconf.feature_store.default_targets,
        "nuclio": bool(mlrun.mlconf.nuclio_version),
    }


def project_twice(name: str) -> dict[str, Any]:
    """Make a project, change it, load it again."""
    first = open_project(name)
    first.spec.params = {"a": 1}
    first.spec.description = "about"
    first.save()
    again = mlrun.load_project(f"./{name}-again", name, name=name, save=False)
    return {
        "params": again.spec.params,
        "description": again.spec.description,
        "listed": name in mlrun.get_run_db().list_projects(format_="name_only"),
        "created": str(first.metadata.created) == str(again.metadata.created),
    }


def notify_and_delete(project: str) -> dict[str, Any]:
    """Delete single things, then the project with the rest."""
    loaded = open_project(project)
    run = run_job("train", project, params={"n": 3})
    db = mlrun.get_run_db()
    loaded.delete_artifact(loaded.get_artifact("train_data"))
    artifacts = sorted({item["spec"]["db_key"] for item in loaded.list_artifacts()})
    db.del_run(run.metadata.uid, project)
    runs = len(loaded.list_runs())
    try:
        db.delete_project(project)
        refused = ""
    except mlrun.errors.MLRunPreconditionFailedError as error:
        refused = str(error)
    db.delete_project(project, mlrun.common.schemas.DeletionStrategy.cascade)
    return {
        "artifacts": artifacts,
        "runs": runs,
        "refused": refused,
        "left": project in db.list_projects(format_="name_only"),
    }


def unsupported() -> str:
    """A call that a laptop does not have."""
    try:
        mlrun.get_run_db().list_hub_sources()
    except mlrun.errors.MLRunHTTPError as error:
        return str(error)
    return "it worked"
