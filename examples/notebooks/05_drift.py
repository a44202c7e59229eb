# %% [markdown]
# # 5. Drift: noticing that the model goes stale
#
# Two questions are asked of the labeled stream of [notebook 4](04_labeled_stream.py). **Detectors** ask
# after every label: is the model wrong more often than it used to be? **Distances** ask of a batch: do
# readings, predictions or labels look different from those that the model was made for? The first needs
# labels and sees any loss of quality; the second sees readings move even while the model still copes.
#
# [Notebook 3](03_model_server.py) must have run before. We plant both kinds of drift and see when they are
# found.

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
from plotly.subplots import make_subplots

netops = Path(sys.executable).with_name("netops")
status = json.loads(subprocess.check_output([netops, "up", "--json"]))
os.environ["MLRUN_DBPATH"] = status["mlrun_dbpath"]
os.environ |= {"MLRUN_LOG_LEVEL": "ERROR", "MLRUN_IPYTHON_WIDGET": "false"}

import mlrun

from drift.magnitude import drift_magnitude
from drift.warm_up import DetectorSettings, warmed_monitor
from feature_sets.telemetry.simulator import SimulatedNetwork
from graphs.serving_graph import build_serving_graph


class Server:
    """The served model on MLRun's mock server; pairs go to a folder of its own."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp())
        function = mlrun.new_function("serving", kind="serving", image="mlrun/mlrun", project="notebooks")
        build_serving_graph(
            function,
            model_path="store://models/notebooks/train_model",
            devices="store://feature-sets/notebooks/devices",
            history="store://feature-sets/notebooks/device_metrics",
            labeled_directory=str(self.directory),
            batch_seconds=0.5,
        )
        self.server = function.to_mock_server()

    def request(self, method: str, path: str, body: object = None) -> object:
        """Answer of the graph to a request."""
        content = None if body is None else json.dumps(body)
        response = self.server.test(path, body=content, method=method, silent=True, get_body=False)
        return json.loads(response.body)

    def stream(self, network: SimulatedNetwork, first_tick: int, ticks: int) -> None:
        """Send a stretch of telemetry, and its labels."""
        rows = network.generate(first_tick, ticks)
        for path, frame in (("/telemetry", rows.metrics), ("/labels", rows.labels)):
            self.request("POST", path, json.loads(frame.to_json(orient="records", date_format="iso")))

    def pairs(self) -> pd.DataFrame:
        """All pairs of the labeled stream so far."""
        while self.request("GET", "/labeled")["unwritten"]:
            time.sleep(0.1)
        return pd.concat([pd.read_parquet(file) for file in sorted(self.directory.glob("*.parquet"))])


# %% [markdown]
# ## Detectors: is the model wrong more often?
#
# First two quiet hours: they teach the detectors how often this model is wrong. In the workflow the
# held-out rows do that. The detectors then go to the server.
#
# Two settings differ from the defaults, because errors come in episodes and an episode that is missed makes
# twenty wrong predictions in a row. Page-Hinkley gets a higher threshold, and after an alarm a detector
# learns anew from a thousand labels.

# %%
server = Server()
network = SimulatedNetwork(devices=12, ticks=3000, seed=1)
server.stream(network, 3000, 720)
base = server.pairs()
print(f"wrong in {(base['prediction'] != base['is_error']).mean():.2%} of {len(base):,} quiet predictions")

settings = DetectorSettings(page_hinkley_threshold=20, min_instances_after_drift=1000)
monitor = warmed_monitor(base["is_error"], base["prediction"], settings)
answer = server.request("PUT", "/drift/detectors", monitor.to_dict())
print("watching:", ", ".join(answer["detectors"]))

# %% [markdown]
# Then another quiet hour, and one with **concept drift**: errors begin to look like harmless surges, and
# surges like errors. Every minute we ask `GET /drift` for their state.

# %%
MINUTE = 6  # ticks of ten seconds
begin = network.time_of(3720 + 360)
drifting = SimulatedNetwork(devices=12, ticks=3000, seed=1, concept_drift_at=begin)
states = []
for first_tick in range(3720, 3720 + 720, MINUTE):
    server.stream(drifting, first_tick, MINUTE)
    answer = server.request("GET", "/drift")
    for name, detector in answer["detectors"].items():
        states.append({"time": drifting.time_of(first_tick + MINUTE), "detector": name, **detector})
states = pd.DataFrame(states)
alarms = states[states["drifts"] > 0].groupby("detector")["last_drift_time"].first().to_frame("first alarm")
alarms["seconds after drift began"] = (pd.to_datetime(alarms["first alarm"]) - begin).dt.total_seconds()
assert (alarms["seconds after drift began"] > 0).all() and "glr" in alarms.index
alarms

# %% [markdown]
# Each detector compares its own statistic with its own limit:
#
# - **GLR**: how unlikely the newest errors are beside those before, in standard deviations. It rises.
# - **DDM**: how many standard deviations the error rate lies above its best. It rises.
# - **EDDM**: how far apart errors lie, as a share of the best. It falls.
# - **Page-Hinkley**: by how much errors exceed their mean, summed up. It rises.
#
# An alarm starts a detector anew, so the last point before a gap lies still within the limit. The gap is
# the thousand labels that it learns from.

# %%
names = list(states["detector"].unique())
figure = make_subplots(rows=len(names), shared_xaxes=True, vertical_spacing=0.04)
for row, name in enumerate(names, start=1):
    one = states[states["detector"] == name]
    figure.add_scatter(x=one["time"], y=one["statistic"], mode="lines+markers", row=row, col=1)
    figure.add_hline(y=one["drift_limit"].iloc[0], line_dash="dot", line_color="crimson", row=row, col=1)
    figure.update_yaxes(title_text=name, row=row, col=1)
figure.add_vline(x=begin, line_dash="dash")
figure.update_layout(height=600, showlegend=False, title="Statistics; dotted: limit; dashed: drift begins")

# %%
wrong = (
    server.pairs().assign(wrong=lambda rows: rows["prediction"] != rows["is_error"]).set_index("timestamp")
)
share = wrong.sort_index()["wrong"].resample("5min").mean().reset_index()
figure = px.bar(share, x="timestamp", y="wrong", title="Share of wrong predictions; dashed: drift begins")
figure.add_vline(x=begin, line_dash="dash")

# %% [markdown]
# `netops` hands every drift to the runner, which starts the workflow anew, see the loop in the documentation.
#
# ## Distances: do the readings look different?
#
# Now **covariate drift**: another server, and telemetry whose levels are shifted from the first live tick
# on. What an error is stays the same. The batch is compared with the quiet hours above, column by column.

# %%
shifted = SimulatedNetwork(devices=12, ticks=3000, seed=1, covariate_drift_at=network.time_of(3000))
other = Server()
other.stream(shifted, 3000, 720)
batch = other.pairs()
features = ["cpu_utilization", "throughput", "latency", "packet_loss", "latency_avg_5m", "packet_loss_max_5m"]
order = ["device", "timestamp"]
result = drift_magnitude(
    base.sort_values(order),
    batch.sort_values(order),
    features=features,
    prediction="prediction",
    label="is_error",
    joint=(),
    block_rows=30,  # rows within one window of five minutes depend on each other
    entity="device",  # rows of one device after those of another
)
assert result.drifted
print(result.reason)

# %% [markdown]
# Two samples of one distribution are never equal. A column has drifted if its distance exceeds what chance
# explains by a stated amount: the **limit**.

# %%
shifts = pd.DataFrame([vars(each) for each in result.shifts])
figure = px.bar(
    shifts,
    x="name",
    y="total_variation",
    color="drifted",
    title="Total variation distance, and the limit of each column",
)
figure.add_scatter(
    x=shifts["name"],
    y=shifts["limit"],
    mode="markers",
    marker_symbol="line-ew-open",
    marker_size=40,
    marker_color="black",
    name="limit",
)
figure.update_xaxes(categoryorder="array", categoryarray=shifts["name"], title="")

# %%
shifts[
    ["kind", "name", "total_variation", "hellinger", "kullback_leibler", "expected_by_chance", "p_value"]
].round(3)

# %% [markdown]
# Does the model still cope? That only the labels tell.

# %%
rates = {
    name: (pairs["prediction"] != pairs["is_error"]).mean()
    for name, pairs in (("quiet", base), ("shifted", batch))
}
pd.Series(rates, name="share of wrong predictions").round(4).to_frame()

# %% [markdown]
# Next: [notebook 6](06_project.py) puts it all together.
