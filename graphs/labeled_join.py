"""Fifth step: joins predictions with their late labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from feature_sets.checks import duration_seconds
from feature_sets.windows import event_status
from graphs.excluded_labels import ExcludedLabels
from graphs.joined_incidents import JoinedIncidents
from graphs.joined_labels import JoinedLabels
from graphs.joined_predictions import JoinedPredictions
from graphs.labels_by_request import LabelsByRequest
from graphs.late_labels import few_labels_warning, late_errors_warning, late_warning
from graphs.ledger_metrics import (
    count_pairs,
    show_ledger,
    told_early_incidents,
    told_exclusions,
    told_ledger,
)
from graphs.ledger_room import Room, check_room, check_unwritten
from graphs.protocol.request import Request
from graphs.protocol.routes import Kind, kinds_of
from graphs.request_step import RequestStep
from graphs.state.accepted_before import AcceptedBefore
from graphs.state.ahead_stream import AheadStream
from graphs.state.counters import CounterFamily
from graphs.state.derived_ledger import DerivedLedger
from graphs.state.entry_id import BEFORE_ALL, EntryId
from graphs.state.incident_book import IncidentBook
from graphs.state.journal import Journal, JournalEvent
from graphs.state.kept_labels import KeptLabels
from graphs.state.labeled_batches import LabeledBatches
from graphs.state.ledger import PredictionLedger
from graphs.state.ledger_records import warm_up
from graphs.state.serving_state import serving_state
from graphs.state.silenced import SilencedPredictions
from graphs.state.snapshots.saved_state import SavedState


class LabeledJoin(RequestStep):
    """Keeps the ledger; the pairs it completes go to Parquet batches and, with the request, to the detectors.

    Incidents are kept beside the journal too, before it drops what was said of them.

    :param context: MLRun's graph context.
    :param name: name of the step.
    """

    kinds: ClassVar[frozenset[Kind]] = kinds_of("labeled_join")

    def __init__(self, context: Any, name: str = "labeled_join") -> None:
        self.name = name
        warm_up()
        self._logger = context.logger
        state = serving_state(context)
        settings, schema = state.settings, state.schema
        self._metrics = state.metrics
        self._calendar, self._population = state.calendar, state.population
        # With a horizon a label is not known any sooner.
        deadline = settings.label_deadline_seconds + schema.horizon_seconds
        if schema.labels.is_derived:
            deadline = max(deadline, schema.labels.healthy_seconds + 2 * schema.horizon_seconds)
        self._deadline = deadline
        self._most_unwritten = settings.max_unwritten_pairs
        tolerance = duration_seconds(schema.windows.future_tolerance)
        self._room = Room(settings.ledger_max_size, deadline, tolerance)
        self._ledger: PredictionLedger | DerivedLedger
        self._schema, self._contradicted = schema, 0
        self._incidents: JoinedIncidents | None = None
        if schema.labels.is_derived:
            features = state.devices.features if state.devices is not None else lambda device, time: {}
            self._book = IncidentBook(schema, features, settings.ledger_max_size)
            ledger = DerivedLedger(
                schema.labels, self._book, deadline, tolerance, horizon_seconds=schema.horizon_seconds
            )
            self._incidents = JoinedIncidents(state, ledger, self._book, context.logger)
            self._ledger = ledger
        else:
            self._ledger = PredictionLedger(deadline, tolerance)
        most = settings.ledger_max_size
        self._by_request = LabelsByRequest(self._ledger, deadline, schema.labels.tolerance_seconds, most)
        self._ahead = AheadStream(state, deadline, self._write_failed)
        self._early = self._book.early if schema.labels.has_incidents else None
        show_ledger(state.metrics, self._ledger, self._ahead.join, self._early)
        if self._ahead.join is not None:
            self._ledger.on_settled = self._ahead.join.settle
            if isinstance(self._ledger, DerivedLedger):
                self._ledger.near = self._ahead.join.near
        self._accepted = AcceptedBefore(deadline, tolerance, most)
        self._silenced = None if state.calendar is None else SilencedPredictions(deadline, most)
        self._inputs = state.package.schema.input_names
        self._excluded = ExcludedLabels(schema, state.calendar)
        self._kept = KeptLabels(deadline, most)
        self._labels = JoinedLabels(
            self._ledger, self._excluded, self._by_request, self._ahead, self._incidents, self._kept
        )
        self._predictions = JoinedPredictions(
            self._ledger,
            self._silenced,
            self._accepted,
            self._labels,
            self._by_request,
            self._ahead,
            deadline,
            [metric.name for metric in schema.metrics if metric.counter is None],
            self._inputs,
        )
        self._batches: LabeledBatches | None = None
        if settings.labeled_directory:
            self._batches = LabeledBatches(
                Path(settings.labeled_directory),
                schema.time,
                schema.target,
                state.package.schema.input_names,
                settings.batch_rows,
                settings.batch_seconds,
                self._write_failed,
                anew=settings.labeled_anew,
            )

    def handle(self, request: Request) -> None:
        """Note predictions or labels, or tell how many pairs there are."""
        if request.kind is Kind.LABELED:
            request.reply(self.summary())
            return
        if self._incidents is not None:
            self._incidents.go_to(request.entry)
        self._by_request.expire(request.arrival)
        if request.kind is Kind.TELEMETRY:
            self._predictions.take(request)
        else:
            self._labels.take(request)
        self._hand_on(request)

    def follows_answer(self, request: Request) -> bool:
        """Whether it is a lone event that is new: what is noted of it changes nothing in its answer."""
        if request.kind is not Kind.TELEMETRY or len(request.telemetry) != 1:
            return False
        record, silenced = request.telemetry[0], self._silenced
        if record.status not in event_status.COUNTED or record.prediction is None or record.maintenance:
            return False
        key = record.event.device, record.event.time
        return self._ledger.prediction(*key) is None and (silenced is None or silenced.of(*key) is None)

    def left_out(self, request: Request) -> None:
        """Hand on the pairs of what was taken before this step failed: the ledger has them as joined."""
        changed = request.done.pop("changed", None)
        if changed is not None:
            self._labels.give(request, changed.pairs)
        if isinstance(self._ledger, DerivedLedger):
            self._labels.give(request, self._ledger.take_left())
        self._hand_on(request)

    def _hand_on(self, request: Request) -> None:
        """Give the pairs of a request to the batches, the metrics and, with it, to the steps that follow."""
        if self._population is not None:
            _keep(request, self._population.has, self._metrics.outside_population)
        if self._calendar is not None:
            _keep(request, self._is_outside_maintenance, self._metrics.excluded_pairs)
        if not isinstance(self._ledger, DerivedLedger):
            request.mature = request.pairs
        if request.pairs and self._batches is not None and "batches" not in request.done:
            self._batches.add(request.pairs, request.replayed)
            request.done["batches"] = True
        self._ahead.write(request)
        if "pairs" not in request.done:
            count_pairs(self._metrics, request)
            request.done["pairs"] = True
        if self._ledger.contradicted != self._contradicted:
            self._contradicted = self._ledger.contradicted
            self._metrics.contradicted.set(self._contradicted)
        if self._incidents is not None:
            self._incidents.note(request)

    def saved(self) -> SavedState:
        """The ledger, the incidents, and pairs that are in no file yet."""
        parts = {"ledger": self._ledger.saved(self._inputs), "by_request": self._by_request.saved()}
        parts["accepted"] = self._accepted.saved()
        if self._batches is not None and self._batches.unwritten:
            parts["batches"] = self._batches.saved()
        if self._silenced is not None:
            parts["silenced"] = self._silenced.saved(self._inputs)
        found = SavedState.of_parts(parts)
        if isinstance(self._ledger, DerivedLedger):
            found.plain["book"] = self._book.saved()
        if kept := self._kept.saved():
            found.plain["kept_labels"] = kept
            found.plain["kept_label_others"] = self._kept.saved_others()
        if self._early is not None:
            found.plain["early"] = self._early.saved()
        changes = None if self._incidents is None else self._incidents.changes()
        if changes is not None:
            found.plain["changes"] = changes
        ahead = self._ahead.saved()
        return found if not ahead.plain else found.with_part("ahead", ahead)

    def restore(self, state: SavedState, lost: bool) -> bool:
        """Go on from the ledger; predictions of an earlier model stay what they were."""
        self._ledger.restore(state.part("ledger"), self._inputs)
        self._by_request.restore(state.part("by_request"))
        self._accepted.restore(state.part("accepted"))
        if self._silenced is not None:
            self._silenced.restore(state.part("silenced"), self._inputs)
        if isinstance(self._ledger, DerivedLedger):
            self._book.restore(state.plain["book"])
        kept = state.plain.get("kept_labels", [])  # Snapshots of before have none.
        self._kept.restore(kept, state.plain.get("kept_label_others"))
        if self._early is not None and "early" in state.plain:  # Snapshots of before have none.
            self._early.restore(state.plain["early"])
        if self._batches is not None and "batches" in state.plain:
            self._batches.restore(state.part("batches"))
        if self._incidents is not None and "changes" in state.plain:
            self._incidents.restore(state.plain["changes"])
        self._ahead.restore(state.part("ahead"))
        return True

    def before_snapshot(self, lost: bool) -> None:
        """Keep the incidents beside the journal again, if they are lost there."""
        if isinstance(self._ledger, PredictionLedger):
            self._ledger.settle()  # A snapshot has no row that is between ledger and join.
        if lost and self._incidents is not None:
            self._incidents.keep_anew()

    def before_replay(self, journal: Journal, after: EntryId) -> None:
        """Remember incidents of which the journal may have dropped what was said."""
        if self._incidents is not None:
            self._incidents.before_replay(journal, after)

    def after_replay(self) -> None:
        """Take over the incidents that are left."""
        if self._incidents is not None:
            self._incidents.after_replay()

    def prepare(self, request: Request) -> None:
        """Refuse what there is no room for, and have labels and incidents say all of what they are about."""
        if request.entry == BEFORE_ALL:
            self._by_request.resolve(request)
            if self._batches is not None:
                check_unwritten(self._batches.unwritten, self._most_unwritten)
            waiting = self._by_request.waiting(request.arrival)
            check_room(self._ledger, self._ahead.join, waiting, request, self._room)
            if request.telemetry and self._by_request.is_full:
                newest = request.newest_before(self._room.tolerance)
                self._by_request.check_room(max(newest, self._ledger.newest or -math.inf))
        if self._incidents is not None:
            self._incidents.prepare(request)

    def untold(self) -> Iterator[tuple[Kind, Sequence[JournalEvent]]]:
        """Incidents and positives that the history has, as far as they are not known here."""
        return self._incidents.untold() if self._incidents is not None else iter(())

    def asked(self, request: Request) -> Iterator[tuple[Kind, Sequence[JournalEvent]]]:
        """Incidents that are not known here any more: the history knows what a request leaves out."""
        return self._incidents.asked(request) if self._incidents is not None else iter(())

    def terminate(self) -> None:
        """Write the pairs that are in no batch yet, and save the incidents."""
        if self._batches is not None:
            self._batches.close()
        self._ahead.close()
        if self._incidents is not None:
            self._incidents.save()

    def summary(self) -> dict[str, Any]:
        """Answer of ``GET /labeled``; the counts cover what the journal holds, and this process since."""
        return {
            **told_ledger(self._ledger, self._schema.time),
            **told_exclusions(self._metrics),
            **told_early_incidents(self._early),
            "batches_written": self._batches.written if self._batches else 0,
            "unwritten": self._batches.unwritten if self._batches else 0,
            "directory": str(self._batches.directory) if self._batches else None,
            "deadline_seconds": self._deadline,
            "warning": self._warning(),
            **self._ahead.summary(),
        }

    def _warning(self) -> str | None:
        """That labels come too late, if many do, or hardly any come."""
        horizon = self._schema.horizon_seconds
        if isinstance(self._ledger, DerivedLedger):
            return late_errors_warning(self._ledger, self._schema.labels, horizon)
        late = late_warning(self._ledger, self._deadline, horizon)
        return late or few_labels_warning(self._ledger, self._deadline)

    def _is_outside_maintenance(self, device: str, time: float) -> bool:
        """By what is known of it by now."""
        return not self._excluded.in_maintenance(device, time)

    def _write_failed(self, error: Exception) -> None:
        self._metrics.batch_failures.inc()
        self._metrics.write_failed("pairs")
        self._logger.error(f"a batch of labeled pairs could not be written and is kept: {error}")


def _keep(request: Request, counts: Callable[[str, float], bool], left_out: CounterFamily) -> None:
    """Leave the pairs of a request that count, by device and time, and count the others."""
    if not request.pairs and not request.mature:
        return
    kept = [pair for pair in request.pairs if counts(pair.device, pair.time)]
    if len(kept) < len(request.pairs):
        left_out.inc(len(request.pairs) - len(kept))
    request.pairs = kept
    request.mature = [pair for pair in request.mature if counts(pair.device, pair.time)]
