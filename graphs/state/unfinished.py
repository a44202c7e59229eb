"""Entries of the journal that some steps have taken and another one has failed at."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field

from graphs.protocol.request import Request
from graphs.state.entry_id import BEFORE_ALL, EntryId


@dataclass
class Held:
    """An entry, and where it goes on.

    :param request: with its events.
    :param step: name of the step that failed at it.
    :param since: when that failed first, epoch seconds.
    """

    request: Request
    step: str
    since: float


@dataclass
class Unfinished:
    """What the rest of the steps must still be given, before anything that comes after it.

    :param clock: epoch seconds.
    :param held: entries in the order of the journal.
    :param finished: the last entry that was unfinished once.
    """

    clock: Callable[[], float]
    held: list[Held] = field(default_factory=list)
    finished: EntryId = BEFORE_ALL

    @property
    def request(self) -> Request | None:
        """The first one; None while there is none."""
        return self.held[0].request if self.held else None

    def note(self, request: Request, step: str) -> None:
        """A step failed at a request that is in the journal."""
        for known in self.held:
            if known.request.entry == request.entry:
                if known.step != step:
                    known.step, known.since = step, self.clock()
                return
        # The request itself is answered by the failure; nobody waits for this one.
        rest = dataclasses.replace(
            request,
            id="",
            path="(journal)",
            started=0.0,
            marks=[],
            shared_end=0.0,
            errors=[],
            status=200,
            answer=None,
            answered=False,
            headers={},
            refused="",
            brought=request.sent_events,
        )
        self.held.append(Held(rest, step, self.clock()))
        self.held.sort(key=lambda each: each.request.entry)

    def give_up(self, held: Held, following: str | None) -> None:
        """Have an entry go on behind the step that fails at it.

        :param following: name of the next step; None if there is none.
        """
        held.step, held.since = following or "", self.clock()

    def finish(self, held: Held) -> None:
        """All steps have taken an entry."""
        self.held.remove(held)
        self.finished = held.request.entry
