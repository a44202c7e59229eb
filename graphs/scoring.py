"""The answers of one or several versions to the events of a request."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from feature_sets.model_package.imputation import count_missing
from graphs.onnx_model import OnnxModel
from graphs.protocol.made_predictions import MadePredictions
from graphs.protocol.records import Prediction, ShadowAnswer, TelemetryRecord
from graphs.protocol.telemetry_columns import TelemetryColumns
from graphs.routing.document import SHADOW, RoutedVersion
from graphs.routing.routing import Routing
from graphs.state.serving_metrics import ServingMetrics

ANSWER = "answer"
"""Role of a version whose answer is given."""

Records = Sequence[TelemetryRecord]
ModelOf = Callable[[RoutedVersion], OnnxModel]


def is_of_champion_alone(routing: Routing) -> bool:
    """Whether one version answers every event, and no other one is asked."""
    return not routing.ends and not routing.document.shadows


class Scoring:
    """Has each event answered by the version of its device, and scored by those in shadow.

    :param name: of the model in answers.
    :param model_of: gives the model of a version.
    :param metrics: count predictions.
    :param on_failure: called with the error of a version in shadow; nobody's answer depends on it.
    """

    def __init__(
        self,
        name: str,
        model_of: ModelOf,
        metrics: ServingMetrics,
        on_failure: Callable[[str, Exception], None],
    ) -> None:
        self._name = name
        self._model_of = model_of
        self._metrics = metrics
        self._on_failure = on_failure
        self._times = metrics.model_seconds

    def score(self, records: Records, routing: Routing) -> None:
        """Note the predictions in the records.

        :param records: with features.
        """
        document = routing.document
        if is_of_champion_alone(routing):
            if records:
                model = self._model_of(document.champion)
                self._count_answers(model, records, self._answer(model, records))
            return
        by_version: dict[RoutedVersion, list[TelemetryRecord]] = {document.champion: []}
        if routing.ends:
            for record in records:
                by_version.setdefault(routing.answers(record.event.device), []).append(record)
        else:
            by_version[document.champion] = list(records)
        made = []
        for routed, answered in by_version.items():
            if answered:
                model = self._model_of(routed)
                made.append((model, answered, self._answer(model, answered)))
        for model, answered, decided in made:  # Only when none of them has failed.
            self._count_answers(model, answered, decided)
        for routed in document.shadows:
            self._shadow(routed, records)
        if routing.ends:
            # What the champion says of a canary's devices, so that both can be judged on the same rows.
            others = [each for routed, each in by_version.items() if routed is not document.champion]
            self._shadow(document.champion, [record for each in others for record in each])

    def score_columns(self, columns: TelemetryColumns, routing: Routing) -> None:
        """Note the predictions of a list that the champion alone answers."""
        if columns.table is None:
            raise ValueError("columns must have their features before they are scored, got none")
        events = columns.counted
        if not len(events):
            return
        model = self._model_of(routing.document.champion)
        started = time.perf_counter()
        inputs = columns.table.inputs(model.input_names, events)
        probability = model.probability(inputs)
        decided = model.decide(probability)
        self._times.of(model.name, model.version, ANSWER).observe(time.perf_counter() - started)
        self.count(model, decided)
        is_number = ~np.isnan(probability)
        if not is_number.all():
            events, inputs, decided = events[is_number], inputs[is_number], decided[is_number]
            probability = probability[is_number]
        names = model.input_names
        columns.made = MadePredictions(
            self._name, model.version, names, events, inputs, decided, probability, count_missing(inputs)
        )

    def _answer(self, model: OnnxModel, records: Records) -> list[int]:
        started = time.perf_counter()
        inputs = model.inputs([record.features for record in records if record.features is not None])
        probability = model.probability(inputs)
        decided: list[int] = model.decide(probability).tolist()
        self._times.of(model.name, model.version, ANSWER).observe(time.perf_counter() - started)
        missing = count_missing(inputs).tolist()
        name, version, names = self._name, model.version, model.input_names
        for record, row, prediction, chance, absent in zip(
            records, inputs, decided, probability.tolist(), missing, strict=True
        ):
            if chance == chance:
                record.prediction = Prediction(name, version, row, prediction, chance, absent, names)
        return decided

    def _count_answers(self, model: OnnxModel, records: Records, decided: Sequence[int]) -> None:
        silenced = [record.maintenance is not None for record in records]
        if not any(silenced):
            self.count(model, decided)
            return
        self.count(model, [made for made, silent in zip(decided, silenced, strict=True) if not silent])
        for made, silent in zip(decided, silenced, strict=True):
            if silent:
                self._metrics.suppressed.labels(made).inc()

    def _shadow(self, routed: RoutedVersion, records: Records) -> None:
        scored = [record for record in records if record.prediction is not None]
        if not scored:
            return
        try:
            model = self._model_of(routed)
            if model.version != routed.version:  # It is gone; the log says so.
                return
            started = time.perf_counter()
            inputs = model.inputs([record.features for record in scored if record.features is not None])
            probability = model.probability(inputs)
            decided = model.decide(probability).tolist()
            self._times.of(model.name, model.version, SHADOW).observe(time.perf_counter() - started)
        except Exception as error:  # Whatever it is, the answers are made.
            self._on_failure(routed.version, error)
            return
        for record, prediction, chance in zip(scored, decided, probability.tolist(), strict=True):
            made = record.prediction
            if made is not None and not math.isnan(chance):
                told = ShadowAnswer(routed.version, prediction, chance)
                record.prediction = made._replace(shadows=(*made.shadows, told))
                self._metrics.shadow_predictions.labels(routed.version, prediction).inc()

    def count(self, model: OnnxModel, decided: Sequence[int] | npt.NDArray[np.int64]) -> None:
        """Count predictions by what they say."""
        ones = int(decided.sum()) if isinstance(decided, np.ndarray) else sum(decided)
        for value, count in ((0, len(decided) - ones), (1, ones)):
            if count:
                self._metrics.predictions.labels(model.name, model.version, value).inc(count)
