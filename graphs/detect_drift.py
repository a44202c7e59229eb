"""Sixth step: watches the labeled pairs for drift."""

from __future__ import annotations

from typing import Any, ClassVar

from drift.drift_event import DriftEvent
from drift.monitor import DriftMonitor
from graphs.protocol.drift_callback import DriftCallback
from graphs.protocol.errors import ApiError
from graphs.protocol.records import LabeledPair, Position
from graphs.protocol.request import Request
from graphs.protocol.routes import Kind, kinds_of
from graphs.protocol.times import iso_time
from graphs.request_step import RequestStep
from graphs.state.serving_state import serving_state

_SAVED = "drift"
_SAVE_EVERY = 500


class DetectDrift(RequestStep):
    """Watches the stream of errors (prediction differs from label) with the detectors that were attached.

    The detectors' state is kept beside the journal; a restart continues from there. The callback is told
    about every reported drift, not about warnings.

    :param context: MLRun's graph context.
    :param name: name of the step.
    """

    kinds: ClassVar[frozenset[Kind]] = kinds_of("detect_drift")

    def __init__(self, context: Any, name: str = "detect_drift") -> None:
        self.name = name
        self._logger = context.logger
        state = serving_state(context)
        settings = state.settings
        self._metrics = state.metrics
        self._journal = state.journal
        self._callback: DriftCallback | None = None
        if settings.callback_url:
            body = settings.callback_body or {}
            self._callback = DriftCallback(settings.callback_url, body, state.token, self._called)
        self._monitor: DriftMonitor | None = None
        self._seen = Position(0, 0, 0)
        self._unsaved = 0
        saved = self._journal.load(_SAVED)
        self._version = state.package.schema.version
        if saved is not None and saved["version"] != self._version:
            self._logger.info(
                f"the detectors of model version {saved['version']} are detached; {self._version} is served"
            )
        elif saved is not None:
            self._monitor = DriftMonitor.from_dict(saved["monitor"])
            self._seen = Position(*saved["seen"])

    def handle(self, request: Request) -> None:
        """Feed the pairs of the request, or attach, detach or describe the detectors."""
        if request.kind is Kind.DRIFT:
            request.reply(self.status())
        elif request.kind is Kind.ATTACH:
            self._attach(request)
        elif request.kind is Kind.DETACH:
            self._monitor = None
            self._save()
            request.reply(self.status())
        elif self._monitor is not None:
            for pair in request.pairs:
                self._feed(self._monitor, pair)
            if self._unsaved >= _SAVE_EVERY:
                self._save_or_log()

    def terminate(self) -> None:
        """Save the detectors' state."""
        self._save_or_log()

    def status(self) -> dict[str, Any]:
        """Answer of ``GET /drift``; its field ``attached`` says whether there are detectors."""
        if self._monitor is None:
            summary = "not watched: no detectors are attached"
            return {"attached": False, "summary": summary, "state": "not_watched", "detectors": {}}
        return {"attached": True, **self._monitor.status()}

    def _attach(self, request: Request) -> None:
        try:
            monitor = DriftMonitor.from_dict(request.body)
        except ValueError as error:
            raise ApiError(
                422, "body", f"must be the saved state of a drift monitor: {error}", None
            ) from error
        self._monitor = monitor
        # The new detectors see what is labeled from now on, also after a restart.
        self._seen = Position(*self._journal.append(Kind.LABELS, request.arrival, []), 0)
        self._save()
        request.reply(self.status())

    def _feed(self, monitor: DriftMonitor, pair: LabeledPair) -> None:
        if pair.position <= self._seen:
            return
        wrong = int(pair.made.prediction != pair.label)
        for event in monitor.update(wrong, iso_time(pair.time)):
            self._report(event)
        self._seen = pair.position
        self._unsaved += 1

    def _report(self, event: DriftEvent) -> None:
        self._metrics.drift_events.labels(event.source, event.level).inc()
        self._logger.warn(f"{event.level} by {event.source} at {event.event_time}: {event.value}")
        self._unsaved = max(self._unsaved, _SAVE_EVERY)
        # Sent on replay too: had the state been saved after the first time, this pair would be skipped.
        if event.level == "drift" and self._callback is not None:
            self._callback.send(event.to_dict())

    def _save(self) -> None:
        saved = None
        if self._monitor is not None:
            saved = {
                "version": self._version,
                "monitor": self._monitor.to_dict(),
                "seen": list(self._seen),
            }
        self._journal.save(_SAVED, saved)
        self._unsaved = 0

    def _save_or_log(self) -> None:
        """Save; the events of this request are processed, so a failure only makes a restart replay more."""
        try:
            self._save()
        except ApiError as error:
            self._logger.error(f"the detectors' state could not be saved: {error}")

    def _called(self, outcome: str, text: str) -> None:
        self._metrics.callbacks.labels(outcome).inc()
        if outcome != "delivered":
            self._logger.error(f"drift callback {outcome}: {text}")
