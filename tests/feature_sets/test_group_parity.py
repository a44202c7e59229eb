"""Events in order of arrival, in lists of any length and with restarts, get the bits of the history.

Late, repeated and missing readings are among them, counters, links that change, and devices without any.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from feature_sets.device_metrics import device_metrics
from feature_sets.group_features import GroupFeatures
from feature_sets.groups import Groups
from feature_sets.ingestion.window_columns import FeatureColumns
from feature_sets.rows.event_micros import column_micros
from feature_sets.telemetry.links import BEGINNING, OPEN
from feature_sets.telemetry.schema import DEVICE
from feature_sets.windows import event_status
from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.online import OnlineWindows
from tests.feature_sets.ingestion.histories import (
    COUNTED_GROUPED,
    GROUPED_WITH_ARRIVAL,
    MIDNIGHT,
    counted,
    readings,
)

MIDDLE = int(MIDNIGHT.value // 1000)
LINKS = {
    ("dev-0", "dev-1"): ((BEGINNING, MIDDLE), (MIDDLE + 60_000_000, OPEN)),
    ("dev-1", "dev-2"): ((BEGINNING, OPEN),),
    ("dev-3", "dev-2"): ((MIDDLE - 30_000_000, OPEN),),
}
ATTRIBUTES = pd.DataFrame({DEVICE: [f"dev-{number}" for number in range(5)], "model": [*"abaa", None]})


def streams(schema, seed):
    """Rows in order of arrival as they are sent, and as readers take them: each device and time once."""
    rows = readings(np.random.default_rng([seed, 12]), rows=400, devices=5)
    if schema.counter_metrics:
        rows = counted(rows)
    rows = rows.rename(columns={metric.name: metric.column for metric in schema.counter_metrics})
    if schema.uptime is not None:
        micros = np.round(rows["up"] * schema.uptime.unit_micros)
        rows[schema.uptime.micros_column] = micros.astype("UInt64")
    sent = rows.sort_values(["received", "timestamp", DEVICE], kind="stable", ignore_index=True)
    ahead = sent["timestamp"] > sent["received"] + pd.Timedelta(schema.windows.future_tolerance)
    return sent, sent[~ahead].drop_duplicates([DEVICE, "timestamp"])


def live(schema, sent, groups, generator):
    """Device and time of each counted event, and its features; now and then the process begins anew."""
    now = [0.0]
    windows = OnlineWindows(WindowDefinition.from_schema(schema), lambda: now[0], "received")
    features = GroupFeatures(schema)
    state, served, first = features.state(groups), {}, 0
    at = np.column_stack([column_micros(sent["received"]), column_micros(sent["timestamp"])])
    gauges = [metric.name for metric in schema.metrics if metric.counter is None]
    events = sent.astype(object).where(sent.notna(), None).to_dict("records")
    while first < len(events):
        end = first + int(generator.choice([1, 1, 2, 7, 40]))
        part = events[first:end]
        rows = windows.update(part)
        counts = [
            number for number, row in enumerate(rows) if row.pop("event_status") in event_status.COUNTED
        ]
        for number in counts:
            values = {name: part[number][name] for name in gauges}
            rows[number] |= {name: np.nan if value is None else value for name, value in values.items()}
        chosen = [rows[number] for number in counts]
        devices = [part[number][DEVICE] for number in counts]
        features.add_to(chosen, devices, at[first:end][counts], state)
        for number, row in zip(counts, chosen, strict=True):
            served[part[number][DEVICE], at[first + number, 1]] = [row[name] for name in features.names]
        if generator.random() < 0.1:
            kept, state = state.content(), features.state(groups)
            state.put(*kept)
            other = OnlineWindows(WindowDefinition.from_schema(schema), lambda: now[0], "received")
            other.restore(windows.snapshot())
            windows = other
        first = end
    return served


@pytest.mark.parametrize("schema", [GROUPED_WITH_ARRIVAL, COUNTED_GROUPED], ids=["gauges", "counters"])
@pytest.mark.parametrize("seed", range(4))
def test_live_features_of_others_are_those_of_the_history_to_the_last_bit(schema, seed):
    groups = Groups(schema, LINKS, ATTRIBUTES)
    sent, taken = streams(schema, seed)
    columns = FeatureColumns.of(device_metrics(schema), taken, "received", groups)
    names = GroupFeatures(schema).names
    history = np.column_stack([columns.values[name].to_numpy() for name in names])
    served = live(schema, sent, groups, np.random.default_rng(seed))
    keys = list(zip(columns.keys.tolist(), columns.micros.tolist(), strict=True))
    assert set(served) == set(keys) and len(sent) > len(keys) + 20
    assert np.array([served[key] for key in keys]).tobytes() == history.tobytes()
    told = np.isfinite(history)
    assert told.any(axis=0).all() and not told.all(axis=0).any()
