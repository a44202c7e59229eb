"""A workflow of two jobs on the local engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlrun

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
