# %% [markdown]
# # 2. The preprocessor: from readings to features
#
# A single reading says little. The model sees each reading together with **rolling windows** of its device:
# average, spread, lowest and highest value of the last minute and the last five. One engine computes them
# for the past, to train on, and for live events, to predict from. So both see the same numbers, to the last
# bit.
#
# The first half needs no server. The second half ingests into MLRun's feature store.

# %%
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go

from feature_sets.telemetry.simulator import SimulatedNetwork
from feature_sets.windows import OnlineWindows, WindowDefinition, backfill

network = SimulatedNetwork(devices=6, ticks=720, seed=1)
metrics = network.generate().metrics
definition = WindowDefinition.from_schema(network.schema)
print(f"{len(definition.metrics)} metrics x {definition.operations} x {definition.windows}")
print(f"= {len(definition.feature_names)} features, such as {definition.feature_names[0]}")

# %% [markdown]
# ## History: all rows at once

# %%
features = backfill(metrics, definition)
features.filter(like="latency").tail(3).round(2)

# %%
device = metrics["device"].iloc[3]
here = metrics["device"] == device
figure = go.Figure()
figure.add_scatter(
    x=metrics["timestamp"][here], y=metrics["latency"][here], name="latency", line_color="lightgray"
)
for name in ("latency_avg_1m", "latency_avg_5m", "latency_max_5m"):
    figure.add_scatter(x=metrics["timestamp"][here], y=features[name][here], name=name)
figure.update_layout(title=f"Latency of {device}, and three of its windows", yaxis_title="ms")

# %% [markdown]
# ## Live: one event at a time
#
# The live engine keeps the windows in memory. Fed with the same readings one by one, it gives the same
# numbers.

# %%
windows = OnlineWindows(definition, clock=lambda: network.time_of(720).timestamp())
one_by_one = pd.DataFrame([windows.update(event) for event in metrics.to_dict("records")])
pd.testing.assert_frame_equal(one_by_one[features.columns], features, check_exact=True)
print(f"{len(features):,} rows, every one of {len(definition.feature_names)} features equal to the last bit")

# %% [markdown]
# ## Events that are late, twice, or from the future
#
# Networks do not deliver in order. The engine says of each event what became of it. A late one still counts
# in the windows, and a duplicate does not count again. One from the future does not move the clock of its
# device.

# %%
last = metrics[here].iloc[-1].to_dict()
cases = {
    "10 seconds ahead": last["timestamp"] + pd.Timedelta("10s"),
    "the same again": last["timestamp"] + pd.Timedelta("10s"),
    "two minutes late": last["timestamp"] - pd.Timedelta("125s"),
    "an hour late": last["timestamp"] - pd.Timedelta("1h"),
    "from next week": last["timestamp"] + pd.Timedelta("7d"),
}
answers = {case: windows.update({**last, "timestamp": moment}) for case, moment in cases.items()}
pd.DataFrame(answers).T[["event_status", "latency_avg_1m", "latency_avg_5m"]]

# %% [markdown]
# ## The feature store
#
# `netops up` starts the local control plane and Valkey, or finds them running. From then on this is plain
# MLRun: its client needs the address and nothing else. The project gets its functions from
# `project/project_setup.py`.

# %%
netops = Path(sys.executable).with_name("netops")
status = json.loads(subprocess.check_output([netops, "up", "--json"]))
# MLRun reads its settings when it is imported. The last two keep its output short.
os.environ["MLRUN_DBPATH"] = status["mlrun_dbpath"]
os.environ |= {"MLRUN_LOG_LEVEL": "ERROR", "MLRUN_IPYTHON_WIDGET": "false"}

import mlrun
import mlrun.feature_store as fstore

from project.project_setup import setup

project = setup(mlrun.get_or_create_project("notebooks", context=tempfile.mkdtemp()))
print(", ".join(sorted(project.get_function_names())))

# %% [markdown]
# The job `ingest` fills three feature sets: **devices** (one-hot), **device_metrics** (readings and
# windows) and **device_labels** (the truth, for training only). Offline they are Parquet files; online, the
# newest row of each device lies in Valkey.

# %%
run = project.run_function("ingest", params={"devices": 12, "ticks": 3000}, local=True)
print("\n".join(run.outputs["report_lines"]))

# %% [markdown]
# A **feature vector** joins the three, each row with what was known at its time.

# %%
vector = fstore.get_feature_vector(run.outputs["feature_vector"])
table = vector.get_offline_features().to_dataframe()
print(f"{len(table):,} rows x {table.shape[1]} columns from {run.outputs['feature_vector']}")
table[["timestamp", "latency", "latency_avg_5m", "country_Japan", "is_error"]].tail()

# %% [markdown]
# The online store has the newest features of each device. The serving graph keeps its own windows and does
# not need them; other services may.

# %%
from feature_sets.online_store.features import OnlineFeatures

newest = OnlineFeatures(vector).get([device])[0]
print(newest.device, newest.event_time, newest.status)
{name: newest.features[name] for name in ("latency", "latency_avg_1m", "latency_max_5m")}

# %% [markdown]
# Next: [notebook 3](03_model_server.py) trains a model on this vector and serves it.
