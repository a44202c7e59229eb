"""Runs of a project as the policy sees them, and as an MLRun API tells them."""

from __future__ import annotations

from typing import Any

from project.job_handlers import JOBS
from project.retention.plan import MODEL, StoredData, StoredRun


def data(
    run: str, key: str, kind: str = "dataset", version: str = "", tags: tuple[str, ...] = ()
) -> StoredData:
    """An artifact of a run."""
    return StoredData(key, f"{key}-{run}", run, 0, kind, f"/a/{run}/{key}", 10, version, tags)


def run(number: int, workflow: str = "main", has_ended: bool = True, tags: tuple[str, ...] = ()) -> StoredRun:
    """A run that began at an hour, and has made the version of the same number."""
    name = f"{workflow}{number}"
    made = (
        data(name, "evaluate_model", MODEL, f"v{number}", tags),
        data(name, "evaluate_test_set_preds"),
        data(name, "report_report", "artifact"),
    )
    return StoredRun(
        name, workflow, f"2026-01-01T{number:02}", has_ended, made if workflow == "main" else made[1:2]
    )


def step(
    name: str, workflow: str, state: str = "completed", handler: str = "", **results: Any
) -> dict[str, Any]:
    """A step of a workflow as the API tells it."""
    return {
        "metadata": {"name": name, "uid": f"{name}-uid-{workflow}", "labels": {"workflow": workflow}},
        "spec": {"handler": handler or JOBS.get(name, "somebody.handler")},
        "status": {"state": state, "start_time": f"2026-01-01T00:00:00 {workflow}", "results": results},
    }


def artifact(
    key: str, maker: str, workflow: str, tag: str = "latest", path: str = "", **more: Any
) -> dict[str, Any]:
    """An artifact of a step as the API tells it."""
    producer = {"kind": "run", "name": maker, "uri": f"p/{maker}-uid-{workflow}", "workflow": workflow}
    name = f"{maker}_{key}"
    metadata = {"key": key, "uid": f"{name}-{workflow}", "tree": workflow, "tag": tag, "labels": {}}
    return {
        "kind": "dataset",
        "metadata": metadata,
        "spec": {
            "db_key": name,
            "producer": producer,
            "target_path": path or f"/a/{workflow}/{name}",
            "size": 5,
        },
        **more,
    }
