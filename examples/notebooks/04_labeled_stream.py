# %% [markdown]
# # 4. The labeled stream: predictions meet the truth
#
# Whether a prediction was right is known later, when somebody has looked at the device. The server
# therefore remembers its predictions and joins each with its label when that comes. The pairs are the
# **labeled stream**: what drift is measured on, and what the next model can be evaluated on. [Notebook
# 3](03_model_server.py) must have run before; its model is served here the same way.

# %%
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import plotly.express as px

netops = Path(sys.executable).with_name("netops")
status = json.loads(subprocess.check_output([netops, "up", "--json"]))
os.environ["MLRUN_DBPATH"] = status["mlrun_dbpath"]
os.environ |= {"MLRUN_LOG_LEVEL": "ERROR", "MLRUN_IPYTHON_WIDGET": "false"}

import mlrun

from feature_sets.telemetry.simulator import SimulatedNetwork
from graphs.serving_graph import build_serving_graph

directory = Path(tempfile.mkdtemp())
function = mlrun.new_function("serving", kind="serving", image="mlrun/mlrun", project="notebooks")
build_serving_graph(
    function,
    model_path="store://models/notebooks/train_model",
    devices="store://feature-sets/notebooks/devices",
    history="store://feature-sets/notebooks/device_metrics",
    labeled_directory=str(directory),  # pairs are written here, as Parquet
    batch_seconds=1,
    label_deadline_seconds=900,  # a label may come 15 minutes later than its event
)
server = function.to_mock_server()


def request(method: str, path: str, body: object = None) -> object:
    """Answer of the graph to a request."""
    content = None if body is None else json.dumps(body)
    response = server.test(path, body=content, method=method, silent=True, get_body=False)
    return json.loads(response.body)


# %% [markdown]
# ## An hour, minute by minute
#
# Each label comes five minutes after its event, except that one in twenty never comes.

# %%
DELAY = 5
network = SimulatedNetwork(devices=12, ticks=3000, seed=1)
live = network.generate(first_tick=3000, ticks=360)
known = live.labels.sample(frac=0.95, random_state=0)


def events(frame: pd.DataFrame, minute: int) -> list[dict]:
    """Rows of one minute of the hour, as JSON events."""
    start = network.time_of(3000) + pd.Timedelta(minutes=minute)
    rows = frame[(frame["timestamp"] >= start) & (frame["timestamp"] < start + pd.Timedelta(minutes=1))]
    return json.loads(rows.to_json(orient="records", date_format="iso"))


history = []
for minute in range(60):
    request("POST", "/telemetry", events(live.metrics, minute))
    if minute >= DELAY:
        request("POST", "/labels", events(known, minute - DELAY))
    history.append({"minute": minute, **request("GET", "/labeled")})

# %% [markdown]
# `GET /labeled` tells how many pairs are joined, how many predictions wait for their label, and how many
# have waited in vain until the deadline.

# %%
counts = pd.DataFrame(history)[["minute", "joined", "waiting", "expired"]]
long = counts.melt(id_vars="minute", var_name="state", value_name="predictions")
figure = px.line(long, x="minute", y="predictions", color="state", facet_row="state", height=520)
figure.update_yaxes(matches=None, title="")
figure.for_each_annotation(lambda text: text.update(text=""))
figure.update_layout(title="What became of the predictions of an hour")

# %% [markdown]
# ## Labels that do not fit
#
# A repeated label is a duplicate. One that contradicts an earlier one is conflicting, and the first one
# stays. A label may come before its event and waits for it; and one that comes too late has nothing to be
# joined with.

# %%
joined_label = events(known, 50)[0]
moment = network.time_of(3360)
cases = {
    "the same again": joined_label,
    "the contrary": {**joined_label, "is_error": 1 - joined_label["is_error"]},
    "before its event": {**joined_label, "timestamp": moment.isoformat()},
    "of two hours ago": {**joined_label, "timestamp": (moment - pd.Timedelta("2h")).isoformat()},
}
pd.Series(
    {case: request("POST", "/labels", label)["status"] for case, label in cases.items()}, name="status"
).to_frame()

# %% [markdown]
# ## The pairs, as Parquet
#
# Batches of pairs go to Parquet files: the inputs of the model, what it said, by which version, and the
# truth. On a laptop `netops` keeps them in `.netops/streams`.

# %%
while request("GET", "/labeled")["unwritten"]:
    time.sleep(0.2)
pairs = pd.concat([pd.read_parquet(file) for file in sorted(directory.glob("*.parquet"))], ignore_index=True)
print(f"{len(pairs):,} pairs x {pairs.shape[1]} columns in {len(list(directory.glob('*.parquet')))} files")
pairs[["device", "timestamp", "version", "latency", "prediction", "probability", "is_error"]].tail()

# %%
pairs["outcome"] = pairs["prediction"].astype(str) + pairs["is_error"].astype(str)
pairs["outcome"] = pairs["outcome"].map(
    {"00": "rightly healthy", "11": "error found", "01": "error missed", "10": "false alarm"}
)
figure = px.strip(
    pairs[pairs["outcome"] != "rightly healthy"],
    x="timestamp",
    y="device",
    color="outcome",
    stripmode="overlay",
    title="Errors found and missed, and false alarms",
)
figure.update_traces(jitter=0.4, marker_size=4)

# %%
pairs["outcome"].value_counts(normalize=True).map("{:.2%}".format).to_frame("share of the pairs")

# %% [markdown]
# The share of wrong predictions should stay what it is. [Notebook 5](05_drift.py) watches over that.
