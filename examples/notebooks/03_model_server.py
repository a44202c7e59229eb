# %% [markdown]
# # 3. The model server: from an event to a prediction
#
# Trains a small model on the vector of [notebook 2](02_preprocessor.py), which must have run before, and
# serves it with MLRun's serving graph. The graph runs here in this process, on MLRun's mock server; `netops
# serve` deploys the same graph as a live endpoint, and a cluster deploys it on Nuclio.

# %%
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import plotly.express as px
import plotly.graph_objects as go

netops = Path(sys.executable).with_name("netops")
status = json.loads(subprocess.check_output([netops, "up", "--json"]))
os.environ["MLRUN_DBPATH"] = status["mlrun_dbpath"]
os.environ |= {"MLRUN_LOG_LEVEL": "ERROR", "MLRUN_IPYTHON_WIDGET": "false"}

import mlrun

from feature_sets.model_package.package import fetch_model_package
from feature_sets.telemetry.simulator import SimulatedNetwork
from graphs.serving_graph import build_serving_graph
from project.project_setup import setup

project = setup(mlrun.get_or_create_project("notebooks", context=tempfile.mkdtemp()))

# %% [markdown]
# ## A model
#
# The job `train` searches 36 combinations by default; two of one kind are enough here. It learns from the
# earlier 70 % of the rows. The later ones are for an evaluation, which [notebook 6](06_project.py) shows.

# %%
params = {
    "feature_vector": "store://feature-vectors/notebooks/device_features",
    "families": "hist_gradient_boosting",
    "combinations": 2,
}
run = project.run_function("train", name="train", params=params, local=True)
names = ("average_precision", "f1", "precision", "recall", "threshold", "train_rows", "n_features")
print(run.outputs["candidate"])
pd.Series({name: run.outputs[name] for name in names}, name="result").to_frame()

# %% [markdown]
# The model package is an ONNX graph and a description. That holds the ordered inputs with units, the value
# that replaces a missing reading, the decision threshold, and a baseline histogram of each input. Serving
# takes all of it from there.

# %%
package = fetch_model_package(run.outputs["model"])
print("version", package.schema.version, "of", run.outputs["model"].partition("@")[0])
pd.DataFrame(
    [(each.name, each.unit, each.imputation) for each in package.schema.inputs[:8]],
    columns=["input", "unit", "if missing"],
)

# %% [markdown]
# ## The graph
#
# Steps in order: read and check the request, write it to the journal, compute features, ask the model, join
# with labels, watch for drift, respond. The last one turns a failure of any other into an answer.

# %%
function = mlrun.new_function("serving", kind="serving", image="mlrun/mlrun", project="notebooks")
graph = build_serving_graph(
    function,
    model_path=run.outputs["model"],
    devices="store://feature-sets/notebooks/devices",
    history="store://feature-sets/notebooks/device_metrics",
)
server = function.to_mock_server()
print("  ->  ".join(graph.steps))

# %% [markdown]
# ## One event
#
# What a device would send. The answer comes with a probability, the version of the model, and what became
# of the event. An event that breaks a rule is refused, and the answer names the field, the rule and what
# was given.


# %%
def request(method: str, path: str, body: object = None) -> object:
    """Answer of the graph to a request."""
    content = None if body is None else json.dumps(body)
    response = server.test(path, body=content, method=method, silent=True, get_body=False)
    return json.loads(response.body)


network = SimulatedNetwork(devices=12, ticks=3000, seed=1)
live = network.generate(first_tick=3000, ticks=720)  # what follows the history: two hours
events = json.loads(live.metrics.to_json(orient="records", date_format="iso"))
print("sent:    ", events[0])
print("answered:", request("POST", "/telemetry", events[0]))
print("answered:", request("POST", "/telemetry", {**events[1], "latency": "high"}))

# %% [markdown]
# ## Two hours of telemetry
#
# Lists of events are answered event by event. Below is the probability of an error for one device, beside
# the truth, which the model did not see. The duplicate is the event that was sent above; it gets the answer
# it got there.

# %%
answers = pd.DataFrame(request("POST", "/telemetry", events))
answers["timestamp"] = pd.to_datetime(answers["timestamp"])
answers["is_error"] = live.labels["is_error"]
answers["status"].value_counts().to_frame()

# %%
device = answers.groupby("device")["is_error"].sum().idxmax()
shown = answers[answers["device"] == device]
figure = go.Figure()
figure.add_scatter(
    x=shown["timestamp"],
    y=shown["is_error"],
    name="truth",
    fill="tozeroy",
    line_color="pink",
    line_shape="hv",
)
figure.add_scatter(x=shown["timestamp"], y=shown["probability"], name="probability", line_color="navy")
figure.add_hline(y=package.schema.threshold, line_dash="dot", annotation_text="threshold")
figure.update_layout(title=f"Probability that {device} is in error")

# %%
table = pd.crosstab(answers["is_error"], answers["prediction"]).rename(index=str, columns=str)
figure = px.imshow(table, text_auto=True, color_continuous_scale="Blues", width=380, height=380)
figure.update_layout(title="Truth and prediction", coloraxis_showscale=False)

# %% [markdown]
# ## The model alone
#
# A client that has the features itself asks the model directly, by the Open Inference Protocol. Here every
# input has the value that replaces a missing one: a device about which nothing is known.

# %%
metadata = request("GET", "/v2/models/model")
print(metadata["name"], metadata["versions"], metadata["inputs"], metadata["outputs"])
row = [each.imputation for each in package.schema.inputs]
tensor = {"name": "input", "shape": [1, len(row)], "datatype": "FP32", "data": row}
request("POST", "/v2/models/model/infer", {"inputs": [tensor]})["outputs"]

# %% [markdown]
# Next: [notebook 4](04_labeled_stream.py) tells the server the truth, late, as life does.
