"""Jobs and workflows that the server runs: at once, on a schedule, aborted."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import mlrun

from tests.project.local.scenarios.workflows import WORKFLOW

JOBS = """
import time

def trainer(context, n: int = 1, seconds: float = 0):
    print("training with", n)
    time.sleep(seconds)
    context.log_result("score", n * 2)
    context.log_artifact("note", body=f"n is {n}", format="txt")

def reader(context, data, score: float = 0):
    context.log_result("score", score)
"""
SLEEPING_WORKFLOW = """
import mlrun

def pipeline(seconds: float = 0):
    project = mlrun.get_current_project()
    first = project.run_function("trainer", name="first", params={"n": 1})
    project.run_function("trainer", name="second", params={"n": 2, "seconds": seconds})
"""
FAR = "0 3 1 1 *"


def _project(name: str) -> mlrun.projects.MlrunProject:
    folder = Path(name).absolute()
    folder.mkdir(exist_ok=True)
    (folder / "jobs.py").write_text(JOBS)
    (folder / "workflow.py").write_text(SLEEPING_WORKFLOW)
    project = mlrun.get_or_create_project(name, str(folder))
    project.set_function("jobs.py", name="trainer", kind="job", image="mlrun/mlrun", handler="trainer")
    project.set_workflow("main", "workflow.py", engine="local", handler="pipeline")
    project.save()
    return project


def _until(project: mlrun.projects.MlrunProject, name: str, state: str) -> dict[str, Any]:
    """The newest run of that name, once it is in that state."""
    deadline = time.monotonic() + 100
    while True:
        found = project.list_runs(name=name)
        if found and found[0]["status"]["state"] == state:
            return found[0]
        if time.monotonic() > deadline:
            raise TimeoutError(f"{name} must get {state}, got {[run['status'] for run in found]}")
        time.sleep(0.1)


def job(name: str) -> dict[str, Any]:
    """A job whose log is followed to its end."""
    project = _project(name)
    run = project.run_function("trainer", name="once", params={"n": 4})
    stored = mlrun.get_run_db().read_run(run.metadata.uid, name)
    return {
        "state": run.state(),
        "outputs": run.outputs["score"],
        "artifact": project.get_artifact("once_note").to_dataitem().get().decode(),
        "log": mlrun.get_run_db().get_log(run.metadata.uid, name)[1].decode(),
        "labels": stored["metadata"]["labels"],
    }


def aborted_job(name: str) -> dict[str, Any]:
    """A job that is aborted while it goes on."""
    project, db = _project(name), mlrun.get_run_db()
    project.run_function("trainer", name="long", params={"seconds": 300}, watch=False)
    run = _until(project, "long", "running")
    task = db.abort_run(run["metadata"]["uid"], name, status_text="enough")
    try:
        db.abort_run(run["metadata"]["uid"], name)
        again = ""
    except mlrun.errors.MLRunConflictError as error:
        again = str(error)
    status = db.read_run(run["metadata"]["uid"], name)["status"]
    return {"task": task.status.state, "status": status, "again": again}


def aborted_local_run(name: str) -> dict[str, Any]:
    """A run of this very process that is aborted while it goes on and then ends well."""
    project, db = _project(name), mlrun.get_run_db()

    def handler(context: mlrun.MLClientCtx) -> None:
        task = db.abort_run(context.uid, name, status_text="enough")
        context.log_result("task", str(task.status.state))
        context.log_result("score", 1)

    run = mlrun.new_function("own", project=name).run(handler=handler, name="own", project=name, local=True)
    stored = db.read_run(run.metadata.uid, name)["status"]
    return {"stored": stored, "listed": [r["status"]["state"] for r in project.list_runs(name="own")]}


def schedule(name: str) -> dict[str, Any]:
    """A job on a schedule: made, listed, changed, started now, deleted."""
    project, db = _project(name), mlrun.get_run_db()
    project.run_function("trainer", name="nightly", params={"n": 3}, schedule="*/5 * * * *")
    first = db.get_schedule(name, "nightly")
    db.update_schedule(name, "nightly", mlrun.common.schemas.ScheduleUpdate(cron_trigger=FAR))
    function = project.get_function("trainer")
    trigger = mlrun.common.schemas.ScheduleCronTrigger(hour=3, timezone="Europe/Berlin")
    function.run(name="berlin", schedule=trigger)
    listed = {item.name: item for item in db.list_schedules(name).schedules}
    db.invoke_schedule(name, "nightly")
    run = _until(project, "nightly", "completed")
    after = db.get_schedule(name, "nightly", include_last_run=True)
    db.delete_schedule(name, "berlin")
    return {
        "first": (first.cron_trigger.to_crontab(), first.next_run_time.minute % 5, first.last_run_uri),
        "changed": listed["nightly"].cron_trigger.to_crontab(),
        "berlin": listed["berlin"].next_run_time.hour in (1, 2),  # UTC, summer or winter
        "label": run["metadata"]["labels"]["mlrun/schedule-name"],
        "results": run["status"]["results"],
        "uri": after.last_run_uri == f"{name}@{run['metadata']['uid']}#0",
        "last": after.last_run["status"]["state"],
        "left": [item.name for item in db.list_schedules(name).schedules],
    }


def remote_workflow(name: str) -> dict[str, Any]:
    """A workflow that the server runs, with the project's folder as its source."""
    project = _project(name)
    try:
        refused = str(project.run("main", engine="remote").exc)
    except Exception as error:
        refused = str(error)
    project.set_source(project.context)
    project.save()
    status = project.run("main", engine="remote", watch=True)
    runner = project.list_runs(name="workflow-runner-main")[0]
    return {
        "refused": refused,
        "state": status.state,
        "runner": (runner["status"]["state"], runner["metadata"]["labels"]["job-type"]),
        "steps": [_until(project, step, "completed")["status"]["results"] for step in ("first", "second")],
        "artifact": project.get_artifact("second_note").to_dataitem().get().decode(),
    }


