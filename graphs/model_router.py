"""Fourth step: the model that a request is for answers it."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import mlrun.serving
import numpy as np

from feature_sets.model_package.imputation import count_missing
from graphs.onnx_model import OnnxModel
from graphs.protocol.errors import ApiError
from graphs.protocol.inference_protocol import (
    inference_response,
    model_metadata,
    read_inputs,
    request_id,
    requested_outputs,
)
from graphs.protocol.records import Prediction
from graphs.protocol.request import Request
from graphs.protocol.routes import Kind, kinds_of, paths
from graphs.request_step import RequestStep
from graphs.state.serving_state import serving_state

SERVER_METADATA = {"name": "netops", "version": "2", "extensions": []}


class ModelRouter(mlrun.serving.ModelRouter, RequestStep):
    """MLRun's model router for our requests: telemetry goes to the champion, inference by name.

    Of the base class it keeps the routes. Its event handling is replaced, for it asks the MLRun API about
    model endpoints on the way and answers in another form.

    :param context: MLRun's graph context.
    :param name: name of the step.
    :param routes: the models, made by MLRun.
    :param kwargs: what MLRun adds.
    """

    kinds: ClassVar[frozenset[Kind]] = kinds_of("model_router")

    def __init__(self, context: Any, name: str, routes: Any = None, **kwargs: Any) -> None:
        super().__init__(context=context, name=name, routes=routes, **kwargs)
        state = serving_state(context)
        self._metrics = state.metrics
        self._champion = state.settings.model_name
        self._max_rows = state.settings.max_events

    def post_init(self, mode: str = "sync", **kwargs: Any) -> None:
        """All models are loaded; the champion must be among them."""
        if self._champion not in self.routes:
            raise ValueError(f"champion must be one of {list(self.routes.keys())}, got {self._champion!r}")

    def do_event(self, event: Any, *args: Any, **kwargs: Any) -> Any:
        """MLRun's entry point for routers."""
        self.do(event.body)
        return event

    def handle(self, request: Request) -> None:
        """Predict, or tell about the models."""
        if request.kind is Kind.TELEMETRY:
            self._predict(request)
        elif request.kind is Kind.INFER:
            request.reply(self._infer(request))
        elif request.kind is Kind.MODEL:
            request.reply(model_metadata(request.model, self._model(request).schema))
        elif request.kind is Kind.MODEL_READY:
            model = self._model(request)
            request.reply({"name": request.model, "ready": bool(model.ready)}, 200 if model.ready else 503)
        elif request.kind is Kind.MODELS:
            request.reply({"models": list(self.routes.keys())})
        elif request.kind is Kind.OVERVIEW:
            request.reply(self._overview())
        elif request.kind is Kind.SERVER:
            request.reply(SERVER_METADATA)
        elif request.kind is Kind.LIVE:
            request.reply({"live": True})
        else:
            ready = all(self._loaded(name).ready for name in self.routes.keys())  # noqa: SIM118 - MLRun's own dict
            request.reply({"ready": ready}, 200 if ready else 503)

    def _overview(self) -> dict[str, Any]:
        """What answers telemetry, and what there is to ask."""
        schema = self._loaded(self._champion).schema
        return {
            **SERVER_METADATA,
            "telemetry": schema.telemetry.name,
            "label": schema.telemetry.target,
            "model": self._champion,
            "model_version": schema.version,
            "threshold": schema.threshold,
            "paths": paths(),
        }

    def _loaded(self, name: str) -> OnnxModel:
        model: OnnxModel = self.routes[name].async_object
        return model

    def _model(self, request: Request) -> OnnxModel:
        if request.model not in self.routes:
            raise ApiError(404, "model", f"must be one of {', '.join(self.routes.keys())}", request.model)
        model = self._loaded(request.model)
        if request.version not in ("", model.version):
            raise ApiError(404, "version", f"must be {model.version}", request.version)
        return model

    def _predict(self, request: Request) -> None:
        model = self._loaded(self._champion)
        counted = [record for record in request.telemetry if record.features is not None]
        inputs = model.inputs([record.features for record in counted if record.features is not None])
        probability = model.probability(inputs)
        decided = model.decide(probability).tolist()
        missing = count_missing(inputs).tolist()
        for record, row, prediction, chance, absent in zip(
            counted, inputs, decided, probability.tolist(), missing, strict=True
        ):
            if not math.isnan(chance):
                record.prediction = Prediction(self._champion, model.version, row, prediction, chance, absent)
        silenced = [record.maintenance is not None for record in counted]
        self._count(model, [made for made, silent in zip(decided, silenced, strict=True) if not silent])
        for made, silent in zip(decided, silenced, strict=True):
            if silent:
                self._metrics.suppressed.labels(made).inc()

    def _infer(self, request: Request) -> dict[str, Any]:
        model = self._model(request)
        inputs = read_inputs(request.body, model.schema.input_names, self._max_rows)
        given_id, outputs = request_id(request.body), requested_outputs(request.body)
        probability = model.probability(inputs)
        if np.isnan(probability).any():
            row = int(np.argmax(np.isnan(probability)))
            raise ApiError(422, "inputs", "must lead to a number in every row", f"none in row {row}")
        decided = model.decide(probability)
        self._count(model, decided.tolist())
        return inference_response(request.model, model.version, decided, probability, given_id, outputs)

    def _count(self, model: OnnxModel, decided: list[int]) -> None:
        ones = sum(decided)
        for value, count in ((0, len(decided) - ones), (1, ones)):
            if count:
                self._metrics.predictions.labels(model.name, model.version, value).inc(count)
