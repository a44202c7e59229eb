"""Workflow step: warms drift detectors up on the base data set and attaches them to the live endpoint."""

from __future__ import annotations

import json

import mlrun

from drift.detector_choice import DetectorChoice
from feature_sets.devices import NAME as DEVICES
from feature_sets.telemetry.schema import TelemetrySchema
from project.attached_detectors import attach_detectors
from project.drift_base import base_of_served
from project.endpoints import endpoint_address
from project.function_names import RUNNER
from project.settings import Settings


def init_detectors(
    context: mlrun.MLClientCtx,
    test_set: mlrun.DataItem,
    function: str,
    schema: str = "",
    detectors: str = "",
) -> None:
    """MLRun job: detectors that know the model's usual error rate, logged and attached with their callback.

    Drift that is the verdict is told to the runner. It starts a training, unless the setting
    ``NETOPS_RETRAIN`` is ``off``, and tells MLRun's alerts.

    Where the endpoint serves the same model as before, its detectors stay, unless others are chosen: what
    they have seen of the live stream counts on. Results: ``kept`` (whether they stay), ``base_rows``,
    ``base_error_rate``, ``detectors``, ``verdict`` (which of them decide), ``promise`` (how seldom they
    alarm for nothing), ``groups`` (of devices, watched by themselves), ``missed_incidents`` (what is known
    of the incidents that the model catches), ``callback`` (who is told about drift)
    and ``base_instead`` (why the base is none of the evaluation of the model that is served; empty if it
    is).

    :param test_set: rows that this run has evaluated on, with the label and ``prediction``; the base of a
        model whose own evaluation is gone.
    :param function: name of the serving function whose labeled stream they watch.
    :param schema: path of the telemetry schema; empty for the simulated network's.
    :param detectors: which, and whose finding counts, see ``DetectorChoice``; empty for the default.
    """
    settings = Settings.from_environment()
    callback = f"{endpoint_address(context.project, RUNNER)}/drift"
    address = endpoint_address(context.project, function)
    base = base_of_served(context.project, address, test_set)
    context.log_result("base_instead", base.instead)
    attached = attach_detectors(
        base.rows,
        TelemetrySchema.load(schema),
        address,
        callback,
        settings,
        DetectorChoice.parse(detectors),
        f"store://feature-sets/{context.project}/{DEVICES}",
    )
    state = attached.monitor.to_dict()
    context.log_artifact(
        "detectors", body=json.dumps(state, indent=1), local_path="detectors.json", format="json"
    )
    for name, value in attached.results().items():
        context.log_result(name, value)
