"""The serving graph: its steps in order, and their error step. Wiring only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlrun.common.schemas import ModelEndpointCreationStrategy
from nuclio.triggers import HttpTrigger  # type: ignore[import-untyped]

INITIALIZER = "graphs.raw_body.leave_bodies_alone"
STATEFUL_STEPS = ("preprocess", "model_router", "labeled_join", "detect_drift")
"""Steps that the journal is replayed through."""


def build_serving_graph(
    function: Any,
    *,
    model_path: str,
    model_name: str = "model",
    devices: str | Mapping[str, Mapping[str, float]] | None = None,
    history: str | None = None,
    redis_url: str | None = None,
    journal_key: str = "",
    journal_max_events: int = 100_000,
    labeled_directory: str | None = None,
    label_deadline_seconds: float = 3600.0,
    ledger_max_size: int = 200_000,
    batch_rows: int = 1000,
    batch_seconds: float = 5.0,
    max_events: int = 10_000,
    max_body_bytes: int = 8_000_000,
    token_secret: str | None = None,
    callback_url: str | None = None,
    callback_body: Mapping[str, Any] | None = None,
) -> Any:
    """Set the topology of an MLRun serving function; deployed unchanged on a laptop and on Nuclio.

    The state (windows, ledger, detectors) lives in the process, so the function runs as one replica with one
    worker.

    :param function: of kind ``serving``.
    :param model_path: address of the model package: ``store://models/...`` or a directory.
    :param model_name: name in paths and answers.
    :param devices: ``store://feature-sets/...`` address of the static feature set, or the features by device;
        None accepts every device and knows no static features.
    :param history: ``store://feature-sets/...`` address of the ingested readings; the windows of a device
        start from those just before its first live event. None starts them empty.
    :param redis_url: where the journal and the detectors' state are kept; None keeps none, and a restart
        starts empty: what the longest window and the label deadline cover is lost.
    :param journal_key: prefix of the keys; empty makes it from the names of project and function.
    :param journal_max_events: accepted events that the journal keeps at least; it must cover the longest
        window and the label deadline, for all devices.
    :param labeled_directory: where Parquet batches of labeled pairs go; None writes none.
    :param label_deadline_seconds: how much later than its event, in event time, a label may come.
    :param ledger_max_size: predictions and labels remembered at most.
    :param batch_rows: pairs in a batch.
    :param batch_seconds: longest time that a pair waits for its batch.
    :param max_events: longest list in one request, and most rows of an inference request.
    :param max_body_bytes: largest request body.
    :param token_secret: name of the MLRun secret or variable that holds the token of the drift routes and of
        the callback; None leaves the routes open.
    :param callback_url: told about every drift found; None tells nobody.
    :param callback_body: what the callback's body holds beside ``event``.
    :returns: the graph.
    """
    key = journal_key or f"netops:{function.metadata.project or 'default'}:{function.metadata.name}"
    graph = function.set_topology("flow", engine="sync", exist_ok=True)
    function.spec.graph_initializer = INITIALIZER
    # Not with_http: it warns about a setting that is not set.
    function.add_trigger("http", HttpTrigger(workers=1))
    function.spec.min_replicas = function.spec.max_replicas = 1

    step = graph.to(
        "graphs.ingress.Ingress",
        "ingress",
        model_path=model_path,
        devices=devices,
        max_events=max_events,
        max_body_bytes=max_body_bytes,
        token_secret=token_secret,
    )
    step = step.to(
        "graphs.journal_step.JournalStep",
        "journal",
        model_path=model_path,
        redis_url=redis_url,
        key=key,
        max_events=journal_max_events,
        replay_steps=list(STATEFUL_STEPS),
    )
    step = step.to("graphs.preprocess.Preprocess", "preprocess", model_path=model_path, history=history)
    step = router = step.to(
        "*graphs.model_router.ModelRouter", "model_router", champion=model_name, max_rows=max_events
    )
    router.add_route(
        model_name,
        class_name="graphs.onnx_model.OnnxModel",
        model_path=model_path,
        creation_strategy=ModelEndpointCreationStrategy.SKIP,
    )
    step = step.to(
        "graphs.labeled_join.LabeledJoin",
        "labeled_join",
        model_path=model_path,
        directory=labeled_directory,
        label_deadline_seconds=label_deadline_seconds,
        max_size=ledger_max_size,
        batch_rows=batch_rows,
        batch_seconds=batch_seconds,
    )
    step = step.to(
        "graphs.detect_drift.DetectDrift",
        "detect_drift",
        model_path=model_path,
        callback_url=callback_url,
        callback_body=callback_body,
        token_secret=token_secret if callback_url else None,
    )
    step.to(
        "graphs.answer.Answer", "answer", model_path=model_path, replay_steps=list(STATEFUL_STEPS)
    ).respond()
    graph.error_handler("failure", "graphs.answer.Failure")
    return graph
