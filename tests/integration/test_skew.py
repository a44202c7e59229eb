"""Live features against features computed offline from the whole of history and stream."""

from pathlib import Path

import numpy as np
import pandas as pd

from feature_sets.derived_features import DerivedFeatures
from feature_sets.ingestion.sources import SIMULATION_START
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.telemetry.simulator import SimulatedNetwork
from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.online import OnlineWindows

SCHEMA = TelemetrySchema.load()


def test_live_features_equal_offline_features_from_the_first_live_event_on(installation):
    folder = Path(installation.summary["labeled"]["directory"])
    live = pd.concat([pd.read_parquet(file) for file in sorted(folder.glob("*.parquet"))])
    live[SCHEMA.time] = pd.to_datetime(live[SCHEMA.time], utc=True)
    # Other tests send events of later months.
    live = live[live[SCHEMA.time] < pd.Timestamp("2024-02-01", tz="UTC")]
    network = SimulatedNetwork(devices=8, start=SIMULATION_START, ticks=700, seed=1)
    ticks = 700 + len(live) // 8 + 60
    sent = network.generate(0, ticks).metrics
    windows = OnlineWindows(WindowDefinition.from_schema(SCHEMA), clock=lambda: 2e9)
    rows = sent.sort_values([SCHEMA.time, DEVICE]).to_dict("records")
    computed = windows.update(rows)
    DerivedFeatures(SCHEMA).add_to(computed)
    offline = pd.DataFrame(computed)
    offline[[DEVICE, SCHEMA.time]] = [(row[DEVICE], row[SCHEMA.time]) for row in rows]
    merged = live.merge(offline, on=[DEVICE, SCHEMA.time], suffixes=("", "_offline"))
    assert len(merged) == len(live) >= 1000
    compared = [name for name in SCHEMA.live_features if name in live.columns and name in offline.columns]
    assert len(compared) >= 5
    for name in compared:
        np.testing.assert_allclose(merged[name], merged[f"{name}_offline"], rtol=1e-9, atol=1e-9)


def test_ingested_features_equal_those_of_the_live_engine(installation):
    """What was ingested is what the live engine computes, to the last bit."""
    found = installation.api("projects/netops/feature-sets/device_metrics/references/latest")
    (target,) = (each for each in found["status"]["targets"] if each["kind"] == "parquet")
    files = sorted(Path(target["path"].replace("{run_id}", target["run_id"])).rglob("*.parquet"))
    stored = pd.concat([pd.read_parquet(file) for file in files])
    # What was ingested at first, and what has become history since.
    assert len(stored) >= 8 * 700
    windows = OnlineWindows(WindowDefinition.from_schema(SCHEMA), clock=lambda: 2e9)
    stored = stored.reset_index()
    stored[SCHEMA.time] = pd.to_datetime(stored[SCHEMA.time], utc=True)
    stored = stored.sort_values([SCHEMA.time, DEVICE], ignore_index=True)
    rows = windows.update(stored.to_dict("records"))
    DerivedFeatures(SCHEMA).add_to(rows)
    computed = pd.DataFrame(rows)
    assert SCHEMA.derived_features
    for name in (*SCHEMA.window_features, *SCHEMA.derived_features):
        np.testing.assert_array_equal(stored[name], computed[name], err_msg=name)
