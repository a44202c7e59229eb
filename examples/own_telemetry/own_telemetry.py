"""Telemetry of one's own: three CSV files and a schema, from readings to an evaluated model."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

NETOPS = Path(sys.executable).with_name("netops")
SCHEMA = Path(__file__).with_name("gateways.yaml")
GATEWAYS = [(site, f"gw-{number}") for site in ("oslo", "lima") for number in range(3)]
READINGS = 1_500
"""Of each gateway, one every 30 seconds."""


def episodes(rng: np.random.Generator) -> np.ndarray:
    """1 in a dozen stretches of 10 to 20 readings, else 0."""
    inside = np.zeros(READINGS, dtype=int)
    for start in rng.choice(READINGS - 20, size=12, replace=False):
        inside[start : start + rng.integers(10, 20)] = 1
    return inside


def write_telemetry(folder: Path) -> None:
    """Write ``metrics.csv``, ``labels.csv`` and ``static.csv``; yours come from wherever you keep them."""
    rng = np.random.default_rng(7)
    times = pd.date_range("2024-03-01", periods=READINGS, freq="30s", tz="UTC")
    metrics, labels = [], []
    for site, gateway in GATEWAYS:
        key = {"site": site, "gateway": gateway, "time": times.strftime("%Y-%m-%dT%H:%M:%SZ")}
        # In a rush there is more of everything; in trouble calls are lost, so that sessions fall.
        rush, trouble = episodes(rng), episodes(rng)
        load = 50 + 10 * np.sin(np.arange(READINGS) / 200) + rng.normal(0, 3, READINGS)
        columns = {
            "sessions": (20 * (load + 20 * rush - 15 * trouble)).round(),
            "cpu": (load + 20 * rush + 10 * trouble).round(1),
            "retransmits": (rng.gamma(4, 0.15, READINGS) * (1 + 2 * rush + 2 * trouble)).round(2),
        }
        metrics.append(pd.DataFrame({**key, **columns}))
        labels.append(pd.DataFrame({**key, "dropped_calls": trouble}))
    readings = pd.concat(metrics)
    # What real files hold, too: a reading sent twice, and a time that nobody can read.
    broken = readings.iloc[[0]].assign(time="yesterday")
    pd.concat([readings, readings.iloc[[0]], broken]).to_csv(folder / "metrics.csv", index=False)
    pd.concat(labels).to_csv(folder / "labels.csv", index=False)
    static = pd.DataFrame(GATEWAYS, columns=["site", "gateway"]).assign(vendor=["acme", "zeta"] * 3)
    static.to_csv(folder / "static.csv", index=False)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: own_telemetry.py FOLDER [arguments of netops run]")
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    write_telemetry(folder)
    command = [NETOPS, "run", "--telemetry", folder, "--schema", SCHEMA, *sys.argv[2:]]
    print("netops", *command[1:], flush=True)
    sys.exit(subprocess.run(command).returncode)
