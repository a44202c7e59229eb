"""Artifacts by name, tree and tag."""

from __future__ import annotations

from typing import Any

import mlrun

from tests.project.local.scenarios.common import open_project, run_job


def artifact_names(project: str) -> dict[str, Any]:
    """Two versions of one artifact, found by uri, tag, tree, uid and key."""
    loaded = open_project(project)
    first = run_job("train", project, params={"n": 3})
    second = run_job("train", project, params={"n": 4})

    def rows(uri: str) -> int:
        return len(mlrun.get_dataitem(uri).as_df())

    old, new = first.outputs["data"], second.outputs["data"]
    by_name = loaded.get_artifact("train_data")
    by_tree = loaded.get_artifact("train_data", tree=second.metadata.uid)
    try:
        loaded.get_artifact("data")
        short = "found"
    except mlrun.errors.MLRunNotFoundError as error:
        short = str(error)
    return {
        "by_uri": (rows(old), rows(new)),
        "by_key": (len(by_name.to_dataitem().as_df()), by_name.metadata.tree == second.metadata.uid),
        "by_tree": by_tree.metadata.uid == by_name.metadata.uid,
        "short": short,
        "latest": len(loaded.list_artifacts("train_data", tag="latest")),
        "all": len(loaded.list_artifacts("train_data")),
    }


def tags(project: str) -> dict[str, Any]:
    """Give, list and take tags."""
    loaded = open_project(project)
    run = run_job("train", project, params={"n": 3})
    later = run_job("train", project, params={"n": 4})
    db = mlrun.get_run_db()
    model = mlrun.datastore.get_store_resource(run.outputs["model"])
    db.tag_artifacts(model, project, "champion")
    tagged = loaded.get_artifact("train_model", tag="champion")
    listed = sorted(loaded.list_artifacts(tag="champion").to_objects(), key=str)
    all_tags = db.list_artifact_tags(project)
    db.delete_artifacts_tags(model, project, "champion")
    return {
        "tree": tagged.metadata.tree == run.metadata.uid != later.metadata.uid,
        "listed": [item.spec.db_key for item in listed],
        "before": all_tags,
        "after": db.list_artifact_tags(project),
    }
