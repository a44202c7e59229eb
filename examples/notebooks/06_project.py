# %% [markdown]
# # 6. The project: build, run and test the whole
#
# One workflow leads from telemetry to a live model that is watched for drift. This notebook registers the
# functions and the workflow with MLRun, runs all of it on a small network, looks at what came out, and asks
# the live endpoint. It is what `netops run` does, in MLRun's own words. It needs none of the other
# notebooks.

# %%
import json
import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pandas as pd
import plotly.express as px
import yaml

netops = Path(sys.executable).with_name("netops")
status = json.loads(subprocess.check_output([netops, "up", "--json"]))
os.environ["MLRUN_DBPATH"] = status["mlrun_dbpath"]
os.environ |= {"MLRUN_LOG_LEVEL": "ERROR", "MLRUN_IPYTHON_WIDGET": "false"}

import mlrun

from project.project_setup import setup

# %% [markdown]
# ## Build
#
# `project/project_setup.py` registers jobs, endpoints and workflows. Each job is a function of one of the
# rooms.

# %%
NAME = "small-network"
project = setup(mlrun.get_or_create_project(NAME, context=tempfile.mkdtemp()))


def handler(function: mlrun.runtimes.BaseRuntime) -> str:
    """What a registered function calls."""
    spec = function.to_dict()["spec"]
    return spec.get("default_handler") or spec.get("function_handler") or "graphs.serving_graph"


functions = [project.get_function(name) for name in project.get_function_names()]
table = pd.DataFrame([(each.metadata.name, each.kind, handler(each)) for each in functions])
table.set_axis(["function", "kind", "handler"], axis=1).style.hide()

# %% [markdown]
# ## Run
#
# A small network, few combinations, a short live stream. `project/parameters.py` lists all parameters and
# their defaults. With `engine="kfp"` the same workflow runs on Kubeflow Pipelines. Between the steps in the
# picture the endpoints are deployed.

# %%
arguments = {"devices": 8, "ticks": 700, "combinations": 5, "stream_seconds": 8, "stream_rate": 400}
for kind in ("ipython", "console"):
    project.notifiers.remove_notification(kind)  # they would print every result of every step
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
# Every step logs its parameters, results and data sets with MLRun. The evaluation ends in a verdict.

# %%
results = {run["metadata"]["name"]: run["status"].get("results", {}) for run in runs}
outputs = {run["metadata"]["name"]: run["status"].get("artifact_uris", {}) for run in runs}
evaluation = results["evaluate"]
print(textwrap.fill(evaluation["verdict"], 100))

# %% [markdown]
# The candidates, each an iteration of the training run. Successive halving: all are compared on few rows,
# the best on more. The winner is the one that is highest on the last rung.

# %%
searched = next(uris["search_results"] for uris in outputs.values() if "search_results" in uris)
candidates = mlrun.get_dataitem(searched).as_df()
candidates["candidate"] = candidates["family"] + " #" + candidates["iteration"].astype(str)
candidates["rung"] = candidates["rung"].astype(str)
px.bar(
    candidates,
    x="average_precision",
    y="candidate",
    color="rung",
    hover_data=["parameters", "rows"],
    title="Candidates, out of fold on training rows",
)

# %% [markdown]
# And the model beside its two baselines, on the later rows that nothing before has looked at.

# %%
scored = next(uris["test_scores_table"] for uris in outputs.values() if "test_scores_table" in uris)
columns = ["scorer", "average_precision", "average_precision_low", "average_precision_high", "f1", "roc_auc"]
mlrun.get_dataitem(scored).as_df().filter(items=columns).round(3)  # no bounds if errors are few

# %% [markdown]
# The step `report` puts all of this on one HTML page that needs no network.

# %%
print(next(values["report_path"] for values in results.values() if "report_path" in values))

# %% [markdown]
# ## Test
#
# The workflow has tested its own endpoint: it sent rows to the live model and compared each answer with the
# offline one. Live predictions have met their labels, and the detectors watch.

# %%
tester = results["model-server-tester"]
assert (tester["mismatches"], tester["errors"]) == (0, 0)
tester

# %%
serving = project.get_function("serving")
for path in ("/labeled", "/drift"):
    answer = serving.invoke(path, method="GET")
    print(path, {key: answer[key] for key in ("joined", "waiting", "state", "n", "errors") if key in answer})

# %% [markdown]
# ## On to a cluster
#
# The same file compiles to an Argo workflow for Kubeflow Pipelines.

# %%
argo = Path(tempfile.mkdtemp()) / "workflow.yaml"
subprocess.run([netops, "compile", argo, "--project", NAME], check=True, capture_output=True)
content = yaml.safe_load(argo.read_text())
print(content["kind"], content["metadata"]["generateName"], "with the templates")
print(textwrap.fill(", ".join(each["name"] for each in content["spec"]["templates"]), 100))

# %% [markdown]
# The endpoints are still up. `netops status` shows them, `netops stream --project small-network --set
# devices=8 --set ticks=700` sends more telemetry, and `netops stop` ends everything.
