"""Entries of the journal that some steps have taken and another one has failed at."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from graphs.protocol.errors import ApiError
from graphs.protocol.request import Request
from graphs.state.entry_id import BEFORE_ALL, EntryId

GIVEN_UP = "given_up"
"""Document beside the journal."""
_MOST_GIVEN_UP = 10_000
"""Each took a minute, and snapshots have the older ones."""


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


def refusal(held: Held, is_model: bool, why: str = "") -> ApiError:
    """What is answered while an entry waits.

    :param is_model: whether the step that failed at it is the model.
    """
    what = "answer" if is_model else f"take in, in its step {held.step},"
    rule = f"must first {what} what came before this, and failed at it"
    return ApiError(503, "model" if is_model else "state", f"{rule} ({why})" if why else rule)


def not_taken_in(step: str, entries: int, is_model: bool) -> ApiError:
    """What readiness says after a start that left entries out.

    :param step: that failed at them.
    :param is_model: whether it is the model.
    """
    rule = (
        f"must take in, in its step {step}, what came before this start, and failed at {entries} entries, "
        "which the next start gives it again; no snapshot is taken until then"
    )
    return ApiError(503, "model" if is_model else "state", rule)


@dataclass
class Unfinished:
    """What the rest of the steps must still be given, before anything that comes after it.

    :param clock: epoch seconds.
    :param held: entries in the order of the journal.
    :param finished: the last entry that was unfinished once.
    :param given_up: entries that went on behind a step that failed at them, with the name of the step.
    :param is_starting: whether nobody is answered yet.
    :param left_out: how many entries a start had go on behind a step whose time was over, by its name. The
        next start gives them to it again, as nothing of that is kept.
    """

    clock: Callable[[], float]
    held: list[Held] = field(default_factory=list)
    finished: EntryId = BEFORE_ALL
    given_up: set[tuple[EntryId, str]] = field(default_factory=set)
    is_starting: bool = False
    left_out: Counter[str] = field(default_factory=Counter)
    _waited_for: set[str] = field(default_factory=set)

    @property
    def request(self) -> Request | None:
        """The first one; None while there is none."""
        return self.held[0].request if self.held else None

    def has_taken(self, entry: EntryId) -> bool:
        """Whether an entry is unfinished here, or was the last one that was: it is given to no step anew."""
        return entry == self.finished or any(held.request.entry == entry for held in self.held)

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

    def is_over(self, step: str) -> bool:
        """Whether a start has given a step its time already: else it would take that for each entry."""
        return self.is_starting and step in self._waited_for

    def give_up(
        self, held: Held, following: str | None, is_kept: bool = True, has_waited: bool = True
    ) -> None:
        """Have an entry go on behind the step that fails at it.

        :param following: name of the next step; None if there is none.
        :param is_kept: whether that is so at the next start, too.
        :param has_waited: whether the step had its time at it; not where it was given up by a process before.
        """
        if has_waited:
            self._waited_for.add(held.step)
        if is_kept:
            self.given_up.add((held.request.entry, held.step))
        else:
            self.left_out[held.step] += 1
        held.step, held.since = following or "", self.clock()

    def is_given_up(self, entry: EntryId, step: str) -> bool:
        """Whether an entry went on behind a step, here or in a process of before."""
        return (entry, step) in self.given_up

    def load(self, content: dict[str, Any] | None) -> None:
        """Know what ``merged`` gave."""
        self.given_up.update(_read(content))

    def merged(self, kept: dict[str, Any] | None, held: Held) -> dict[str, Any]:
        """What was given up by any process, and an entry that is to be; for JSON."""
        known = {*_read(kept), (held.request.entry, held.step)}
        return {"entries": [[*entry, step] for entry, step in sorted(known)[-_MOST_GIVEN_UP:]]}

    def finish(self, held: Held) -> None:
        """All steps have taken an entry."""
        self.held.remove(held)
        self.finished = held.request.entry


def _read(content: dict[str, Any] | None) -> list[tuple[EntryId, str]]:
    rows = content["entries"] if content else []
    return [((milliseconds, sequence), step) for milliseconds, sequence, step in rows]
