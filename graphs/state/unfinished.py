"""An entry of the journal that windows have taken and the model could not answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from graphs.protocol.request import Request
from graphs.state.entry_id import BEFORE_ALL, EntryId


@dataclass
class Unfinished:
    """What the rest of the steps must still be given, before anything that comes after it.

    :param clock: epoch seconds.
    :param request: with its events; None while there is none.
    :param since: when it failed first, epoch seconds.
    :param finished: the last entry that was unfinished once.
    """

    clock: Callable[[], float]
    request: Request | None = None
    since: float = 0.0
    finished: EntryId = BEFORE_ALL

    def note(self, request: Request) -> None:
        """The model failed at a request that is in the journal."""
        if self.request is not None and self.request.entry == request.entry:
            return
        self.since = self.clock()
        # The request itself is answered by the failure; nobody waits for this one.
        self.request = Request(
            request.kind,
            path="(journal)",
            arrival=request.arrival,
            arrivals=request.arrivals,
            replayed=True,
            sent=request.sent,
            telemetry=request.telemetry,
            entry=request.entry,
            brought=request.sent_events,
        )
