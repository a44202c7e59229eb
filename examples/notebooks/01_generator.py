# %% [markdown]
# # 1. The generator: a network of fake devices
#
# A real network is not at hand on every desk, so `feature_sets/telemetry/simulator.py` plays one: devices
# of several companies report four metrics, and now and then one of them is in error. Everything else in
# this project works on real telemetry just as well, see the example `own_telemetry`. With a simulated
# network we know the truth, and can plant what we want to find.
#
# This notebook needs no server. It shows what the telemetry looks like and what makes it hard to predict
# from.

# %%
from datetime import timedelta

import pandas as pd
import plotly.express as px
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from feature_sets.telemetry.simulator import SimulatedNetwork

network = SimulatedNetwork(devices=6, ticks=8640, seed=1)  # a reading every 10 s: one day
rows = network.generate()
rows.metrics

# %% [markdown]
# There are three tables, as in all telemetry here. **metrics** has a row per device and time. **labels**
# has the truth about each row, which becomes known later. **static** has what does not change.

# %%
rows.labels.groupby("device")["is_error"].agg(readings="size", in_error="sum", share="mean").round(3)

# %%
rows.static

# %% [markdown]
# One typed schema says what the columns mean. No metric's name is written anywhere in the code.

# %%
pd.DataFrame(
    [(m.name, m.unit, m.low, m.high) for m in network.schema.metrics],
    columns=["metric", "unit", "low", "high"],
)

# %% [markdown]
# ## One device, close up
#
# Red is the truth: the device is in error. The readings build up before and fade after, so the edges are
# blurred. The bumps that are not red are harmless surges of load: more throughput and more CPU, and little
# packet loss.

# %%
device = rows.static["device"].iloc[0]
labels = rows.labels[rows.labels["device"] == device].reset_index(drop=True)
readings = rows.metrics[rows.metrics["device"] == device].reset_index(drop=True)
first_error = int(labels["is_error"].to_numpy().argmax())
part = slice(max(first_error - 240, 0), first_error + 480)


def shade_errors(figure: go.Figure, labels: pd.DataFrame) -> None:
    """Mark the stretches of time in which the label is 1."""
    stretch = labels["is_error"].diff().ne(0).cumsum()
    for _, group in labels[labels["is_error"] == 1].groupby(stretch):
        ends = (group["timestamp"].iloc[0], group["timestamp"].iloc[-1])
        figure.add_vrect(*ends, fillcolor="crimson", opacity=0.25, line_width=0)


names = network.schema.metric_names
figure = make_subplots(rows=len(names), shared_xaxes=True, vertical_spacing=0.03)
for row, name in enumerate(names, start=1):
    figure.add_scatter(x=readings["timestamp"][part], y=readings[name][part], name=name, row=row, col=1)
    figure.update_yaxes(title_text=name, row=row, col=1)
shade_errors(figure, labels[part])
figure.update_layout(height=640, showlegend=False, title=f"Readings of {device}; red: in error")

# %% [markdown]
# ## Why one threshold is not enough
#
# Rows in error and healthy rows overlap in every single metric. Devices have levels of their own, load has
# a daily cycle, and surges look like errors at first sight. A model sees the metrics together, and over
# time.

# %%
joined = rows.metrics.merge(rows.labels, on=["device", "timestamp"])
long = joined.sample(8000, random_state=0).melt(id_vars="is_error", value_vars=names, var_name="metric")
figure = px.box(long, x="is_error", y="value", color="is_error", facet_col="metric", facet_col_spacing=0.06)
figure.update_yaxes(matches=None, showticklabels=True, title="")
figure.for_each_annotation(lambda text: text.update(text=text.text.removeprefix("metric=")))
figure.update_layout(showlegend=False, title="Healthy rows (0) and rows in error (1)")

# %%
hourly = joined.set_index("timestamp").groupby("device")["throughput"].resample("1h").mean().reset_index()
px.line(
    hourly, x="timestamp", y="throughput", color="device", title="Levels of their own, and one daily cycle"
)

# %% [markdown]
# ## Same seed, same rows
#
# Random numbers are drawn from a counter. So a chunk from the middle equals the same stretch of the whole,
# and live telemetry is the exact continuation of the history that a model was trained on.

# %%
again = SimulatedNetwork(devices=6, ticks=8640, seed=1).generate(first_tick=5000, ticks=100)
times = rows.metrics["timestamp"]
whole = rows.metrics[times.between(network.time_of(5000), network.time_of(5100), inclusive="left")]
pd.testing.assert_frame_equal(again.metrics, whole.reset_index(drop=True))

# %% [markdown]
# ## Drift, planted
#
# A model goes stale in two ways. With **covariate drift** the readings move, and what an error is stays the
# same. With **concept drift** an error begins to look different: from then on errors look as harmless
# surges did. Both can be switched on at a time of our choice; [notebook 5](05_drift.py) finds them.

# %%
noon = network.start + timedelta(hours=12)
drifting = {
    "as it was": network,
    "covariate drift": SimulatedNetwork(devices=6, ticks=8640, seed=1, covariate_drift_at=noon),
    "concept drift": SimulatedNetwork(devices=6, ticks=8640, seed=1, concept_drift_at=noon),
}
parts = []
for name, each in drifting.items():
    made = each.generate()
    frame = made.metrics.merge(made.labels, on=["device", "timestamp"])
    frame["state"] = frame["is_error"].map({0: "healthy", 1: "in error"})
    averages = frame.groupby(["state", frame["timestamp"].dt.floor("1h")])["packet_loss"].mean()
    parts.append(averages.reset_index().assign(network=name))
figure = px.line(
    pd.concat(parts),
    x="timestamp",
    y="packet_loss",
    color="state",
    facet_col="network",
    markers=True,
    title="Mean packet loss by hour; drift begins at 12:00",
)
figure.for_each_annotation(lambda text: text.update(text=text.text.removeprefix("network=")))
figure.update_xaxes(tickformat="%H:%M", title="")
figure.add_vline(x=noon, line_dash="dot")

# %% [markdown]
# Next: [notebook 2](02_preprocessor.py) turns these readings into features.
