"""Folders of telemetry of any shape, with errors that follow from it, are announced by it, or neither."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import yaml

START = pd.Timestamp("2024-05-01T00:00:00Z")


def write_network(
    folder: Path,
    *,
    devices: int,
    metrics: int,
    ticks: int,
    tick_seconds: int,
    errors: str,
    seed: int = 0,
    ramp_ticks: int = 30,
    horizon: str = "0s",
    windows: tuple[str, ...] = ("1m", "5m"),
    late_share: float = 0.0,
    labeled: bool = True,
) -> Path:
    """Write a folder and a schema beside it; returns the path of the schema.

    :param errors: ``shown``: the first metrics are higher in an error; ``ramp``: the first metric rises for
        ``ramp_ticks`` before an error and falls back as it starts; ``nowhere``: nothing shows them.
    :param late_share: of readings that arrive up to ten minutes late; with it the schema names the arrival.
    :param labeled: without labels there is no file of them, and windows are relative to the device.
    """
    random = np.random.default_rng(seed)
    values = random.normal(10.0, 1.0, (metrics, ticks, devices))
    label = np.zeros((ticks, devices), dtype=np.int64)
    length = 8
    for device in range(devices):
        first = int(random.integers(ramp_ticks, ramp_ticks + 40))
        while first + length < ticks:
            label[first : first + length, device] = 1
            if errors == "shown":
                values[: max(1, metrics // 10), first : first + length, device] += 4.0
            elif errors == "ramp":
                values[0, first - ramp_ticks : first, device] += np.linspace(0.0, 6.0, ramp_ticks)
            first += length + ramp_ticks + int(random.integers(20, 120))
    names = [f"metric_{number}" for number in range(metrics)]
    keys = {
        "box": np.tile([f"box-{number}" for number in range(devices)], ticks),
        "at": START + pd.to_timedelta(np.repeat(np.arange(ticks), devices) * tick_seconds, unit="s"),
    }
    folder.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame({**keys, **dict(zip(names, values.reshape(metrics, -1), strict=True))})
    if late_share:
        delay = np.where(random.random(len(frame)) < late_share, random.integers(0, 600, len(frame)), 0)
        frame["received"] = frame["at"] + pd.to_timedelta(delay, unit="s")
    frame.to_parquet(folder / "metrics.parquet")
    if labeled:
        pd.DataFrame({**keys, "broken": label.ravel()}).to_parquet(folder / "labels.parquet")
    pd.DataFrame({"box": [f"box-{number}" for number in range(devices)]}).to_parquet(
        folder / "static.parquet"
    )
    content = {
        "name": folder.name,
        "entity": ["box"],
        "time": "at",
        "metrics": {name: {"unit": "1"} for name in names},
        "label": "broken",
        "horizon": horizon,
        "windows": {"lengths": list(windows), "period": "10s", "operations": ["avg", "stddev", "max"]},
        "derived": {"ratios": [{"operation": "avg", "short": windows[0], "long": windows[-1]}]},
    }
    if late_share:
        content["arrival"] = "received"
    if not labeled:
        del content["label"]
        content["derived"] = {"relative": {"operations": ["avg", "stddev"], "windows": list(windows)}}
    schema = folder / "schema.yaml"
    schema.write_text(yaml.safe_dump(content, sort_keys=False))
    return schema


def write_routers(folder: Path, devices: int = 6, ticks: int = 1200) -> None:
    """Write the telemetry that ``docs/telemetry.md`` describes; traffic falls in an error.

    One row is of a device that nobody knows, and one rate is out of its range.
    """
    random = np.random.default_rng(0)
    label = np.zeros((ticks, devices), dtype=np.int64)
    for device in range(devices):
        for first in range(60 + 15 * device, ticks, 150):
            label[first : first + 12, device] = 1
    times = START + pd.to_timedelta(np.repeat(np.arange(ticks) * 10, devices), unit="s")
    keys = {"device": np.tile([f"router-{number}" for number in range(devices)], ticks), "timestamp": times}
    rates = {
        name: (random.normal(900.0, 60.0, label.size) - 400.0 * label.ravel()).clip(0.0)
        for name in ("in_rate_mbps", "out_rate_mbps")
    }
    metrics = pd.DataFrame({**keys, **rates, "received": times + pd.Timedelta(seconds=2)})
    metrics.loc[100, "in_rate_mbps"] = -1.0
    stranger = metrics.tail(1).assign(device="router-x")
    folder.mkdir(parents=True)
    pd.concat([metrics, stranger]).to_csv(folder / "metrics.csv", index=False)
    pd.DataFrame({**keys, "is_error": label.ravel()}).to_csv(folder / "labels.csv", index=False)
    names = [f"router-{number}" for number in range(devices)]
    roles = ["core", "edge"] * (devices // 2)
    pd.DataFrame({"device": names, "role": roles, "in_service": True}).to_csv(
        folder / "static.csv", index=False
    )
