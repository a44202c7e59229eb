"""Fourth step: the model that a request is for answers it."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import mlrun.serving
import numpy as np

from feature_sets.model_package.imputation import count_missing
from graphs.horizon_models import horizon_models, predict_ahead
from graphs.onnx_model import OnnxModel
from graphs.protocol.errors import ApiError
from graphs.protocol.inference_protocol import inference_response, model_metadata, read_inputs, request_id
from graphs.protocol.records import Ahead, Prediction, TelemetryRecord
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
        self._horizons = state.schema.horizons
        self._further: dict[str, OnnxModel] = {}

    def post_init(self, mode: str = "sync", **kwargs: Any) -> None:
        """All models are loaded; the champion must be among them."""
        if self._champion not in self.routes:
            raise ValueError(f"champion must be one of {list(self.routes.keys())}, got {self._champion!r}")
        self._further = horizon_models(self.context)

    @property
    def _names(self) -> list[str]:
        """Of all models, those of further horizons last."""
        return [*self.routes.keys(), *(model.name for model in self._further.values())]

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
            request.reply({"models": self._names})
        elif request.kind is Kind.OVERVIEW:
            request.reply(self._overview())
        elif request.kind is Kind.SERVER:
            request.reply(SERVER_METADATA)
        elif request.kind is Kind.LIVE:
            request.reply({"live": True})
        else:
            ready = all(self._loaded(name).ready for name in self._names)
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
            **self._versions(schema.version),
            "paths": paths(),
        }

    def _versions(self, primary: str) -> dict[str, Any]:
        """Version of the model of each horizon, None without one; nothing where there is one horizon."""
        if len(self._horizons) == 1:
            return {}
        found = {horizon: model.version for horizon, model in self._further.items()}
        return {"horizons": {self._horizons[0]: primary, **{h: found.get(h) for h in self._horizons[1:]}}}

    def _loaded(self, name: str) -> OnnxModel:
        for further in self._further.values():
            if further.name == name:
                return further
        model: OnnxModel = self.routes[name].async_object
        return model

    def _model(self, request: Request) -> OnnxModel:
        if request.model not in self._names:
            raise ApiError(404, "model", f"must be one of {', '.join(self._names)}", request.model)
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
        ahead = predict_ahead(self._further, counted)
        for record, row, prediction, chance, absent, further in zip(
            counted, inputs, decided, probability.tolist(), missing, ahead, strict=True
        ):
            if not math.isnan(chance):
                made = Prediction(self._champion, model.version, row, prediction, chance, absent, further)
                record.prediction = made
        silenced = [record.maintenance is not None for record in counted]
        for horizon, one in self._further.items():
            said = [
                said.prediction for record in counted for said in _said(record) if said.horizon == horizon
            ]
            self._count(one, said)
        self._count(model, [made for made, silent in zip(decided, silenced, strict=True) if not silent])
        for made, silent in zip(decided, silenced, strict=True):
            if silent:
                self._metrics.suppressed.labels(made).inc()

    def _infer(self, request: Request) -> dict[str, Any]:
        model = self._model(request)
        inputs = read_inputs(request.body, model.schema.input_names, self._max_rows)
        given_id = request_id(request.body)
        probability = model.probability(inputs)
        if np.isnan(probability).any():
            row = int(np.argmax(np.isnan(probability)))
            raise ApiError(422, "inputs", "must lead to a number in every row", f"none in row {row}")
        decided = model.decide(probability)
        self._count(model, decided.tolist())
        return inference_response(request.model, model.version, decided, probability, given_id)

    def _count(self, model: OnnxModel, decided: list[int]) -> None:
        ones = sum(decided)
        for value, count in ((0, len(decided) - ones), (1, ones)):
            if count:
                self._metrics.predictions.labels(model.name, model.version, value).inc(count)


def _said(record: TelemetryRecord) -> tuple[Ahead, ...]:
    """What further models predicted of an event that may raise alarms."""
    return record.prediction.ahead if record.prediction and record.maintenance is None else ()
