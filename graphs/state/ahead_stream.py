"""The labeled streams of further horizons, beside that of the primary one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from feature_sets.telemetry.each_horizon import further
from graphs.protocol.records import LabeledPair
from graphs.protocol.request import Request
from graphs.state.ahead_join import AheadJoin
from graphs.state.labeled_batches import LabeledBatches
from graphs.state.serving_state import ServingState
from graphs.state.snapshots.saved_state import SavedState


class AheadStream:
    """Joins the predictions of further horizons, and writes the pairs of each in batches of its own.

    Where the primary horizon is ahead itself, labels do not say whether a device is in error, and nothing is
    joined.

    :param state: of the graph.
    :param deadline_seconds: how much later than its event, in event time, a label may come.
    :param on_failure: called with the error when a batch cannot be written.
    """

    def __init__(
        self, state: ServingState, deadline_seconds: float, on_failure: Callable[[Exception], None]
    ) -> None:
        schema, settings = state.schema, state.settings
        self._deadline, self._schema, self._metrics = deadline_seconds, schema, state.metrics
        self._population = state.population
        self.join = None
        if schema.further_horizons and not schema.horizon_seconds:
            self.join = AheadJoin(schema, settings.model_name, state.calendar, settings.ledger_max_size)
        self._batches: dict[str, LabeledBatches] = {}
        self._pairs: dict[str, list[LabeledPair]] = {}
        if self.join is None or not settings.labeled_directory:
            return
        for horizon, one in further(schema).items():
            self._batches[horizon] = LabeledBatches(
                Path(f"{settings.labeled_directory}-{horizon}"),
                schema.time,
                one.target,
                (),
                settings.batch_rows,
                settings.batch_seconds,
                on_failure,
                anew=settings.labeled_anew,
            )

    def exclude(self, device: str, time: float, newest: float | None) -> None:
        """Note that the row of a device at a time does not count, if that is told within the deadline.

        :param newest: event time of the newest prediction, epoch seconds.
        """
        if self.join is not None and (newest is None or time >= newest - self._deadline):
            self.join.exclude(device, time)

    def advance(self, newest: float | None, now: float) -> None:
        """Join what is known by now.

        :param newest: event time of the newest prediction, epoch seconds.
        :param now: when it arrived, epoch seconds.
        """
        if self.join is not None and newest is not None:
            for horizon, pairs in self.join.joined(newest - self._deadline, now).items():
                self._pairs.setdefault(horizon, []).extend(pairs)

    def write(self, request: Request) -> None:
        """Hand what a request has joined to the batches."""
        while self._pairs:
            horizon, joined = next(iter(self._pairs.items()))
            pairs = [pair for pair in joined if self._is_of(pair)]
            if horizon in self._batches:
                placed = [pair._replace(position=request.position(place)) for place, pair in enumerate(pairs)]
                self._batches[horizon].add(placed, request.replayed)
            del self._pairs[horizon]
            for pair in pairs:
                is_right = "yes" if pair.made.prediction == pair.label else "no"
                self._metrics.ahead_pairs.labels(horizon, is_right).inc()

    def _is_of(self, pair: LabeledPair) -> bool:
        """Whether the model is made for the device of a pair."""
        return self._population is None or self._population.has(pair.device, pair.time)

    def saved(self) -> SavedState:
        """What is remembered, and pairs that are in no file yet."""
        if self.join is None:
            return SavedState()
        batches = {horizon: batch.saved() for horizon, batch in self._batches.items() if batch.unwritten}
        return SavedState.of_parts({"join": self.join.saved(), "batches": SavedState.of_parts(batches)})

    def restore(self, state: SavedState) -> None:
        """Go on from what was saved; a snapshot of one horizon alone has nothing of it."""
        if self.join is None or not state.plain:
            return
        self.join.restore(state.part("join"))
        for horizon, batch in self._batches.items():
            if horizon in state.plain["batches"]:
                batch.restore(state.part("batches").part(horizon))

    def close(self) -> None:
        """Write the pairs that are in no batch yet."""
        for batch in self._batches.values():
            batch.close()

    def summary(self) -> dict[str, Any]:
        """Counts of each further horizon for ``GET /labeled``; nothing where there is one horizon."""
        if not self._schema.further_horizons:
            return {}
        if self.join is None:
            not_joined = list(self._schema.further_horizons)
            return {"joined_horizon": self._schema.horizon, "horizons_not_joined": not_joined}
        return {"horizons": {horizon: self._counts(self.join, horizon) for horizon in self.join.counts}}

    def _counts(self, join: AheadJoin, horizon: str) -> dict[str, Any]:
        counted, batch = join.counts[horizon], self._batches.get(horizon)
        return {
            "joined": counted["joined"],
            "right": counted["right"],
            "unknown": counted["unknown"],
            "waiting": join.waiting(horizon),
            "directory": str(batch.directory) if batch else None,
        }
