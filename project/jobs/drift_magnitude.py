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
from drift.reference_rows import reference_rows
from feature_sets.model_package.columns import PREDICTION, PROBABILITY, VERSION
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from project.endpoints import endpoint_address
from project.errors import NetopsError
from project.function_names import MODEL


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
    rows = reference_rows(base, batch, DEVICE, telemetry.time, telemetry.longest_window_seconds)
    result = drift_magnitude(
        rows.base,
        rows.batch,
        features=features,
        prediction=PREDICTION,
        label=label,
        block_rows=rows.block_rows,
        max_rows=rows.max_rows,
    )
    document = result.to_dict()
    context.log_artifact(
        "drift_magnitude",
        body=json.dumps(document, indent=1),
        local_path="drift_magnitude.json",
        format="json",
    )
    context.log_result("base_rows", len(base))
    context.log_result("base_rows_same_hours", len(rows.base))
    context.log_result("batch_rows", len(batch))
    context.log_result("drifted", document["drifted"])
    context.log_result("verdict", document["reason"])


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
    :raises NetopsError: if there are none.
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
            raise NetopsError(
                f"labeled batches in {folder} must hold rows of model version {version} "
                f"within {timeout_seconds:g} s, got none"
            )
        sleep(0.5)
