"""Fourth step: the version of the model that a request is for answers it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import mlrun.serving
import numpy as np

from graphs.horizon_models import HorizonModels, predict_ahead
from graphs.onnx_model import OnnxModel
from graphs.protocol.errors import ApiError, error_object
from graphs.protocol.inference_protocol import (
    inference_response,
    model_metadata,
    read_inputs,
    request_id,
    requested_outputs,
)
from graphs.protocol.records import Ahead, TelemetryRecord
from graphs.protocol.request import Request
from graphs.protocol.routes import Kind, kinds_of, paths
from graphs.protocol.telemetry_columns import columns_of
from graphs.request_step import RequestStep
from graphs.routing.change import RoutingChange
from graphs.routing_state import RoutingState
from graphs.scoring import ANSWER, Scoring, is_of_champion_alone
from graphs.state.serving_state import serving_state
from graphs.state.snapshots.saved_state import SavedState
from graphs.state.unfinished import not_taken_in, refusal

SERVER_METADATA = {"name": "netops", "version": "2", "extensions": []}


class ModelRouter(mlrun.serving.ModelRouter, RequestStep):
    """MLRun's model router for our requests: telemetry goes to the version of its device, inference by name.

    Of the base class it keeps the routes. Its event handling is replaced, for it asks the MLRun API about
    model endpoints on the way and answers in another form.

    :param context: MLRun's graph context.
    :param name: name of the step.
    :param routes: the models, made by MLRun.
    :param kwargs: what MLRun adds.
    """

    kinds: ClassVar[frozenset[Kind]] = kinds_of("model_router") | {Kind.REROUTED}

    def __init__(self, context: Any, name: str, routes: Any = None, **kwargs: Any) -> None:
        super().__init__(context=context, name=name, routes=routes, **kwargs)
        self._state = serving_state(context)
        self._name = self._state.settings.model_name
        self._max_rows = self._state.settings.max_events
        self._horizons = self._state.schema.horizons
        self._ages = self._state.metrics.feature_age

    def post_init(self, mode: str = "sync", **kwargs: Any) -> None:
        """All models are loaded; the one that the settings name must be among them."""
        if self._name not in self.routes:
            raise ValueError(f"champion must be one of {list(self.routes.keys())}, got {self._name!r}")
        self._further = HorizonModels(self.context)
        declared: OnnxModel = self.routes[self._name].async_object
        self._routing = RoutingState(self.context, self._state, declared)
        self._scoring = Scoring(
            self._name, self._routing.versions.needed, self._state.metrics, self._shadow_failed
        )

    def saved(self) -> SavedState:
        """The routing over time."""
        return SavedState({"routing": self._routing.trail.content()})

    def restore(self, state: SavedState, lost: bool) -> bool:
        """Know the routing of the snapshot; what is kept beside the journal may know more."""
        if "routing" in state.plain:
            trail, before = self._routing.trail, self._routing.trail.revision
            trail.take(state.plain["routing"])
            self._routing.is_saved &= not lost and trail.revision == before
        return True

    def before_snapshot(self, lost: bool) -> None:
        """Keep the routing beside the journal again, if it is lost there."""
        self._routing.is_saved &= not lost
        self._routing.save()

    def start_change(self) -> RoutingChange | None:
        """What the routing becomes by the start of this process, after the replay; None if it stays."""
        self._further.forget_replayed()
        change = self._routing.start_change()
        if change is None:
            self._routing.settle()
        return change

    def terminate(self) -> None:
        """Shutdown hook."""
        self._routing.close()

    @property
    def _names(self) -> list[str]:
        """Of all models, those of further horizons last."""
        return [*self.routes.keys(), *(model.name for model in self._further.deployed.values())]

    def do_event(self, event: Any, *args: Any, **kwargs: Any) -> Any:
        """MLRun's entry point for routers."""
        self.do(event.body)
        return event

    def handle(self, request: Request) -> None:
        """Predict, or tell about the models."""
        if request.kind is Kind.TELEMETRY:
            self._predict(request)
        elif request.kind is Kind.REROUTE:
            request.reply(self._routing.start_change_of(request.body), 202)
        elif request.kind is Kind.REROUTED:
            self._rerouted(request)
        elif request.kind is Kind.ROUTING:
            request.reply(self._routing.answer())
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
            error = self._not_ready()
            why = {} if error is None else {"error": error_object(error), **request.named}
            request.reply({"ready": error is None, **why}, 200 if error is None else 503)

    def _not_ready(self) -> ApiError | None:
        """Why telemetry is not answered now; None if it is. It is looked at anew each time."""
        if not all(model.ready for model in (self._champion(), *self._others())):
            return ApiError(503, "model", "must have answered a test row")
        if self._state.unfinished.held:
            held = self._state.unfinished.held[0]
            return refusal(held, held.step == self.name)
        for step, entries in self._state.unfinished.left_out.items():
            return not_taken_in(step, entries, step == self.name)
        return self._state.journal.away()

    def _overview(self) -> dict[str, Any]:
        """What answers telemetry, and what there is to ask."""
        schema = self._champion().schema
        return {
            **SERVER_METADATA,
            "telemetry": schema.telemetry.name,
            "label": schema.telemetry.target,
            "model": self._name,
            "model_version": schema.version,
            "threshold": schema.threshold,
            **self._versions(schema.version),
            "paths": paths(),
        }

    def _versions(self, primary: str) -> dict[str, Any]:
        """Version of the model of each horizon, None without one; nothing where there is one horizon."""
        if len(self._horizons) == 1:
            return {}
        found = {horizon: model.version for horizon, model in self._further.deployed.items()}
        return {"horizons": {self._horizons[0]: primary, **{h: found.get(h) for h in self._horizons[1:]}}}

    def _champion(self) -> OnnxModel:
        return self._routing.versions.needed(self._routing.trail.now.document.champion)

    def _others(self) -> list[OnnxModel]:
        """Models of routes of their own, and of further horizons."""
        return [*(route.async_object for route in self.routes.values()), *self._further.deployed.values()]

    def _model(self, request: Request) -> OnnxModel:
        if request.model not in self._names:
            raise ApiError(404, "model", f"must be one of {', '.join(self._names)}", request.model)
        if request.model != self._name:
            other = next(model for model in self._others() if model.name == request.model)
            if request.version not in ("", other.version):
                raise ApiError(404, "version", f"must be {other.version}", request.version)
            return other
        if not request.version:
            return self._champion()
        model = self._routing.versions.get(request.version)
        if model is None:
            known = " or ".join(each.version for each in self._routing.trail.now.document.versions)
            raise ApiError(404, "version", f"must be {known}", request.version)
        return model

    def _predict(self, request: Request) -> None:
        routing = self._routing.trail.at(request.entry)
        models = self._further.at(routing.further)
        columns = columns_of(request.telemetry)
        ahead: Sequence[tuple[Ahead, ...]] = ()
        if columns is not None and not models and is_of_champion_alone(routing):
            self._scoring.score_columns(columns, routing)
            counted: list[TelemetryRecord] = []
        else:
            counted = [record for record in request.telemetry if record.features is not None]
            # All that may fail comes before anything is counted.
            ahead = predict_ahead(models, counted, self._state.metrics.model_seconds) if models else ()
            self._scoring.score(counted, routing)
        if request.started:
            self._note_ages(request)
        if models:
            self._add_ahead(counted, ahead, models)
        if self._routing.versions.lacks_some and not request.replayed:
            self._routing.give_way()
        elif routing.document.shadows and not request.replayed:
            self._routing.end_shadows()

    def _note_ages(self, request: Request) -> None:
        """Note how old each event is that is predicted, by the clock that its arrival was told by."""
        age = self._ages.of()
        columns = columns_of(request.telemetry)
        if columns is not None and columns.made is not None:
            age.observe_all(request.arrival - columns.seconds[columns.made.events])
            return
        for index, record in enumerate(request.telemetry):
            if record.prediction is not None:
                age.observe(request.arrived(index) - record.event.time)

    def _add_ahead(
        self,
        counted: list[TelemetryRecord],
        said: Sequence[tuple[Ahead, ...]],
        models: Mapping[str, OnnxModel],
    ) -> None:
        """Add what the models of further horizons say to the predictions."""
        for record, ahead in zip(counted, said, strict=True):
            if record.prediction is not None:
                record.prediction = record.prediction._replace(ahead=ahead)
        for horizon, model in models.items():
            told = [one for record in counted for one in _said(record) if one.horizon == horizon]
            self._scoring.count(model, [one.prediction for one in told])

    def _rerouted(self, request: Request) -> None:
        """Follow changes of the journal."""
        for change in request.routing:
            champion = self._routing.trail.now.document.champion.version
            if self._routing.apply(request.entry, change, request.replayed):
                self._state.metrics.routing_changes.labels(change.outcome).inc()
            if champion != self._routing.trail.now.document.champion.version and not request.replayed:
                self._state.metrics.swaps.inc()

    def _shadow_failed(self, version: str, error: Exception) -> None:
        self._state.metrics.shadow_failures.labels(version).inc()
        self.context.logger.error(f"version {version} in shadow failed: {type(error).__name__}: {error}")

    def _infer(self, request: Request) -> dict[str, Any]:
        model = self._model(request)
        inputs = read_inputs(request.body, model.input_names, self._max_rows)
        given_id, outputs = request_id(request.body), requested_outputs(request.body)
        started = time.perf_counter()
        probability = model.probability(inputs)
        times = self._state.metrics.model_seconds.of(model.name, model.version, ANSWER)
        times.observe(time.perf_counter() - started)
        if np.isnan(probability).any():
            row = int(np.argmax(np.isnan(probability)))
            raise ApiError(422, "inputs", "must lead to a number in every row", f"none in row {row}")
        decided = model.decide(probability)
        self._scoring.count(model, decided.tolist())
        return inference_response(request.model, model.version, decided, probability, given_id, outputs)


def _said(record: TelemetryRecord) -> tuple[Ahead, ...]:
    """What further models predicted of an event that may raise alarms."""
    return record.prediction.ahead if record.prediction and record.maintenance is None else ()
