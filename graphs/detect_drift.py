"""Sixth step: watches the labeled pairs for drift."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from functools import partial
from typing import Any, ClassVar

from drift.alarm_share import caught_beside_alarms
from drift.drift_event import SEVERITIES, DriftEvent
from drift.drift_summary import rare_errors
from drift.grouped_monitor import GroupedMonitor
from drift.missed_alert import SOURCE as MISSED
from drift.missed_alert import missed_on
from drift.performance_watch import SCORES, BasePerformance, PerformanceWatch
from drift.wrong_devices import devices_in_words
from feature_sets.checks import InputError
from graphs.drift_callbacks import ATTACHED, BY_SETTING, DriftCallbacks
from graphs.protocol.drift_callback import DriftCallback
from graphs.protocol.errors import ApiError
from graphs.protocol.records import LabeledPair, Position
from graphs.protocol.request import Request
from graphs.protocol.routes import Kind, kinds_of
from graphs.protocol.times import iso_time
from graphs.replay import replay_missed
from graphs.request_step import RequestStep
from graphs.state.device_group import device_group
from graphs.state.entry_id import EntryId
from graphs.state.journal import Journal
from graphs.state.serving_state import serving_state
from graphs.state.snapshots.saved_state import SavedState
from graphs.watched_predictions import watched_predictions

_SAVED = "drift"
_SAVE_EVERY = 500


class DetectDrift(RequestStep):
    """Watches the stream of errors (prediction differs from label) with the detectors that were attached.

    Beside them it scores the newest predictions and labels, if it was told what to compare them with.

    Kept beside the journal are the state of the detectors, the callback that is attached with them, and what
    could not be delivered yet; a restart continues from there. Of several processes that keep it, the one
    counts in which detectors were attached or detached last, in the order of the journal. The callbacks are
    told about each alert: when drift that is the verdict raises it or makes it worse, and when it is cleared.
    They are not told about warnings and improvements.

    :param context: MLRun's graph context.
    :param name: name of the step.
    """

    kinds: ClassVar[frozenset[Kind]] = kinds_of("detect_drift") | {Kind.REROUTED}

    def __init__(self, context: Any, name: str = "detect_drift") -> None:
        self.name = name
        self._context = context
        self._logger = context.logger
        state = serving_state(context)
        settings = state.settings
        self._metrics = state.metrics
        self._journal = state.journal
        self._state = state
        self._body = dict(settings.callback_body or {})
        self._callbacks = DriftCallbacks(self._callback, self._called)
        self._found: Counter[tuple[str, str]] = Counter()
        self._monitor: GroupedMonitor | None = None
        self._watch = PerformanceWatch()
        self._seen = self._changed_at = Position(0, 0, 0)
        self._unsaved = 0
        self._found_now: list[DriftEvent] = []
        self._watched = ""
        self._callbacks.tell(BY_SETTING, settings.callback_url)
        saved = self._journal.load(_SAVED)
        self._version = state.routing.now.document.champion.version
        for severity in SEVERITIES:
            self._metrics.alerts.labels(severity).set_function(partial(self._alerts_of, severity))
        if saved is not None:
            self._restore(saved)

    def _restore(self, saved: dict[str, Any]) -> None:
        self._watched = saved["version"]
        monitor = saved["monitor"]
        self._monitor = None if monitor is None else GroupedMonitor.from_dict(monitor)
        self._seen = Position(*saved["seen"])
        self._changed_at = _changed_at(saved)
        self._count(saved.get("found", ()))
        base = saved.get("performance")
        self._score_by(None if base is None else BasePerformance.from_dict("saved performance", base))
        self._callbacks.restore(saved)

    def saved(self) -> SavedState:
        """What is kept beside the journal, too."""
        predictions, pairs = self._watch.noted()
        plain = {"drift": self._content(), "found": self._counts(), "version": self._version}
        plain["pair_devices"] = self._watch.noted_devices()
        return SavedState(plain, {"predictions": predictions, "pairs": pairs})

    def restore(self, state: SavedState, lost: bool) -> bool:
        """Go on from the snapshot, where what is kept beside the journal is lost or older."""
        self._count(state.plain["found"])
        self._version = state.plain["version"]
        arrays, devices = state.arrays, state.plain.get("pair_devices")  # None of an earlier version.
        self._watch.note_all(arrays["predictions"], arrays["pairs"], devices)
        saved = state.plain["drift"]
        if saved is None:
            return True
        is_newer = (_changed_at(saved), Position(*saved["seen"])) > (self._changed_at, self._seen)
        is_kept = self._journal.load(_SAVED) is not None
        if is_newer if is_kept else lost:
            self._restore(saved)
        return True

    def before_snapshot(self, lost: bool) -> None:
        """Keep beside the journal what the snapshot has."""
        if lost or self._unsaved:
            self._save_or_log()

    def before_replay(self, journal: Journal, after: EntryId) -> None:
        """Begin with the version that was the champion then."""
        self._follow(after)

    def after_replay(self) -> None:
        """Detach detectors of a version that is the champion no longer."""
        self._follow(None)
        if self._monitor is not None and self._watched != self._version:
            # An attachment after the last change of the routing, in another process, comes later.
            rerouted = [Position(*each.place, 0) for each in self._state.routing.changes[-1:]]
            self._detach(max([self._changed_at, *rerouted]))

    def _follow(self, entry: EntryId | None) -> None:
        """Have the champion of after an entry, or of now: its scores begin with it."""
        routing = self._state.routing
        found = routing.now if entry is None else routing.at((entry[0], entry[1] + 1))
        if found.document.champion.version != self._version:
            self._version = found.document.champion.version
            self._watch.note_none()

    def _reroute(self, request: Request) -> None:
        """Follow a change of the champion; detectors of another are not its own."""
        self._follow(request.entry)
        place = Position(*request.entry, 0)
        if self._monitor is not None and self._watched != self._version and place > self._changed_at:
            self._detach(place)

    def _detach(self, place: Position) -> None:
        self._logger.info(
            f"the detectors of model version {self._watched} are detached; {self._version} is the champion"
        )
        self._end_watch(place, f"version {self._version} is the champion")
        self._save_or_log()

    def _end_watch(self, place: Position, why: str) -> None:
        """Have no detectors from a place on."""
        self._end_alerts(why)
        self._monitor, self._changed_at = None, place
        self._score_by(None)
        self._callbacks.tell(ATTACHED, None)

    def _end_alerts(self, why: str) -> None:
        """Tell that alerts are over with what watched."""
        for event in self._monitor.close_alerts(why) if self._monitor is not None else ():
            self._report(event)

    def _alerts_of(self, severity: str) -> int:
        """Open alerts of a severity."""
        return 0 if self._monitor is None else self._monitor.open_alerts.get(severity, 0)

    def handle(self, request: Request) -> None:
        """Feed the pairs of the request, or attach, detach or describe the detectors."""
        if request.kind is Kind.REROUTED:
            self._reroute(request)
        elif request.kind is Kind.DRIFT:
            request.reply(self.status())
        elif request.kind is Kind.ATTACH:
            self._attach(request)
        elif request.kind is Kind.CALLBACK:
            self._attach_callback(request)
        elif request.kind is Kind.PERFORMANCE:
            self._attach_performance(request)
        elif request.kind is Kind.DETACH:
            self._end_watch(self._place_of(request), "the detectors are detached")
            self._save()
            request.reply(self.status())
        else:
            if "noted" not in request.done:
                self._note(request)
                request.done["noted"] = True
            self._report_all()  # What could not be reported when it was found.
            if self._monitor is not None:
                self._feed(self._monitor, request.mature)
            if self._unsaved >= _SAVE_EVERY:
                self._save_or_log()

    def terminate(self) -> None:
        """Save the detectors' state."""
        self._save_or_log()
        self._callbacks.close()

    def status(self) -> dict[str, Any]:
        """Answer of ``GET /drift``; its field ``attached`` says whether there are detectors."""
        if self._monitor is None:
            summary = "not watched: no detectors are attached"
            none = {"attached": False, "summary": summary, "state": "not_watched", "detectors": {}}
            return {**none, "undelivered": self._callbacks.pending}
        found = self._monitor.status()
        missed, scores, alarms = found["missed_incidents"], self._watch.status(), self._watch.alarm_share
        if missed["state"] == "in_control":
            found["missed_incidents"] = {**missed, "summary": caught_beside_alarms(missed["summary"], alarms)}
        rare = rare_errors(scores) if found["n"] else ""
        summary = f"{found['summary']}; {rare}" if rare else str(found["summary"])
        return {
            "attached": True,
            **found,
            "summary": summary,
            "alarms": alarms.to_dict(),
            "performance": scores,
            "callback": self._callbacks.attached,
            "undelivered": self._callbacks.pending,
        }

    def _attach(self, request: Request) -> None:
        try:
            monitor = GroupedMonitor.from_dict(request.body)
        except ValueError as error:
            raise ApiError(
                422, "body", f"must be the saved state of a drift monitor: {error}", None
            ) from error
        place = self._place_of(request)
        self._end_alerts("other detectors are attached")
        self._monitor, self._watched = monitor, self._version
        self._score_by(None)
        # The new detectors see what is labeled from now on, also after a restart.
        self._seen = self._changed_at = place
        self._save()
        request.reply(self.status())

    def _place_of(self, request: Request) -> Position:
        """Place of a request in the journal, when what others appended before it was taken in.

        :raises ApiError: 503 if the journal takes nothing.
        """
        place = Position(*self._journal.append(Kind.LABELS, request.arrival, []), 0)
        replay_missed(self._context)
        return place

    def _attach_callback(self, request: Request) -> None:
        """Tell another address about drift from now on; what the one before was not told it is told, too."""
        body = request.body
        url = body.get("url") if isinstance(body, dict) else None
        if not isinstance(body, dict) or set(body) != {"url"}:
            raise ApiError(422, "body", "must be an object with 'url' alone", body)
        if url is not None and not (isinstance(url, str) and url.startswith(("http://", "https://"))):
            raise ApiError(422, "url", "must be an http(s) address, or null", url)
        if self._monitor is None:
            raise ApiError(422, "url", "must be given when detectors are attached", url)
        self._callbacks.tell(ATTACHED, url)
        self._save()
        request.reply(self.status())

    def _attach_performance(self, request: Request) -> None:
        if self._monitor is None:
            raise ApiError(422, "body", "must be given when detectors are attached", None)
        try:
            self._score_by(BasePerformance.from_dict("body", request.body))
        except InputError as error:
            raise ApiError(422, error.where, error.rule, error.got) from error
        self._save()
        request.reply(self.status())

    def _score_by(self, base: BasePerformance | None) -> None:
        """Tell, also Prometheus, how well the model does in comparison; None tells nothing."""
        self._watch.base = base
        self._metrics.performance.clear()
        for of in self._watch.status() or ():
            for score in SCORES:
                value = partial(self._watch.score, of, score)
                self._metrics.performance.labels(of, score).set_function(value)

    def _note(self, request: Request) -> None:
        """Note new predictions and pairs of the model that is served, whether or not scores are told."""
        made = watched_predictions(request.telemetry, self._version, self._state.population)
        if made:
            self._watch.add_predictions(made)
        self._note_pairs(request)

    def _note_pairs(self, request: Request) -> None:
        for pair in request.mature:
            if pair.made.version == self._version:
                self._watch.add_pair(pair.made.probability, pair.made.prediction, pair.label, pair.device)

    def _callback(self, name: str, url: str) -> DriftCallback:
        """What tells an address."""
        # Who verifies a signature must not be given a token that lets him change the endpoint.
        secret = self._state.callback_secret if name == BY_SETTING else ""
        token = "" if secret else self._state.token
        return DriftCallback(url, token, self._called, secret=secret, clock=self._state.clock)

    def _feed(self, monitor: GroupedMonitor, pairs: Iterable[LabeledPair]) -> None:
        for pair in pairs:
            if pair.position <= self._seen or pair.made.version != self._watched:
                continue
            wrong = int(pair.made.prediction != pair.label)
            group = self._group_of(monitor, pair)
            found = monitor.update(wrong, iso_time(pair.time), group, pair.device, pair.label)
            self._seen = pair.position
            self._unsaved += 1
            if found:
                self._found_now += found
                self._report_all()

    def _report_all(self) -> None:
        while self._found_now:
            self._report(self._found_now[0])
            del self._found_now[0]

    def _group_of(self, monitor: GroupedMonitor, pair: LabeledPair) -> str:
        """Group of a device when it was predicted; empty if nobody asks, or knows."""
        if not monitor.column:
            return ""
        devices = self._state.devices
        features = {} if devices is None else devices.features(pair.device, pair.time)
        return device_group(monitor.column, self._state.schema, pair.device, features)

    def _report(self, event: DriftEvent) -> None:
        self._count([(event.source, event.level, self._found[event.source, event.level] + 1)])
        about = f" of group {event.group}" if event.group else ""
        in_words = missed_on if event.source == MISSED else devices_in_words
        where = in_words(event.devices.to_dict() if event.devices else None)
        found = f"{event.level}{about} by {event.source} at {event.event_time}: {event.value}"
        self._logger.warn(f"{found}; {where}" if where else found)
        self._unsaved = max(self._unsaved, _SAVE_EVERY)
        # Sent on replay too: had the state been saved after the first time, this pair would be skipped.
        if event.level in ("drift", "cleared"):
            told = {"id": self._id_of(event), "version": self._watched, "event": event.to_dict()}
            self._callbacks.send(told, self._body)

    def _counts(self) -> list[tuple[str, str, int]]:
        """Findings so far: detector, level, count."""
        return [(*kind, count) for kind, count in self._found.items()]

    def _count(self, found: Iterable[tuple[str, str, int]]) -> None:
        """Have at least so many findings, here and in the metrics."""
        for source, level, count in found:
            more = count - self._found[source, level]
            if more > 0:
                self._found[source, level] = count
                self._metrics.drift_events.labels(source, level).inc(more)

    def _id_of(self, event: DriftEvent) -> str:
        """The same for the same event, also where a restart finds it again."""
        text = f"{self._watched} {event.source} {event.n_seen} {event.event_time}"
        if event.level == "cleared" or event.group:
            text = f"{text} {event.level} {event.group}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _content(self) -> dict[str, Any]:
        """What a restart goes on from."""
        return {
            "version": self._watched,
            "monitor": None if self._monitor is None else self._monitor.to_dict(),
            "performance": self._watch.base and self._watch.base.to_dict(),
            "seen": list(self._seen),
            "attached_at": list(self._changed_at),
            "found": self._counts(),
            **self._callbacks.content(),
        }

    def _merged(self, kept: dict[str, Any] | None) -> dict[str, Any]:
        """Our content, or that of another process if detectors were attached or detached there later."""
        if kept is not None and _changed_at(kept) > self._changed_at:
            return {**kept, **self._callbacks.merged(kept, is_ours=False)}
        return {**self._content(), **self._callbacks.merged(kept, is_ours=True)}

    def _save(self) -> None:
        self._journal.merge(_SAVED, self._merged)
        self._unsaved = 0

    def _save_or_log(self) -> None:
        """Save; the events of this request are processed, so a failure only makes a restart replay more."""
        try:
            self._save()
        except ApiError as error:
            self._logger.error(f"the detectors' state could not be saved: {error}")

    def _called(self, outcome: str, text: str) -> None:
        self._metrics.callbacks.labels(outcome).inc()
        # Saved with the next labels: nobody is to be told again after a restart.
        self._unsaved = max(self._unsaved, _SAVE_EVERY)
        if outcome != "delivered":
            self._logger.error(f"drift callback {outcome}: {text}")


def _changed_at(saved: dict[str, Any]) -> Position:
    """Where detectors were attached or detached last; before all of it if an earlier version did not say."""
    return Position(*saved.get("attached_at", (0, 0, 0)))
