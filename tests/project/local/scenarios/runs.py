"""Local runs: results, failures, iterations, lists."""

from __future__ import annotations

from typing import Any

import mlrun
from mlrun.model import HyperParamOptions

from tests.project.local.scenarios.common import open_project, run_job


def fail(context: mlrun.MLClientCtx) -> None:
    """A job that fails."""
    raise ValueError("failed on purpose")


def run_once(project: str, name: str = "train", n: int = 10) -> dict[str, Any]:
    """A local run with data set and model, and all the ways to look at it."""
    loaded = open_project(project)
    run = run_job(name, project, params={"n": n})
    db = mlrun.get_run_db()
    stored = db.read_run(run.metadata.uid, project)
    listed = loaded.list_runs(name=name)
    return {
        "uid": run.metadata.uid,
        "state": run.state(),
        "outputs": dict(run.outputs),
        "rows": len(run.artifact("data").as_df()),
        "model": mlrun.artifacts.get_model(run.outputs["model"], suffix=".pkl")[1].metrics,
        "stored_results": stored["status"]["results"],
        "stored_artifacts": sorted(a["metadata"]["key"] for a in stored["status"].get("artifacts", [])),
        "listed": [item["metadata"]["uid"] for item in listed],
        "parameters": listed[0]["spec"]["parameters"],
        "log": db.get_log(run.metadata.uid, project)[1].decode(),
        "log_state": db.get_log(run.metadata.uid, project)[0],
        "db_keys": sorted({a["spec"]["db_key"] for a in loaded.list_artifacts(tree=run.metadata.uid)}),
        "models": [
            (m.metadata.key, m.spec.db_key, m.labels["size"]) for m in loaded.list_models(tag="latest")
        ],
    }


def run_that_fails(project: str) -> dict[str, Any]:
    """A run whose handler raises."""
    open_project(project)
    try:
        run_job("fail", project, handler=fail)
    except mlrun.runtimes.utils.RunError as error:
        message = str(error)
    run = mlrun.get_run_db().list_runs("fail", project=project)[0]
    return {"message": message, "state": run["status"]["state"], "error": run["status"]["error"]}


def hyper_parameters(project: str) -> dict[str, Any]:
    """Three iterations, the best of them chosen by MLRun."""
    loaded = open_project(project)
    run = run_job(
        "hyper",
        project,
        hyperparams={"n": [5, 20, 10]},
        hyper_param_options=HyperParamOptions(selector="max.score"),
    )
    iterations = mlrun.get_run_db().list_runs("hyper", project=project, iter=True)
    children = [item for item in iterations if item["metadata"]["iteration"]]
    best = loaded.list_artifacts("hyper_model", best_iteration=True)
    return {
        "results": run.status.results,
        "table": run.status.iterations,
        "rows": len(run.artifact("data").as_df()),
        "children": sorted((c["metadata"]["iteration"], c["status"]["results"]["score"]) for c in children),
        "best": [item["metadata"]["iter"] for item in best],
        "second": [item["metadata"]["iter"] for item in loaded.list_artifacts("hyper_model", iter=1)],
        "root": loaded.get_artifact("hyper_model").metadata.iter,
        "listed": len(loaded.list_runs("hyper")),
    }


def many_runs(project: str, name: str, count: int) -> list[str]:
    """Several runs in a row, as one of several clients."""
    open_project(project)
    return [run_job(name, project, params={"n": 2 + number}).metadata.uid for number in range(count)]


def all_runs(project: str) -> list[tuple[str, str, str]]:
    """Every run of a project, in pages."""
    db = mlrun.get_run_db()
    found, token = [], None
    while True:
        runs, token = db.paginated_list_runs(
            project=project, states=["completed"], page_token=token, page_size=4
        )
        found.extend((r["metadata"]["name"], r["metadata"]["uid"], r["status"]["state"]) for r in runs)
        if not token:
            return found


def all_results(project: str, name: str) -> list[list[tuple[str, Any]]]:
    """Results of all runs of a name."""
    runs = mlrun.get_run_db().list_runs(name, project=project)
    return [sorted(run["status"]["results"].items()) for run in runs]
