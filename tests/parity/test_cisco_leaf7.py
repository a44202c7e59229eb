"""Raw counters of a real router give the rates that were published beside them, offline and live."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from feature_sets.telemetry.readers import read_telemetry
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from feature_sets.windows.backfill import backfill
from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.online import OnlineWindows

DATA = next(
    (
        found
        for above in Path(__file__).resolve().parents
        if (found := above / "shared" / "data" / "cisco-leaf7").is_dir()
    ),
    None,
)
pytestmark = pytest.mark.skipif(DATA is None, reason="shared/data/cisco-leaf7 is not beside this checkout")

SCHEMA = TelemetrySchema.from_dict(
    {
        "name": "leaf7",
        "entity": ["device"],
        "time": "timestamp",
        "rename": {
            "bytes_received": "in_rate_mbps",
            "bytes_sent": "out_rate_mbps",
            "packets_received": "in_packets_per_s",
            "packets_sent": "out_packets_per_s",
        },
        "metrics": {
            "in_rate_mbps": {"kind": "counter", "max_rate": 1.25e10, "scale": 8e-6, "unit": "Mbit/s"},
            "out_rate_mbps": {"kind": "counter", "max_rate": 1.25e10, "scale": 8e-6, "unit": "Mbit/s"},
            "in_packets_per_s": {"kind": "counter"},
            "out_packets_per_s": {"kind": "counter"},
        },
        # The collector took two snapshots at its start, 1.6 s apart.
        "counters": {"min_interval": "5s"},
        "label": "is_error",
    }
)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    assert DATA is not None
    folder = tmp_path_factory.mktemp("leaf7")
    (folder / "metrics.parquet").symlink_to(DATA / "counters.parquet")
    (folder / "labels.parquet").symlink_to(DATA / "labels.parquet")
    return read_telemetry(folder, SCHEMA)[0].metrics


def test_rates_equal_the_published_ones(rows: pd.DataFrame) -> None:
    assert DATA is not None
    got = backfill(rows, WindowDefinition.from_schema(SCHEMA), arrival=SCHEMA.time)
    ours = pd.concat([rows[[DEVICE, SCHEMA.time]], got[list(SCHEMA.metric_names)]], axis=1)
    published = pd.read_parquet(DATA / "metrics.parquet").astype({SCHEMA.time: ours[SCHEMA.time].dtype})
    both = published.merge(ours, on=[DEVICE, SCHEMA.time], how="outer", suffixes=("", "_ours"))
    # Each device has two more: its first snapshot, and the one right after it. They have no rate.
    more = both["in_rate_mbps"].isna()
    assert (len(ours), more.sum()) == (33_732, 72)
    for name in SCHEMA.metric_names:
        assert both.loc[more, f"{name}_ours"].isna().all()
        np.testing.assert_allclose(
            both.loc[~more, f"{name}_ours"], both.loc[~more, name], rtol=0, atol=5.0001e-5
        )


def test_live_gives_the_rates_and_windows_of_the_backfill_to_the_last_bit(rows: pd.DataFrame) -> None:
    definition = WindowDefinition.from_schema(SCHEMA)
    some = rows[rows[DEVICE].isin(sorted(rows[DEVICE].unique())[:4])].reset_index(drop=True)
    want = backfill(some, definition, arrival=SCHEMA.time)
    online = OnlineWindows(definition, lambda: 2e9)
    got = pd.DataFrame([online.update(event) for event in some.astype(object).to_dict("records")])
    pd.testing.assert_frame_equal(got[list(want.columns)], want, check_exact=True)
