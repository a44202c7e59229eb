"""Workflow step: sends test rows to the live endpoint and holds its answers against the offline ones."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import mlrun
import numpy as np
import pandas as pd

from feature_sets.model_package.columns import PREDICTION, PROBABILITY
from feature_sets.model_package.horizon_names import name_of_horizon
from feature_sets.model_package.tags import MODEL_KEY
from project.endpoints import endpoint_address
from project.errors import NetopsError
from project.function_names import MODEL
from project.offline_answers import answers_differ
from training.evaluation_log import PREDICTIONS_KEY

_BATCH = 200
_SINGLE_REQUESTS = 100


@dataclass(frozen=True)
class TesterResult:
    """How the endpoint did.

    :param rows: test rows that were sent.
    :param mismatches: rows whose prediction or probability differs from the offline one.
    :param errors: requests that were not answered with 200.
    :param p50_ms: median latency of a request with one row.
    :param p99_ms: its 99th percentile.
    """

    rows: int
    mismatches: int
    errors: int
    p50_ms: float
    p99_ms: float


def test_model_server(
    context: mlrun.MLClientCtx, test_set: mlrun.DataItem, function: str, rows: int = 2000
) -> None:
    """MLRun job: log ``rows``, ``mismatches``, ``errors`` and the latencies; fail on any mismatch or error.

    So it does for each further horizon with a model, on the test rows of its own evaluation; ``horizons`` has
    the rows of each, where there are any.

    :param test_set: ``served_set_preds`` of the evaluate step: model inputs, ``prediction``, ``probability``.
    :param function: name of the serving function.
    :param rows: test rows to send at most, evenly spread.
    """
    frame = test_set.as_df()
    address = endpoint_address(context.project, function)
    with httpx.Client(base_url=address, timeout=30.0) as client:
        result = check_endpoint(client, frame, rows)
        served = client.get("/").raise_for_status().json().get("horizons") or {}
        further = {horizon: version for horizon, version in list(served.items())[1:] if version}
        test_sets = {
            horizon: further_test_set(context.project, horizon, further[horizon]) for horizon in further
        }
        ahead = {
            horizon: check_endpoint(client, found, rows, name_of_horizon(MODEL, horizon))
            for horizon, found in test_sets.items()
            if found is not None
        }
    for key, value in vars(result).items():
        context.log_result(key, value)
    if ahead:
        context.log_result("horizons", {horizon: one.rows for horizon, one in ahead.items()})
    for name, one in {MODEL: result, **ahead}.items():
        if one.mismatches or one.errors:
            what = "the model" if name == MODEL else f"the model of horizon {name}"
            raise NetopsError(
                f"endpoint {address} must answer every test row as {what} does offline, "
                f"got {one.mismatches} mismatches and {one.errors} errors in {one.rows} rows; "
                "the model is not served, and what is in production stays"
            )


# pytest collects functions by this prefix; this one is a job.
test_model_server.__test__ = False  # type: ignore[attr-defined]


def further_test_set(project: str, horizon: str, version: str) -> pd.DataFrame | None:
    """Predictions of the test rows of a model of a further horizon; None where they are gone.

    :param version: of the model.
    """
    database = mlrun.get_run_db()
    names = [name_of_horizon("evaluate", horizon) + rest for rest in (f"_{MODEL_KEY}", f"_{PREDICTIONS_KEY}")]
    found = database.list_artifacts(name=names[0], project=project, labels=[f"version={version}"], tag="*")
    if not found:
        return None
    tree = mlrun.artifacts.dict_to_artifact(found[0]).tree
    beside = database.list_artifacts(name=names[1], project=project, tree=tree, tag="*")
    if not beside:
        return None
    rows: pd.DataFrame = mlrun.get_dataitem(mlrun.artifacts.dict_to_artifact(beside[0]).target_path).as_df()
    return rows


def check_endpoint(
    client: httpx.Client,
    frame: pd.DataFrame,
    rows: int,
    model: str = MODEL,
    clock: Callable[[], float] = time.perf_counter,
) -> TesterResult:
    """Send up to ``rows`` rows: the first hundred one by one for the latency, the rest in batches.

    :param frame: model inputs by name, ``prediction`` and ``probability``, shape (n, any).
    :param model: name of the model.
    """
    metadata = client.get(f"/v2/models/{model}").raise_for_status().json()
    names = [column["name"] for column in metadata["parameters"]["features"]]
    chosen = frame.iloc[np.unique(np.linspace(0, len(frame) - 1, min(rows, len(frame))).astype(int))]
    matrix = chosen[names].to_numpy(np.float32)
    probability = chosen[PROBABILITY].to_numpy(np.float64)
    prediction = chosen[PREDICTION].to_numpy(np.int64)

    mismatches = errors = 0
    seconds: list[float] = []
    singles = min(_SINGLE_REQUESTS, len(chosen))
    starts = [*range(singles), *range(singles, len(chosen), _BATCH)]
    for start, stop in zip(starts, [*starts[1:], len(chosen)], strict=True):
        started = clock()
        response = client.post(f"/v2/models/{model}/infer", json=_request(matrix[start:stop]))
        if start < singles:
            seconds.append(clock() - started)
        if response.status_code != httpx.codes.OK:
            errors += 1
            continue
        outputs = {output["name"]: np.asarray(output["data"]) for output in response.json()["outputs"]}
        different = answers_differ(outputs[PROBABILITY], probability[start:stop])
        different |= outputs[PREDICTION] != prediction[start:stop]
        mismatches += int(different.sum())
    return TesterResult(
        rows=len(chosen),
        mismatches=mismatches,
        errors=errors,
        p50_ms=round(1000 * float(np.percentile(seconds, 50)), 2),
        p99_ms=round(1000 * float(np.percentile(seconds, 99)), 2),
    )


def _request(matrix: np.ndarray[Any, np.dtype[np.float32]]) -> dict[str, Any]:
    data = [float(value) if value == value else None for value in matrix.ravel()]
    return {"inputs": [{"name": "input", "shape": list(matrix.shape), "datatype": "FP32", "data": data}]}
