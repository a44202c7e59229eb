"""Folders in the shapes that people have, all of the same readings: 4 devices, 40 minutes, two metrics.

A new shape is one more function in ``SHAPES``; it writes its files into a folder that exists.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

DEVICES = ("osl-r1", "osl-r2", "ber-r1", "ber-r2")
MINUTES = 40
READINGS = len(DEVICES) * MINUTES
COUNTERS = {"in_octets": 2**40, "packets": 10**9}
COUNTED = ("ifHCInOctets", "ifInErrors", "sysUpTime")


def readings() -> pd.DataFrame:
    random = np.random.default_rng(7)
    times = pd.date_range("2024-05-01", periods=MINUTES, freq="1min", tz="UTC").as_unit("s")
    keys = pd.DataFrame({"device": np.tile(DEVICES, MINUTES), "at": times.repeat(len(DEVICES))})
    cpu = random.normal(50, 10, READINGS).round(3)
    return keys.assign(cpu=cpu, octets=random.integers(0, 10**9, READINGS) + 0.5)


def labels() -> pd.DataFrame:
    return readings()[["device", "at"]].assign(is_error=np.arange(READINGS) // 7 % 2)


def save_labels(folder: Path, **rename: str) -> None:
    labels().rename(columns=rename).to_csv(folder / "labels.csv", index=False)


def save_static(folder: Path) -> None:
    static = pd.DataFrame({"device": DEVICES, "role": ["edge", "core"] * 2})
    static.to_csv(folder / "static.csv", index=False)


def long(folder: Path) -> None:
    readings().melt(["device", "at"], var_name="metric").to_csv(folder / "metrics.csv", index=False)
    save_labels(folder)
    save_static(folder)


def one_file_a_device(folder: Path) -> None:
    (folder / "metrics").mkdir()
    for device, rows in readings().groupby("device"):
        rows.drop(columns="device").to_csv(folder / "metrics" / f"{device}.csv", index=False)
    save_labels(folder)


def packed(folder: Path) -> None:
    readings().to_csv(folder / "metrics.csv.gz", index=False)
    labels().to_csv(folder / "labels.csv.gz", index=False)


def semicolons(folder: Path) -> None:
    readings().to_csv(folder / "metrics.csv", index=False, sep=";", decimal=",")
    labels().to_csv(folder / "labels.csv", index=False, sep=";")


def odd_names(folder: Path) -> None:
    names = {"cpu": "cpu.load %", "octets": "if/in octets", "device": "host name"}
    readings().rename(columns=names).to_csv(folder / "metrics.csv", index=False)
    save_labels(folder, device="host name")


def named_zone(folder: Path) -> None:
    for name, frame in (("metrics", readings()), ("labels", labels())):
        local = frame["at"].dt.tz_convert("Europe/Oslo").dt.tz_localize(None)
        frame.assign(at=local).to_csv(folder / f"{name}.csv", index=False)


def no_static(folder: Path) -> None:
    readings().to_parquet(folder / "readings.parquet", index=False)
    labels().to_parquet(folder / "labels.parquet", index=False)


def hive(folder: Path) -> None:
    for name, frame in (("metrics", readings()), ("labels", labels())):
        for (site, hour), rows in frame.groupby([frame["device"].str[:3], frame["at"].dt.minute // 20]):
            path = folder / name / f"site={site}" / f"part={hour}"
            path.mkdir(parents=True)
            rows.assign(device=rows["device"].str[4:]).to_parquet(path / "0.parquet", index=False)


def prometheus(folder: Path) -> None:
    (folder / "metrics").mkdir()
    for metric in ("cpu", "octets"):
        series = [
            {
                "metric": {"__name__": f"node_{metric}", "instance": device, "job": "snmp"},
                "values": [
                    [at.timestamp(), repr(value)]
                    for at, value in zip(rows["at"], rows[metric].tolist(), strict=True)
                ],
            }
            for device, rows in readings().groupby("device")
        ]
        answer = {"status": "success", "data": {"resultType": "matrix", "result": series}}
        (folder / "metrics" / f"{metric}.json").write_text(json.dumps(answer))
    save_labels(folder, device="instance", at="timestamp")


def gnmic(folder: Path) -> None:
    lines = [
        {
            "name": "sub",
            "timestamp": at.value,
            "tags": {"source": device, "subscription-name": "sub"},
            "values": {"/system/cpu/load": cpu, "/if/in-octets": octets, "/if/oper-status": "UP"},
        }
        for device, at, cpu, octets in readings().itertuples(index=False, name=None)
    ]
    (folder / "metrics.jsonl").write_text("\n".join(json.dumps([line]) for line in lines))
    save_labels(folder, device="source", at="timestamp")


def telegraf(folder: Path) -> None:
    lines = [
        {"name": "snmp", "timestamp": int(at.timestamp()), "tags": {"agent_host": device}, "fields": fields}
        for device, at, cpu, octets in readings().itertuples(index=False, name=None)
        for fields in ({"cpu": cpu}, {"in_octets": octets, "status": "up"})
    ]
    (folder / "metrics.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    save_labels(folder, device="agent_host", at="timestamp")


def counters(folder: Path) -> None:
    frame = readings()[["device", "at"]]
    steps = np.arange(READINGS) // len(DEVICES)
    rising: dict[str, Any] = {name: first + 1000 * steps for name, first in COUNTERS.items()}
    frame.assign(**rising).to_parquet(folder / "metrics.parquet", index=False)
    save_labels(folder)


def counter_rows() -> pd.DataFrame:
    """A large counter, a slow one, and an uptime in hundredths of a second."""
    steps = np.arange(READINGS) // len(DEVICES)
    octets = (2**63 + 1000 * steps.astype(np.uint64)).astype(object)
    slow = (steps // 9).astype(object)
    return readings()[["device", "at"]].assign(
        ifHCInOctets=octets, ifInErrors=slow, sysUpTime=(6000 * steps + 500).astype(object)
    )


def counters_in_rows(folder: Path) -> None:
    counter_rows().melt(["device", "at"], var_name="metric").to_csv(folder / "metrics.csv", index=False)
    save_labels(folder)


def counters_of_telegraf(folder: Path) -> None:
    lines = [
        {
            "name": "interface",
            "timestamp": int(row["at"].timestamp()),
            "tags": {"agent_host": row["device"]},
            "fields": {name: int(row[name]) for name in COUNTED},
        }
        for row in counter_rows().to_dict("records")
    ]
    (folder / "metrics.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    save_labels(folder, device="agent_host", at="timestamp")


def positives(folder: Path) -> None:
    readings().to_csv(folder / "metrics.csv", index=False)
    labels().query("is_error == 1").to_csv(folder / "labels.csv", index=False)


def incidents(folder: Path) -> None:
    readings().to_csv(folder / "metrics.csv", index=False)
    start = readings()["at"][::20].reset_index(drop=True)
    rows = {"device": np.tile(DEVICES, 2), "start": start, "end": start + pd.Timedelta("5min")}
    pd.DataFrame(rows).assign(kind="link").to_csv(folder / "incidents.csv", index=False)


Shape = Callable[[Path], None]
SHAPES: tuple[Shape, ...] = (
    *(long, one_file_a_device, packed, semicolons, odd_names, named_zone, no_static, hive),
    *(prometheus, gnmic, telegraf, counters, positives, incidents),
    *(counters_in_rows, counters_of_telegraf),
)
