"""What users do with MLRun's client; each function answers with plain data for a test to look at."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import mlrun
import mlrun.feature_store as fstore
import pandas as pd
from mlrun.datastore.targets import ParquetTarget, RedisNoSqlTarget
from mlrun.model import HyperParamOptions


def train(context: mlrun.MLClientCtx, n: int = 10) -> None:
    """A job that logs results, a data set and a model, and prints."""
    print(f"training with {n}")
    context.log_dataset("data", df=pd.DataFrame({"a": range(n), "b": [1.5] * n}), index=False)
    context.log_result("score", n / 10)
    context.log_model(
        "model",
        body=pickle.dumps({"n": n}),
        model_file="model.pkl",
        metrics={"score": n / 10},
        labels={"size": str(n)},
    )


def fail(context: mlrun.MLClientCtx) -> None:
    """A job that fails."""
    raise ValueError("failed on purpose")


def _project(name: str) -> mlrun.projects.MlrunProject:
    return mlrun.get_or_create_project(name, f"./{name}")


def _run(name: str, project: str, handler: Any = train, **options: Any) -> Any:
    function = mlrun.new_function("trainer", kind="job", image="mlrun/mlrun", project=project)
    return function.run(handler=handler, name=name, project=project, local=True, **options)


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
    first = _project(name)
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


def run_once(project: str, name: str = "train", n: int = 10) -> dict[str, Any]:
    """A local run with data set and model, and all the ways to look at it."""
    loaded = _project(project)
    run = _run(name, project, params={"n": n})
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
    _project(project)
    try:
        _run("fail", project, handler=fail)
    except mlrun.runtimes.utils.RunError as error:
        message = str(error)
    run = mlrun.get_run_db().list_runs("fail", project=project)[0]
    return {"message": message, "state": run["status"]["state"], "error": run["status"]["error"]}


def artifact_names(project: str) -> dict[str, Any]:
    """Two versions of one artifact, found by uri, tag, tree, uid and key."""
    loaded = _project(project)
    first = _run("train", project, params={"n": 3})
    second = _run("train", project, params={"n": 4})

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
    loaded = _project(project)
    run = _run("train", project, params={"n": 3})
    later = _run("train", project, params={"n": 4})
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


def hyper_parameters(project: str) -> dict[str, Any]:
    """Three iterations with a selector."""
    loaded = _project(project)
    run = _run(
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


def functions(project: str) -> dict[str, Any]:
    """Save functions, import them again, list and delete them."""
    loaded = _project(project)
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


def feature_sets(project: str) -> dict[str, Any]:
    """Aggregation into Parquet and offline features, without anything that needs a platform."""
    _project(project)
    metrics = fstore.FeatureSet("metrics", entities=[fstore.Entity("device")], timestamp_key="time")
    metrics.add_aggregation("cpu", ["avg", "max"], ["1h"], "10m")
    metrics.set_targets([ParquetTarget(path="./metrics.parquet")], with_defaults=False)
    answer = metrics.ingest(_telemetry())
    fstore.FeatureVector("features", ["metrics.*"]).save()
    frame = fstore.get_feature_vector(f"{project}/features").get_offline_features().to_dataframe()
    db = mlrun.get_run_db()
    listed = db.list_feature_sets(project)
    found = db.list_features_v2(project, name="cpu")
    before = fstore.get_feature_set(f"store://feature-sets/{project}/metrics").status.state
    fstore.delete_feature_set("metrics", project, force=True)
    return {
        "ingested": len(answer),
        "columns": sorted(frame.columns),
        "averages": frame["cpu_avg_1h"].tolist(),
        "listed": [item.metadata.name for item in listed],
        "features": [item["name"] for item in found["features"]],
        "state": before,
        "after": db.list_feature_sets(project) or [],
        "vectors": [item.metadata.name for item in db.list_feature_vectors(project)],
    }


def online_features(project: str) -> dict[str, Any]:
    """Default targets (local), and an online read of what was written."""
    _project(project)
    devices = fstore.FeatureSet("devices", entities=[fstore.Entity("device")], timestamp_key="time")
    devices.ingest(_telemetry())
    explicit = fstore.FeatureSet("explicit", entities=[fstore.Entity("device")], timestamp_key="time")
    explicit.set_targets([RedisNoSqlTarget()], with_defaults=False)
    explicit.ingest(_telemetry())
    vector = fstore.FeatureVector("online", ["devices.cpu", "explicit.site"])
    vector.save()
    with vector.get_online_feature_service() as service:
        rows = service.get([{"device": "a"}, {"device": "b"}])
    offline = fstore.FeatureVector("offline", ["devices.*"]).get_offline_features().to_dataframe()
    return {
        "kinds": sorted(target.kind for target in devices.status.targets),
        "paths": [target.path for target in devices.status.targets],
        "online": rows,
        "offline": len(offline),
    }


def _telemetry() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "device": ["a", "b", "a"],
            "cpu": [10.0, 20.0, 30.0],
            "site": ["x", "y", "x"],
            "time": pd.to_datetime(["2024-01-01 10:00", "2024-01-01 10:05", "2024-01-01 10:20"]),
        }
    )


WORKFLOW = """
import mlrun
from kfp import dsl

