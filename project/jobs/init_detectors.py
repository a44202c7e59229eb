"""Workflow step: warms drift detectors up on the base data set and attaches them to the live endpoint."""

from __future__ import annotations

import json

import httpx
import mlrun
import numpy as np
import pandas as pd

from drift.fit_recalibration import fit_recalibration
from drift.performance import performance
from drift.performance_watch import BasePerformance
from drift.reference_rows import in_arrival_order
from drift.warm_up import DetectorSettings, warmed_monitor
from feature_sets.model_package.columns import PREDICTION, PROBABILITY
from feature_sets.telemetry.schema import DEVICE, TelemetrySchema
from project.endpoints import endpoint_address
from project.function_names import RUNNER
from project.http_json import get_json
from project.retraining_policy import OFF
from project.settings import Settings


def init_detectors(
    context: mlrun.MLClientCtx, test_set: mlrun.DataItem, function: str, schema: str = ""
) -> None:
    """MLRun job: detectors that know the model's usual error rate, logged and attached with their callback.

    Drift that is the verdict is told to the runner, unless the setting ``NETOPS_RETRAIN`` is ``off``.

    Where the endpoint serves the same model as before, its detectors stay: what they have seen of the live
    stream counts on. Results: ``kept`` (whether they stay), ``base_rows``, ``base_error_rate``,
    ``detectors``, ``verdict`` (which of them decide), ``promise`` (how seldom they alarm for nothing) and
    ``callback`` (who is told about drift).

    :param test_set: base data set with the label and ``prediction`` of rows the model was not trained on.
    :param function: name of the serving function whose labeled stream they watch.
    :param schema: path of the telemetry schema; empty for the simulated network's.
    """
    telemetry = TelemetrySchema.load(schema)
    label = telemetry.target
    base = in_arrival_order(test_set.as_df(), DEVICE, telemetry.time)
    # Errors come in episodes. Detectors that start anew in the middle of one, on few values, take its end
    # for the next drift; so after an alarm they wait for a thousand values, or the size of their base.
    settings = DetectorSettings(min_instances_after_drift=min(len(base), 1000))
    monitor = warmed_monitor(
        base[label].astype(int).tolist(), base[PREDICTION].astype(int).tolist(), settings=settings
    )
    state = monitor.to_dict()
    context.log_artifact(
        "detectors", body=json.dumps(state, indent=1), local_path="detectors.json", format="json"
    )
    address = endpoint_address(context.project, function)
    installation = Settings.from_environment()
    headers = installation.bearer()
    # Those of an earlier model were detached when this one was deployed.
    kept = get_json(f"{address}/drift")["attached"]
    if not kept:
        httpx.put(
            f"{address}/drift/detectors",
            json=state,
            headers=headers,
            timeout=30,
        ).raise_for_status()
    if PROBABILITY in base:
        # Also beside detectors that stay: a model from before has none.
        httpx.put(
            f"{address}/drift/performance",
            json=_performance(base, label).to_dict(),
            headers=headers,
            timeout=30,
        ).raise_for_status()
    callback = None if installation.retrain == OFF else f"{endpoint_address(context.project, RUNNER)}/drift"
    httpx.put(
        f"{address}/drift/callback", json={"url": callback}, headers=headers, timeout=30
    ).raise_for_status()
    context.log_result("callback", callback or "")
    context.log_result("kept", kept)
    context.log_result("base_rows", len(base))
    context.log_result("base_error_rate", float((base[label] != base[PREDICTION]).mean()))
    context.log_result("detectors", sorted(monitor.status()["detectors"]))
    context.log_result("verdict", monitor.status()["verdict"])
    context.log_result("promise", monitor.promise)


def _performance(base: pd.DataFrame, label: str) -> BasePerformance:
    """What the scores were on the base data, and what a probability meant there."""
    probability, labels = base[PROBABILITY].to_numpy(np.float64), base[label].to_numpy(np.int8)
    scores = performance(labels.astype(np.float64), probability, base[PREDICTION].to_numpy() == 1)
    return BasePerformance(scores, fit_recalibration(probability, labels))
