"""Counts of what is in no journal: what Prometheus was told of them goes on over restarts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from graphs.protocol.errors import ApiError
from graphs.protocol.request_id import made_id
from graphs.state.journal import Journal
from graphs.state.serving_metrics import ServingMetrics

_SAVED = "told-counts"
_ADDED = "additions"
_WRITERS = 16
"""So many processes are known by their last addition, those that started last."""


class ToldCounts:
    """Adds counts of this process to those kept beside the journal, and shows the sum of all processes.

    A replay cannot count these again, as what was refused is in no journal. They are kept before they are
    told: so no count that somebody saw is less later, whatever ends the process, and whichever one answers.

    An addition has a number, which is kept with the counts in the same step. So it is there once, also when
    the store took it and its answer was lost.

    :param metrics: whose series these are.
    :param journal: that keeps the document.
    :param clock: gives epoch seconds; when the process started orders it among others.
    """

    def __init__(self, metrics: ServingMetrics, journal: Journal, clock: Callable[[], float]) -> None:
        self._metrics, self._journal = metrics, journal
        self._shown: dict[str, float] = {}
        self._writer = _key(_ADDED, {"by": f"{max(0, int(clock() * 1000)):013d}-{made_id()}"})
        self._number = 0
        self._pending: dict[str, float] | None = None

    def settle(self) -> None:
        """Keep what was counted since the last time, and have the series show what all have counted.

        While the store is away the series show what this process knows; the next time has the rest.
        """
        try:
            if self._pending is not None:  # It may be there: what was counted since is another addition.
                self._add(self._pending)
            self._add(self._counted())
        except ApiError:  # It is away, within the time that any request waits for it.
            return

    def _counted(self) -> dict[str, float]:
        """What this process has counted that is not shown."""
        now = {_key(name, labels): value for name, labels, value in self._metrics.told()}
        more = {key: value - self._shown.get(key, 0.0) for key, value in now.items()}
        return {key: value for key, value in more.items() if value > 0}

    def _add(self, more: dict[str, float]) -> None:
        """Keep an addition, and show the sum.

        :raises ApiError: 503 if it is not known to be kept; it stays pending then.
        """
        if more and self._pending is None:
            self._number += 1
            self._pending = more
        totals: dict[str, float] = {}

        def merged(kept: dict[str, Any] | None) -> dict[str, Any]:
            known, writers = _parted(kept or {})
            is_there = writers.get(self._writer, 0) >= self._number
            totals.clear()
            for key in sorted(known.keys() | self._shown.keys() | more.keys()):
                # A store that lost its content has less than was shown.
                before = max(known.get(key, 0.0), self._shown.get(key, 0.0))
                totals[key] = before if is_there else before + more.get(key, 0.0)
            if more:
                writers[self._writer] = self._number
            return {**totals, **{writer: writers[writer] for writer in sorted(writers)[-_WRITERS:]}}

        self._journal.merge(_SAVED, merged)
        for key, total in totals.items():
            name, labels = orjson.loads(key)
            self._metrics.add_told(name, labels, total - self._shown.get(key, 0.0) - more.get(key, 0.0))
        self._shown.update(totals)
        self._pending = None


def _parted(kept: dict[str, Any]) -> tuple[dict[str, float], dict[str, int]]:
    """The counts of a document, and the number of the last addition of each process."""
    writers = {key: number for key, number in kept.items() if orjson.loads(key)[0] == _ADDED}
    return {key: count for key, count in kept.items() if key not in writers}, writers


def _key(name: str, labels: dict[str, str]) -> str:
    return orjson.dumps([name, labels], option=orjson.OPT_SORT_KEYS).decode()
