"""What the benchmarks of the feature store run on: a project on servers of their own, and telemetry."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlrun.utils
import numpy as np
import pandas as pd

from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from project.local.stack import Stack
from tests.conftest import SOURCE_ROOT
from tests.mlrun_connection import new_project

SCHEMA = TelemetrySchema.load()
"""Four metrics × avg, stddev, min, max × 1 m, 5 m, in steps of 10 s."""


class JobContext:
    """Takes what a job logs."""

    def __init__(self) -> None:
        self.results: dict[str, Any] = {}

    def log_result(self, key: str, value: Any) -> None:
        """Keep it."""
        self.results[key] = value

    def log_results(self, results: dict[str, Any]) -> None:
        """Keep them."""
        self.results.update(results)

    def log_artifact(self, key: str, **kwargs: Any) -> None:
        """Leave it."""


@contextmanager
def local_project() -> Iterator[str]:
    """Name of an empty project on a control plane and a Valkey in a temporary folder."""
    mlrun.utils.logger.set_logger_level("ERROR")
    logging.getLogger("mlrun").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as home:
        stack = Stack(Path(home), SOURCE_ROOT)
        try:
            with new_project(stack.up().mlrun_dbpath) as name:
                yield name
        finally:
            stack.stop()


def steady_telemetry(events: int, devices: int, end: pd.Timestamp, seed: int = 1) -> pd.DataFrame:
    """Rows in event order: every device reports each ten seconds, at an instant of its own.

    :param events: number of rows, a multiple of ``devices``.
    :param end: no event is later; the last of each device is less than ten seconds earlier.
    """
    generator = np.random.default_rng(seed)
    ticks = events // devices
    ages = np.arange(ticks)[::-1].repeat(devices) * 10_000 + np.tile(np.arange(devices)[::-1] % 9000, ticks)
    names = np.array([f"region-{at % 4}/dev-{at:05d}" for at in range(devices)], dtype=object)
    readings = {
        metric: generator.gamma(4.0, 10.0, ticks * devices).round(2) for metric in SCHEMA.metric_names
    }
    times = (end - pd.to_timedelta(ages, unit="ms")).as_unit("us")
    frame = pd.DataFrame({DEVICE: np.tile(names, ticks), SCHEMA.time: times, **readings})
    return frame.sort_values(SCHEMA.time, kind="stable", ignore_index=True)
