"""The wiring of the serving graph."""

from __future__ import annotations

import dataclasses
import uuid
from typing import Any

from mlrun.common.schemas import ModelEndpointCreationStrategy
from nuclio.triggers import HttpTrigger  # type: ignore[import-untyped]

from graphs.initializer import INITIALIZER, SETTINGS
from graphs.state.settings import ServingSettings


def build_serving_graph(function: Any, **settings: Any) -> Any:
    """Set the topology of an MLRun serving function; deployed unchanged on a laptop and on Nuclio.

    The memory (windows, ledger, detectors) lives in the process, so the function runs as one replica with
    one worker.

    :param function: of kind ``serving``.
    :param settings: see ``ServingSettings``; ``model_path`` is required.
    :returns: the graph.
    :raises InputError: naming the first setting that breaks a rule.
    """
    checked = ServingSettings(**settings)
    if not checked.journal_key:
        key = journal_key(function.metadata.project or "default", function.metadata.name)
        checked = dataclasses.replace(checked, journal_key=key)
    if not checked.deployment:
        checked = dataclasses.replace(checked, deployment=uuid.uuid4().hex[:12])
    function.spec.parameters[SETTINGS] = checked.to_dict()
    function.spec.graph_initializer = INITIALIZER
    # Not with_http: it warns about a setting that is not set.
    function.add_trigger("http", HttpTrigger(workers=1))
    function.spec.min_replicas = function.spec.max_replicas = 1

    graph = function.set_topology("flow", engine="sync", exist_ok=True)
    step = graph.to("graphs.ingress.Ingress", "ingress")
    step = step.to("graphs.journal_step.JournalStep", "journal")
    step = step.to("graphs.preprocess.Preprocess", "preprocess")
    step = step.to("graphs.device_states.DeviceStates", "device_states")
    step = router = step.to("*graphs.model_router.ModelRouter", "model_router")
    router.add_route(
        checked.model_name,
        class_name="graphs.onnx_model.OnnxModel",
        creation_strategy=ModelEndpointCreationStrategy.SKIP,
    )
    step = step.to("graphs.labeled_join.LabeledJoin", "labeled_join")
    step = step.to("graphs.detect_drift.DetectDrift", "detect_drift")
    step.to("graphs.respond.Respond", "respond").respond()
    graph.error_handler("error_handler", "graphs.respond.ErrorHandler")
    return graph


def journal_key(project: str, function: str) -> str:
    """Prefix of the keys of a function's journal."""
    return f"netops:{project}:{function}"
