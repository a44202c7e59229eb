# %% [markdown]
# # 6. The project: build, run and test the whole
#
# One workflow leads from telemetry to a live model that is watched for drift. This notebook registers the functions
# and the workflow with MLRun, runs all of it on a small network, looks at what came out, and asks the live endpoint.
# It is what `netops run` does, in MLRun's own words. It needs none of the other notebooks.

# %%
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import plotly.express as px

netops = Path(sys.executable).with_name("netops")
status = json.loads(subprocess.check_output([netops, "up", "--json"]))
os.environ["MLRUN_DBPATH"] = status["mlrun_dbpath"]
os.environ |= {"MLRUN_LOG_LEVEL": "ERROR", "MLRUN_IPYTHON_WIDGET": "false"}

import mlrun

from project.project_setup import setup

# %% [markdown]
# ## Build
#
# `project/project_setup.py` registers jobs, endpoints and workflows. Each job is a function of one of the rooms.

# %%
NAME = "small-network"
project = setup(mlrun.get_or_create_project(NAME, context=tempfile.mkdtemp()))
functions = [project.get_function(name) for name in project.get_function_names()]
pd.DataFrame(
    [
        (
            each.metadata.name,
            each.kind,
            getattr(each.spec, "default_handler", "") or getattr(each.spec, "function_handler", ""),
        )
        for each in functions
    ],
    columns=["function", "kind", "handler"],
).sort_values(["kind", "function"], ignore_index=True)

# %% [markdown]
# ## Run
#
# A small network, few combinations, a short live stream. `project/parameters.py` lists all parameters and their
# defaults. With `engine="kfp"` the same workflow runs on Kubeflow Pipelines.

# %%
arguments = {"devices": 8, "ticks": 700, "combinations": 5, "stream_seconds": 8, "stream_rate": 400}
outcome = project.run("main", engine="local", arguments=arguments)
print(outcome.state, outcome.run_id)
assert str(outcome.state).lower() in ("succeeded", "completed"), outcome.exc

# %%
database = mlrun.get_run_db()
runs = database.list_runs(project=NAME, labels={"workflow": outcome.run_id})
steps = pd.DataFrame(
    [
        {
            "step": run["metadata"]["name"],
            "state": run["status"]["state"],
            "start": run["status"]["start_time"],
            "end": run["status"].get("end_time") or run["status"]["last_update"],
        }
        for run in runs
    ]
)
figure = px.timeline(
    steps, x_start="start", x_end="end", y="step", color="state", title="Steps of the workflow"
)
figure.update_yaxes(
    categoryorder="array", categoryarray=steps.sort_values("start", ascending=False)["step"], title=""
)

# %% [markdown]
# ## What came out
#
# Every step logs its parameters, results and data sets with MLRun. The evaluation ends in a verdict of two sentences.

# %%
results = {run["metadata"]["name"]: run["status"].get("results", {}) for run in runs}
outputs = {run["metadata"]["name"]: run["status"].get("artifact_uris", {}) for run in runs}
evaluation = next(values for values in results.values() if "promoted" in values)
print(evaluation["verdict"])
pd.Series(
    {
        name: evaluation[name]
        for name in ("test_rows", "base_rate", "average_precision", "f1", "precision", "recall")
    }
).to_frame("on later rows").round(3)

# %%
searched = next(uris["search_results"] for uris in outputs.values() if "search_results" in uris)
table = mlrun.get_dataitem(searched).as_df()
table.head()
