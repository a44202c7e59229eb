"""Counts of what is in no journal: what Prometheus was told of them goes on over restarts."""

from __future__ import annotations

from typing import Any

import orjson

from graphs.protocol.errors import ApiError
from graphs.state.journal import Journal
from graphs.state.serving_metrics import ServingMetrics

_SAVED = "told-counts"


class ToldCounts:
    """Adds counts of this process to those kept beside the journal, and shows the sum of all processes.

    A replay cannot count these again, as what was refused is in no journal. They are kept before they are
    told: so no count that somebody saw is less later, whatever ends the process, and whichever one answers.

    :param metrics: whose series these are.
    :param journal: that keeps the document.
    """

    def __init__(self, metrics: ServingMetrics, journal: Journal) -> None:
        self._metrics, self._journal = metrics, journal
        self._shown: dict[str, float] = {}

    def settle(self) -> None:
        """Keep what was counted since the last time, and have the series show what all have counted.

        While the store is away the series show what this process knows; the next time has the rest.
        """
        now = {_key(name, labels): value for name, labels, value in self._metrics.told()}
        totals: dict[str, float] = {}

        def merged(kept: dict[str, Any] | None) -> dict[str, Any]:
            known = kept or {}
            totals.clear()
            for key in sorted(known.keys() | now.keys()):
                shown = self._shown.get(key, 0.0)
                # A store that lost its content has less than was shown.
                totals[key] = max(known.get(key, 0.0), shown) + now.get(key, 0.0) - shown
            return dict(totals)

        try:
            self._journal.merge(_SAVED, merged)
        except ApiError:  # It is away, within the time that any request waits for it.
            return
        for key, total in totals.items():
            name, labels = orjson.loads(key)
            self._metrics.add_told(name, labels, total - now.get(key, 0.0))
        self._shown.update(totals)


def _key(name: str, labels: dict[str, str]) -> str:
    return orjson.dumps([name, labels], option=orjson.OPT_SORT_KEYS).decode()
