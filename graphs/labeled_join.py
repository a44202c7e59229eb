"""Fifth step: brings predictions and late labels together and hands the pairs on."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from feature_sets.checks import duration_seconds
from feature_sets.windows import event_status
from graphs.labeled_batches import LabeledBatches
from graphs.prediction_ledger import PredictionLedger
from graphs.request_step import RequestStep
from graphs.requests import Kind, Request
from graphs.serving_state import serving_state
from graphs.times import iso_time


class LabeledJoin(RequestStep):
    """Keeps the ledger; the pairs it completes go to Parquet batches and, with the request, to the detectors.

    :param context: MLRun's graph context.
    :param name: name of the step.
    :param model_path: package of the champion, whose inputs the batches hold.
    :param directory: where the batches go; None writes none.
    :param label_deadline_seconds: how much later than its event, in event time, a label may come.
    :param max_size: predictions and labels remembered at most.
    :param batch_rows: pairs in a batch.
    :param batch_seconds: longest time that a pair waits for its batch.
    """

    kinds: ClassVar[frozenset[Kind]] = frozenset({Kind.TELEMETRY, Kind.LABELS, Kind.LABELED})

    def __init__(
        self,
        context: Any,
        name: str = "labeled_join",
        model_path: str = "",
        directory: str | None = None,
        label_deadline_seconds: float = 3600.0,
        max_size: int = 200_000,
        batch_rows: int = 1000,
        batch_seconds: float = 5.0,
    ) -> None:
        self.name = name
        self._logger = context.logger
        state = serving_state(context)
        self._metrics = state.metrics
        model = state.package(model_path).schema
        tolerance = duration_seconds(model.telemetry.windows.future_tolerance)
        self._ledger = PredictionLedger(label_deadline_seconds, max_size, tolerance)
        self._batches: LabeledBatches | None = None
        if directory:
            self._batches = LabeledBatches(
                Path(directory),
                model.telemetry.time,
                model.telemetry.target,
                model.input_names,
                batch_rows,
                batch_seconds,
                self._write_failed,
            )
            state.at_end(self._batches.close)

    def handle(self, request: Request) -> None:
        """Note predictions or labels, or tell how many pairs there are."""
        if request.kind is Kind.LABELED:
            request.reply(self.summary())
            return
        if request.kind is Kind.TELEMETRY:
            self._predictions(request)
        else:
            self._labels(request)
        if request.pairs and self._batches is not None:
            self._batches.add(request.pairs, request.replayed)
        if not request.replayed:
            for pair in request.pairs:
                self._metrics.pairs.labels("yes" if pair.made.prediction == pair.label else "no").inc()
        for state, count in self._ledger.states.items():
            self._metrics.ledger.labels(state).set(count)

    def summary(self) -> dict[str, Any]:
        """Answer of ``GET /labeled``; the counts cover what the journal holds, and this process since."""
        states = self._ledger.states
        return {
            "waiting": states["waiting_for_label"],
            "waiting_for_prediction": states["waiting_for_prediction"],
            "joined": self._ledger.joined,
            "expired": self._ledger.expired["waiting_for_label"],
            "expired_labels": self._ledger.expired["waiting_for_prediction"],
            "conflicting": self._ledger.conflicting,
            "remembered": len(self._ledger),
            "newest_event_time": None if self._ledger.newest is None else iso_time(self._ledger.newest),
            "batches_written": self._batches.written if self._batches else 0,
            "unwritten": self._batches.unwritten if self._batches else 0,
            "directory": str(self._batches.directory) if self._batches else None,
        }

    def _predictions(self, request: Request) -> None:
        for index, event in enumerate(request.events):
            made = request.predictions[index]
            if made is None:
                if request.statuses[index] == event_status.DUPLICATE:
                    request.predictions[index] = self._ledger.prediction(event.device, event.time)
                continue
            pair = self._ledger.add_prediction(
                event.device, event.time, made, request.arrival, request.position(index)
            )
            if pair is not None:
                request.pairs.append(pair)

    def _labels(self, request: Request) -> None:
        for index, event in enumerate(request.labels):
            status, pair = self._ledger.add_label(
                event.device, event.time, event.label, request.arrival, request.position(index)
            )
            request.statuses.append(status.value)
            if pair is not None:
                request.pairs.append(pair)

    def _write_failed(self, error: Exception) -> None:
        self._metrics.batch_failures.inc()
        self._logger.error(f"a batch of labeled pairs could not be written and is kept: {error}")
