"""The schema that a look at a folder proposes is one that the ingest job takes as it is."""

from __future__ import annotations

from pathlib import Path

import mlrun.feature_store as fstore
import numpy as np
import pandas as pd
import pytest

from feature_sets.telemetry.folder_writer import write_folder
from feature_sets.telemetry.inspection.folder_check import check_folder
from feature_sets.telemetry.simulator import SimulatedNetwork
from tests.feature_sets.ingestion.folders import forget_all, run


def interfaces(folder: Path) -> None:
    """As of a router: rates and states, labels of several kinds, many attributes, other files."""
    random = np.random.default_rng(2)
    names = [f"leaf7:HundredGigE0/0/0/{number}" for number in range(8)]
    times = pd.date_range("2019-05-19T07:03:24.856Z", periods=60, freq="11500ms").as_unit("ms")
    keys = pd.DataFrame({"device": np.tile(names, 60), "timestamp": times.repeat(8)})
    size = len(keys)
    folder.mkdir()
    keys.assign(
        in_rate_mbps=random.gamma(2, 100, size),
        line_up=random.integers(0, 2, size).astype(float),
        bfd_up=np.where(random.random(size) < 0.3, np.nan, 1.0),
        router_bgp_paths=random.integers(3600, 4100, size).astype(float),
    ).to_parquet(folder / "metrics.parquet")
    keys.assign(
        is_error=random.integers(0, 2, size).astype("int8"),
        cause=None,
        near_event=random.integers(0, 2, size).astype("int8"),
    ).to_parquet(folder / "labels.parquet")
    pd.DataFrame(
        {
            "device": names,
            "router": "leaf7",
            "mtu": [1514, 9216] * 4,
            "media-type": ["100gbase-sr4", "unknown"] * 4,
            "neighbor_router": ["spine1", None] * 4,
            "in_service": [True, False] * 4,
        }
    ).to_parquet(folder / "static.parquet")
    keys.to_parquet(folder / "counters.parquet")


def simulated(folder: Path) -> None:
    start = pd.Timestamp("2024-01-01T00:00:00Z").to_pydatetime()
    write_folder(folder, SimulatedNetwork(devices=4, start=start, ticks=120, seed=1).generate(0))


def bare(folder: Path) -> None:
    """Two tables with semicolons, odd names, and no list of devices."""
    keys = pd.DataFrame(
        {"host name": ["a", "b"] * 30, "time": pd.date_range("2024-01-01", periods=30, freq="1min").repeat(2)}
    )
    folder.mkdir()
    metrics = keys.assign(**{"cpu.load %": np.arange(60) / 4, "version": np.arange(60) % 3})
    metrics.to_csv(folder / "metrics.csv", sep=";", decimal=",", index=False)
    keys.assign(down=np.arange(60) % 2).to_csv(folder / "labels.csv", sep=";", index=False)


@pytest.mark.parametrize("make", [interfaces, simulated, bare])
def test_the_ingest_job_takes_the_proposed_schema(tmp_path: Path, project: str, make) -> None:
    forget_all()
    folder, path = tmp_path / "lab", tmp_path / "lab.yaml"
    make(folder)
    text = check_folder(folder).schema_text()
    assert text is not None
    path.write_text(text, encoding="utf-8")
    done = run(folder, path)
    assert done["rows_rejected"] == 0
    assert done["rows_ingested"] == done["rows_read"] == done["label_rows"] > 0
    frame = fstore.get_feature_set("device_metrics").to_dataframe()
    assert len(frame) == done["rows_ingested"]
    again = run(folder, path)
    assert (again["rows_new"], again["devices_new"]) == (0, 0)
    if make is bare:
        assert {"cpu_load", "my_version"} <= set(frame.columns)