@dsl.pipeline(name="main")
def pipeline(n: int = 5):
    project = mlrun.get_current_project()
    first = project.run_function("trainer", name="first", params={"n": n}, outputs=["score", "data"])
    data, score = first.outputs["data"], first.outputs["score"]
    project.run_function("reader", name="second", inputs={"data": data}, params={"score": score})
"""

JOBS = """
import pandas as pd

def trainer(context, n: int = 1):
    print("first job")
    context.log_dataset("data", df=pd.DataFrame({"a": range(n)}))
    context.log_result("score", n * 2)

def reader(context, data, score: float = 0):
    context.log_result("rows", len(data.as_df()))
    context.log_result("score", score)
"""

SETUP = """
def setup(project):
    project.set_function("jobs.py", name="trainer", kind="job", image="mlrun/mlrun", handler="trainer")
    project.set_function("jobs.py", name="reader", kind="job", image="mlrun/mlrun", handler="reader")
    project.set_workflow("main", "workflow.py", engine="local", handler="pipeline")
    project.save()
    return project
"""


def workflow(name: str) -> dict[str, Any]:
    """A workflow of two jobs on the local engine."""
    folder = Path(name)
    folder.mkdir()
    for file, text in (("workflow.py", WORKFLOW), ("jobs.py", JOBS), ("project_setup.py", SETUP)):
        (folder / file).write_text(text)
    project = mlrun.get_or_create_project(name, str(folder))
    status = project.run("main", arguments={"n": 4}, watch=True, engine="local")
    runs = {run["metadata"]["name"]: run for run in project.list_runs(labels=[f"workflow={status.run_id}"])}
    return {
        "state": status.state,
        "runs": {key: (run["status"]["state"], run["status"]["results"]) for key, run in runs.items()},
        "pipelines": project.list_runs(name="nothing"),
    }


def notify_and_delete(project: str) -> dict[str, Any]:
    """Delete single things, then the project with the rest."""
    loaded = _project(project)
    run = _run("train", project, params={"n": 3})
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


def many_runs(project: str, name: str, count: int) -> list[str]:
    """Several runs in a row, as one of several clients."""
    _project(project)
    return [_run(name, project, params={"n": 2 + number}).metadata.uid for number in range(count)]


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


def unsupported() -> str:
    """A call that a laptop does not have."""
    try:
        mlrun.get_run_db().list_hub_sources()
    except mlrun.errors.MLRunHTTPError as error:
        return str(error)
    return "it worked"


def deploy_serving(project: str, name: str, engine: str, number: int, end_file: str = "") -> dict[str, Any]:
    """Deploy a graph of one step and ask it."""
    _project(project)
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
    _project(project)
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
    _project(project)
    function = mlrun.code_to_function(
        "own", project=project, filename="own_code.py", kind="nuclio", image="mlrun/mlrun"
    )
    function.deploy()
    return function.invoke("/", body={"a": 1})


def function_status(project: str, name: str) -> dict[str, Any]:
    """Status of a function as the API lists and gets it."""
    db = mlrun.get_run_db()
    listed = next(f for f in db.list_functions(project=project) if f["metadata"]["name"] == name)
    return {"listed": listed["status"], "got": db.get_function(name, project)["status"]}


def delete_function(project: str, name: str) -> None:
    """Delete a function."""
    mlrun.get_run_db().delete_function(name, project)


def all_results(project: str, name: str) -> list[list[tuple[str, Any]]]:
    """Results of all runs of a name."""
    runs = mlrun.get_run_db().list_runs(name, project=project)
    return [sorted(run["status"]["results"].items()) for run in runs]