def aborted_workflow(name: str) -> dict[str, Any]:
    """A workflow of the server that is aborted in its second step."""
    project, db = _project(name), mlrun.get_run_db()
    project.run("main", arguments={"seconds": 300}, engine="remote", source=project.context)
    step = _until(project, "second", "running")
    db.abort_run(step["metadata"]["uid"], name)
    runs = {run["metadata"]["name"]: run["status"] for run in project.list_runs(iter=True)}
    return {key: (status["state"], status.get("error")) for key, status in runs.items()}


def default_engine(name: str) -> str:
    """A workflow for Kubeflow, which a laptop does not have."""
    project = _project(name)
    (Path(project.context) / "kfp_workflow.py").write_text(WORKFLOW)
    project.set_function("jobs.py", name="reader", kind="job", image="mlrun/mlrun", handler="reader")
    project.set_workflow("cluster", "kfp_workflow.py", handler="pipeline")
    try:
        project.run("cluster")
    except Exception as error:
        return str(error)
    return "it worked"


def our_project(name: str) -> dict[str, Any]:
    """A project of ours, loaded in a folder of this client's own."""
    project, db = mlrun.load_project(f"./{name}-elsewhere", name), mlrun.get_run_db()
    arguments = {"devices": 3, "ticks": 200}
    status = project.run("ingest", arguments=arguments)
    project.run("main", arguments={"seed": 3}, schedule="*/5 * * * *")
    main = db.get_schedule(name, "main")
    db.delete_schedule(name, "main")  # Or it would start in the middle of the tests.
    project.run("ingest", arguments=arguments, schedule=FAR)
    db.invoke_schedule(name, "ingest")
    runner = _until(project, "workflow-runner-ingest", "completed")
    workflow_id = runner["status"]["results"]["workflow_id"]
    steps = project.list_runs(labels=[f"workflow={workflow_id}"])
    (step,) = (each for each in steps if each["metadata"]["name"] == "ingest")
    return {
        "state": status.state,
        "cron": main.cron_trigger.to_crontab(),
        "next": main.next_run_time.minute % 5,
        "arguments": main.scheduled_object["task"]["spec"]["parameters"]["workflow_arguments"],
        "step": (step["metadata"]["name"], step["status"]["state"], step["spec"]["parameters"]["devices"]),
        "last": db.get_schedule(name, "ingest").last_run_uri.partition("@")[2].partition("#")[0]
        == runner["metadata"]["uid"],
        "artifact": project.get_artifact("ingest_ingest_report").to_dataitem().get().decode()[:8],
        "listed": sorted({run["metadata"]["name"] for run in project.list_runs()}),
    }


def our_project_aborted(name: str) -> dict[str, Any]:
    """A workflow of ours that is aborted on its way, and what the next one finds."""
    project, db = mlrun.load_project(f"./{name}-elsewhere", name), mlrun.get_run_db()
    project.run("ingest", arguments={"devices": 20, "ticks": 60_000, "replace": True}, engine="remote")
    step = _until(project, "ingest", "running")
    refused = project.run("ingest", engine="remote")
    db.abort_run(step["metadata"]["uid"], name)
    runner = project.list_runs(name="workflow-runner-ingest")[0]
    few = {"devices": 3, "ticks": 250, "replace": True}
    again = project.run("ingest", arguments=few, engine="remote", watch=True)
    return {
        "refused": str(refused.exc),
        "runner": (runner["status"]["state"], runner["status"]["error"]),
        "step": step["metadata"]["uid"],
        "step_state": db.read_run(step["metadata"]["uid"], name)["status"]["state"],
        "again": again.state,
    }
