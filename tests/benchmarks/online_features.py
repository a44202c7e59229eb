"""How fast the newest features of devices are read, beside MLRun's online service and a bare ``HGETALL``.

``python -m tests.benchmarks.online_features`` prints one JSON line a number of devices in a request. The
requests of the three take turns. ``hgetall`` reads hashes that hold nothing but the same 32 features, by
redis-py on one connection, in a pipeline for several devices, and leaves them as bytes.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import mlrun
import numpy as np
import pandas as pd
import redis
import storey.dtypes

from feature_sets.device_metrics import device_metrics
from feature_sets.feature_vector import selected_features
from feature_sets.ingestion.vectorized_ingest import ingest_vectorized
from feature_sets.online_store.features import OnlineFeatures
from feature_sets.telemetry.schema import DEVICE
from tests.benchmarks.local_project import SCHEMA, local_project, steady_telemetry

SIZES = (1, 10, 100)
DEVICES = 1000
READINGS = 40
REQUESTS = 10_000
MLRUN_REQUESTS = 300


def fill(devices: int) -> tuple[list[str], pd.Timestamp]:
    """Ingest the last minutes of devices; gives their keys, and an instant in their last period."""
    now = pd.Timestamp.now("UTC").floor("10s")
    frame = steady_telemetry(devices * READINGS, devices, now + pd.Timedelta("9.999s"))
    ingest_vectorized(device_metrics(SCHEMA), frame)
    return sorted(frame[DEVICE].unique()), now + pd.Timedelta("9.999s")


def measure(
    devices: list[str],
    now: pd.Timestamp,
    batch: int,
    requests: int = REQUESTS,
    mlrun_requests: int = MLRUN_REQUESTS,
) -> dict[str, Any]:
    """Times of requests for some devices, and whether ours and MLRun's agree.

    :param devices: all keys; each request asks for the next ones.
    :param now: see ``fill``.
    """
    vector = selected_features(SCHEMA, list(SCHEMA.window_features))
    batches = [devices[at : at + batch] for at in range(0, len(devices) - batch + 1, batch)]
    with (
        OnlineFeatures(vector) as online,
        vector.get_online_feature_service() as service,
        redis.Redis.from_url(mlrun.mlconf.redis.url) as client,
    ):
        for device, row in zip(devices, online.get(devices), strict=True):
            client.hset(f"bare:{device}", mapping={name: repr(value) for name, value in row.features.items()})

        def bare(asked: list[str]) -> Any:
            if len(asked) == 1:
                return client.hgetall(f"bare:{asked[0]}")
            pipeline = client.pipeline(transaction=False)
            for device in asked:
                pipeline.hgetall(f"bare:{device}")
            return pipeline.execute()

        def mlruns(asked: list[str]) -> Any:
            return service.get([{DEVICE: device} for device in asked])

        equal = _agree(online, mlruns, batches[0], now)
        share = max(1, requests // mlrun_requests)
        took: dict[str, list[float]] = {"ours": [], "hgetall": [], "mlrun": []}
        for at in range(requests):
            asked = batches[at % len(batches)]
            _time(online.get, asked, took["ours"])
            _time(bare, asked, took["hgetall"])
            if at % share == 0:
                _time(mlruns, asked, took["mlrun"])
    figures: dict[str, float] = {}
    for name, seconds in took.items():
        for percentile in (50, 99):
            figures[f"{name}_p{percentile}_ms"] = round(float(np.percentile(seconds, percentile)) * 1000, 4)
    for percentile in (50, 99):
        ours = figures[f"ours_p{percentile}_ms"]
        figures[f"ratio_mlrun_p{percentile}"] = round(figures[f"mlrun_p{percentile}_ms"] / ours, 1)
        figures[f"part_of_hgetall_p{percentile}"] = round(ours / figures[f"hgetall_p{percentile}_ms"], 2)
    return {
        "benchmark": "online_features",
        "devices": batch,
        "devices_stored": len(devices),
        "features": len(SCHEMA.window_features),
        "requests": requests,
        "mlrun_requests": len(took["mlrun"]),
        "cpus": os.cpu_count(),
        **figures,
        "equal": equal,
    }


def _time(ask: Callable[[list[str]], Any], asked: list[str], into: list[float]) -> None:
    began = time.perf_counter()
    ask(asked)
    into.append(time.perf_counter() - began)


def _agree(
    online: OnlineFeatures, mlruns: Callable[[list[str]], Any], asked: list[str], now: pd.Timestamp
) -> bool:
    """Whether the values are the same but for rounding, with MLRun's clock stopped in the last period."""

    class Stopped(storey.dtypes.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return now.to_pydatetime()

    with patch.object(storey.dtypes, "datetime", Stopped):
        theirs = mlruns(asked)
    return all(
        np.allclose(
            list(row.features.values()), [other[name] for name in row.features], 1e-6, 1e-6, equal_nan=True
        )
        for row, other in zip(online.get(asked), theirs, strict=True)
    )


def main() -> None:
    """Print one JSON line a number of devices."""
    with local_project():
        devices, now = fill(DEVICES)
        for batch in SIZES:
            # MLRun takes ten milliseconds a device.
            line = measure(devices, now, batch, REQUESTS // batch, max(MLRUN_REQUESTS // batch, 10))
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
