"""Workflow step: how far the freshly labeled stream has moved away from the base data set."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import mlrun
import pandas as pd

from drift.magnitude import drift_magnitude
from feature_sets.model_package.columns import PREDICTION, PROBABILITY, VERSION
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from project.endpoints import endpoint_address
from project.function_names import MODEL

_MAX_ROWS = 20_000
"""Rows of each side that are compared at most, unless ten blocks need more."""


class NoBatchesError(RuntimeError):
    """The labeled stream has written nothing that could be measured."""


def measure_drift_magnitude(
    context: mlrun.MLClientCtx,
    test_set: mlrun.DataItem,
    function: str,
    schema: str = "",
    min_rows: int = 1000,
    timeout_seconds: float = 60,
) -> None:
    """MLRun job: total variation, Hellinger and Kullback-Leibler of features, predictions and labels.

    Results: ``base_rows``, ``base_rows_same_hours`` (those that the batch is compared with), ``batch_rows``,
    ``drifted``, ``verdict``.

    :param test_set: base data set, rows the model was not trained on.
    :param function: name of the serving function whose labeled batches are measured.
    :param schema: path of the telemetry schema; empty for the simulated network's.
    :param min_rows: labeled rows to wait for; with fewer in time, what there is is measured.
    :param timeout_seconds: wall time to wait for them.
    """
    base = test_set.as_df()
    telemetry = TelemetrySchema.load(schema)
    label = telemetry.target
    address = endpoint_address(context.project, function)
    served = httpx.get(f"{address}/v2/models/{MODEL}", timeout=30).raise_for_status().json()["versions"][-1]
    folder = Path(httpx.get(f"{address}/labeled", timeout=30).raise_for_status().json()["directory"])
    batch = wait_for_rows(folder, served, min_rows, timeout_seconds)
    known = {label, PREDICTION, PROBABILITY}
    features = [column for column in base.columns if column in batch.columns and column not in known]
    features = [column for column in features if pd.api.types.is_numeric_dtype(base[column])]
    block_rows = rows_in_window(base, telemetry.time, telemetry.longest_window_seconds)
    comparable = at_the_same_hours(base, batch, telemetry.time)
    result = drift_magnitude(
        in_device_order(comparable, telemetry.time),
        in_device_order(batch, telemetry.time),
        features=features,
        prediction=PREDICTION,
        label=label,
        block_rows=block_rows,
        max_rows=max(_MAX_ROWS, 10 * block_rows),
    )
    document = result.to_dict()
    context.log_artifact(
        "drift_magnitude",
        body=json.dumps(document, indent=1),
        local_path="drift_magnitude.json",
        format="json",
    )
    context.log_result("base_rows", len(base))
    context.log_result("base_rows_same_hours", len(comparable))
    context.log_result("batch_rows", len(batch))
    context.log_result("drifted", document["drifted"])
    context.log_result("verdict", document["reason"])


def at_the_same_hours(base: pd.DataFrame, batch: pd.DataFrame, time: str) -> pd.DataFrame:
    """Base rows of the hours of the day that the batch lies in; all rows of a base shorter than a day.

    Load has a daily cycle: an evening differs from whole days without any drift.

    :param time: column of event times, with a zone.
    """
    if base[time].max() - base[time].min() < pd.Timedelta(days=1):
        return base
    hours = batch[time].dt.tz_convert("UTC").dt.hour.unique()
    same: pd.DataFrame = base[base[time].dt.tz_convert("UTC").dt.hour.isin(hours)]
    return same


def in_device_order(frame: pd.DataFrame, time: str) -> pd.DataFrame:
    """Rows of one device after those of another, each in event order."""
    return frame.sort_values([DEVICE, time], kind="stable", ignore_index=True)


def rows_in_window(frame: pd.DataFrame, time: str, window_seconds: float) -> int:
    """How many rows of one device share readings through the longest window, at least 1.

    Such rows are not independent; chance is estimated from blocks of them.
    """
    gaps = frame.sort_values([DEVICE, time]).groupby(DEVICE)[time].diff().dt.total_seconds().dropna()
    return max(1, round(window_seconds / float(gaps.median()))) if len(gaps) else 1


def wait_for_rows(
    folder: Path,
    version: str,
    min_rows: int,
    timeout_seconds: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> pd.DataFrame:
    """Rows that one model version predicted, of all batches in order, as soon as there are ``min_rows``.

    With fewer at the end of the time, those there are.

    :param folder: Parquet batches of the labeled stream; what earlier versions predicted lies there too.
    :raises NoBatchesError: if there are none.
    """
    deadline = clock() + timeout_seconds
    while True:
        files = sorted(folder.glob("*.parquet"))
        frames = [pd.read_parquet(file, filters=[(VERSION, "==", version)]) for file in files]
        rows = sum(len(frame) for frame in frames)
        late = clock() >= deadline
        if rows >= min_rows or (rows and late):
            return pd.concat(frames, ignore_index=True)
        if late:
            raise NoBatchesError(
                f"labeled batches in {folder} must hold rows of model version {version} "
                f"within {timeout_seconds:g} s, got none"
            )
        sleep(0.5)
