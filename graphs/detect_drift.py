"""Sixth step: feeds labeled pairs to the enlisted detectors and reports what they find."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from drift.drift_event import DriftEvent
from drift.monitor import DriftMonitor
from graphs.access import read_secret
from graphs.drift_callback import DriftCallback
from graphs.request_step import RequestStep
from graphs.requests import ApiError, Kind, LabeledPair, Position, Request
from graphs.serving_state import serving_state
from graphs.times import iso_time

_SAVED = "drift"
_SAVE_EVERY = 500


class DetectDrift(RequestStep):
    """Watches the stream of errors (prediction differs from label) with the detectors that were enlisted.

    The detectors' state is kept beside the journal; a restart continues from there.

    :param context: MLRun's graph context.
    :param name: name of the step.
    :param model_path: model package whose predictions are watched.
    :param callback_url: told about every reported drift (not about warnings); None tells nobody.
    :param callback_body: what the callback's body holds beside ``event``.
    :param token_secret: name of the MLRun secret or variable with the callback's bearer token.
    """

    kinds: ClassVar[frozenset[Kind]] = frozenset(
        {Kind.TELEMETRY, Kind.LABELS, Kind.DRIFT, Kind.ENLIST, Kind.DISMISS}
    )

    def __init__(
        self,
        context: Any,
        name: str = "detect_drift",
        model_path: str = "",
        callback_url: str | None = None,
        callback_body: Mapping[str, Any] | None = None,
        token_secret: str | None = None,
    ) -> None:
        self.name = name
        self._logger = context.logger
        state = serving_state(context)
        self._metrics = state.metrics
        self._journal = state.journal
        self._callback: DriftCallback | None = None
        if callback_url:
            token = read_secret(context, token_secret) if token_secret else ""
            self._callback = DriftCallback(callback_url, callback_body or {}, token, self._called)
        self._monitor: DriftMonitor | None = None
        self._seen = Position(0, 0, 0)
        self._unsaved = 0
        saved = self._journal.load(_SAVED)
        self._version = state.package(model_path).schema.version
        if saved is not None and saved["version"] != self._version:
            self._logger.info(
                f"the detectors of model version {saved['version']} are dismissed; {self._version} is served"
            )
        elif saved is not None:
            self._monitor = DriftMonitor.from_dict(saved["monitor"])
            self._seen = Position(*saved["seen"])
        state.at_end(self._save_or_log)

    def handle(self, request: Request) -> None:
        """Feed the pairs of the request, or enlist, dismiss or describe the detectors."""
        if request.kind is Kind.DRIFT:
            request.reply(self.status())
        elif request.kind is Kind.ENLIST:
            self._enlist(request)
        elif request.kind is Kind.DISMISS:
            self._monitor = None
            self._save()
            request.reply(self.status())
        elif self._monitor is not None:
            for pair in request.pairs:
                self._feed(self._monitor, pair)
            if self._unsaved >= _SAVE_EVERY:
                self._save_or_log()

    def status(self) -> dict[str, Any]:
        """Answer of ``GET /drift``."""
        if self._monitor is None:
            return {"enlisted": False, "state": "not_watched", "detectors": {}}
        return {"enlisted": True, **self._monitor.status()}

    def _enlist(self, request: Request) -> None:
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
