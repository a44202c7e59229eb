"""An incident that is sent live, and what becomes of it: opened, changed, closed or cancelled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from feature_sets.rows.event_micros import event_micros
from feature_sets.telemetry.cell_text import cell_text, id_text


class IncidentStatus(StrEnum):
    """What became of an incident that was sent."""

    OPENED = "opened"
    """It was not known."""
    CHANGED = "changed"
    """Something of it is another now."""
    CLOSED = "closed"
    """It has an end now."""
    CANCELLED = "cancelled"
    """It was none."""
    DUPLICATE = "duplicate"
    """It is as it was."""
    WAITING = "waiting"
    """There is no such incident yet; what was said of it waits for its start."""
    UNKNOWN = "unknown"
    """The schema has its labels in another form by now."""
    END_BEFORE_START = "end_before_start"
    """It would end before it starts."""
    QUARANTINED = "quarantined"
    """It starts further ahead of the clock than the tolerance."""


CHANGES = (
    IncidentStatus.OPENED,
    IncidentStatus.CHANGED,
    IncidentStatus.CLOSED,
    IncidentStatus.CANCELLED,
)
"""Those with which an incident is another one than before."""


MOST_BEFORE = 8
"""So many earlier states of an incident are known again when its ticket is sent once more."""


class IncidentEvent(NamedTuple):
    """What a request says of one incident; what it does not say stays.

    :param id: of the incident; without one it is made of whom it names and its start.
    :param names: column of the scope -> its value; empty if none was sent.
    :param start: epoch seconds; None if none was sent.
    :param end: the same of the end.
    :param ended: whether an end was sent; None then opens it again.
    :param cancelled: whether it was none; None if that was not sent.
    :param texts: column -> what is said of it there.
    :param source: what of the history says so, such as the name of a file; empty if it was sent.
    :param firm: whether ``cancelled`` is said of itself, as by a person: the ticket is not repeated with it.
    :param reopens: whether it takes an end back. A whole ticket without an end need not: it says what was
        known when it was written.
    """

    id: str
    names: Mapping[str, str]
    start: float | None
    end: float | None
    ended: bool
    cancelled: bool | None
    texts: Mapping[str, str | None]
    source: str = ""
    firm: bool = False
    reopens: bool = False

    def row(self) -> dict[str, Any]:
        """As a journal keeps it; ``of_row`` reads it back."""
        content = self._asdict()
        for name in ("source", "reopens"):
            if not content[name]:
                del content[name]
        return content

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> IncidentEvent:
        """The inverse of ``row``. An earlier version kept ids as they were sent, such as 7.0 for 7.

        It kept no ``firm`` and no ``reopens`` either. What took a cancellation or an end back does so again.
        """
        is_bare = not row["names"] and row["start"] is None
        before = {
            "firm": row["cancelled"] is False or (row["cancelled"] is True and is_bare),
            "reopens": is_bare and row["ended"] and row["end"] is None,
        }
        return cls(**{**before, **row, "id": id_text(row["id"])})


@dataclass(frozen=True)
class Incident:
    """An incident as it is known.

    :param id: see ``IncidentEvent``.
    :param names: column of the scope -> its value.
    :param start: epoch seconds.
    :param end: None while it is open.
    :param cancelled: whether it was none.
    :param texts: column -> what is said of it there.
    :param source: what of the history says so; empty if it is as it was sent last.
    :param changed: when it was sent last, epoch seconds; 0 if it was not sent.
    :param held: whether it stays cancelled while its ticket only repeats itself, as a person cancelled it.
    :param before: digests of what its ticket said earlier, the last of these last.
    """

    id: str
    names: Mapping[str, str]
    start: float
    end: float | None = None
    cancelled: bool = False
    texts: Mapping[str, str | None] | None = None
    source: str = field(default="", compare=False)
    changed: float = field(default=0.0, compare=False)
    held: bool = False
    before: tuple[str, ...] = field(default=(), compare=False)

    def plain(self) -> dict[str, Any]:
        """Its fields, for JSON; ``of_plain`` reads them back.

        ``dataclasses.asdict`` copies what is never changed, which takes ten times as long.
        """
        return dict(vars(self))

    @classmethod
    def of_plain(cls, content: Mapping[str, Any]) -> Incident:
        """The inverse of ``plain``; ids are read as by ``IncidentEvent.of_row``.

        An earlier version did not keep who cancelled it: nothing that repeats itself takes that back.
        """
        given = {"held": content["cancelled"], **content, "id": id_text(content["id"])}
        return cls(**{**given, "before": tuple(content.get("before", ()))})

    def whole(self, event: IncidentEvent) -> IncidentEvent:
        """An event with all that is known beside it, so that it can be read without."""
        return IncidentEvent(
            event.id,
            event.names or self.names,
            self.start if event.start is None else event.start,
            event.end if event.ended else self.end,
            True,
            self.cancelled if event.cancelled is None else event.cancelled,
            {**(self.texts or {}), **event.texts},
            event.source,
            self.held if event.cancelled is None else event.firm,
            event.reopens,
        )

    def but(self, **changes: Any) -> Incident:
        """The same with other values of some fields.

        ``dataclasses.replace`` looks at each field and calls ``__init__``, which takes several times as long.
        """
        found = object.__new__(Incident)
        vars(found).update(vars(self), **changes)
        return found

    def _said(self) -> list[Any]:
        """What its ticket says: all but whether it was none."""
        end = None if self.end is None else event_micros(self.end)
        texts = {column: text for column, text in (self.texts or {}).items() if text is not None}
        return [dict(self.names), event_micros(self.start), end, texts]

    def digest(self) -> str:
        """Of what its ticket says: all but whether it was none."""
        content = json.dumps(self._said(), sort_keys=True).encode("utf-8", "surrogatepass")
        return hashlib.blake2b(content, digest_size=8).hexdigest()

    def repeats(self, earlier: Incident) -> bool:
        """Whether its ticket says what it said by the time of an earlier one, or before that."""
        if self._said() == earlier._said():
            return True
        return bool(earlier.before) and self.digest() in earlier.before

    def following(self, earlier: Incident) -> Incident:
        """The same, which knows what was said by the time of an earlier one."""
        if self._said() == earlier._said():  # Nearly always of a ticket with all fields; a digest takes long.
            return self.but(before=earlier.before)
        last = earlier.digest()
        if earlier.before and earlier.before[-1] == last:
            return self.but(before=earlier.before)
        return self.but(before=(*earlier.before, last)[-MOST_BEFORE:])

    @classmethod
    def told(cls, event: IncidentEvent) -> Incident:
        """What a whole event says."""
        end = event.end if event.ended else None
        cancelled = bool(event.cancelled)
        known = cls(event.id, event.names, event.start or 0.0, end, cancelled, event.texts, event.source)
        return known.but(held=cancelled and event.firm)


def after(
    known: Incident | None, event: IncidentEvent, latest: float
) -> tuple[IncidentStatus, Incident | None]:
    """What becomes of an incident by an event, and how it is known then; None if nothing changes.

    :param known: None if there is none of this id.
    :param event: one of the history says all, and takes the place of what is known.
    :param latest: latest start that it may have, epoch seconds.
    """
    if event.source:
        told = Incident.told(event)
        if told == known and told.source == known.source:
            return IncidentStatus.DUPLICATE, None
        status = IncidentStatus.OPENED if known is None else IncidentStatus.CHANGED
        told = told if known is None else told.following(known)
        return (IncidentStatus.CANCELLED if told.cancelled else status), told
    if known is None:
        if event.start is None or not event.names:
            return IncidentStatus.WAITING, None
        known, status = Incident(event.id, event.names, event.start, texts={}), IncidentStatus.OPENED
    else:
        status = IncidentStatus.CHANGED
    found = known.but(
        names=event.names or known.names,
        start=known.start if event.start is None else event.start,
        end=event.end if event.ended else known.end,
        texts={**(known.texts or {}), **event.texts},
        source="",
    )
    found = _with_cancelled(found, known, event)
    if found.start > latest:
        return IncidentStatus.QUARANTINED, None
    if found.end is not None and found.end < found.start:
        return IncidentStatus.END_BEFORE_START, None
    if status is IncidentStatus.CHANGED:
        if found == known:
            return IncidentStatus.DUPLICATE, None
        found = found.following(known)
        if found.end is not None and known.end is None:
            status = IncidentStatus.CLOSED
    if found.cancelled and not known.cancelled:
        status = IncidentStatus.CANCELLED
    return status, found


def decided(known: Incident | None, event: IncidentEvent, found: Incident | None) -> IncidentEvent:
    """An event that says itself what becomes of a cancellation and of an end: its reader need not know more.

    :param known: what the event meets.
    :param found: what it makes of that, see ``after``; None if nothing changes.
    """
    if known is None or event.source:
        return event
    if event.ended and event.end is None and known.end is not None and found is not None:
        event = event._replace(reopens=True)
    if known.cancelled and event.cancelled is False:
        stays = (found or known).cancelled
        event = event._replace(cancelled=None, firm=False) if stays else event._replace(firm=True)
    return event


def _with_cancelled(found: Incident, known: Incident, event: IncidentEvent) -> Incident:
    """An incident with whether it was none.

    A tool sends a ticket again that was delivered already. What a person cancelled is not taken back by that,
    only by what the ticket did not say before.
    """
    if event.cancelled is None:
        return found
    if event.cancelled:
        return found.but(cancelled=True, held=event.firm or (known.cancelled and known.held))
    stays = known.cancelled and known.held and not event.firm and found.repeats(known)
    return found if stays else found.but(cancelled=False, held=False)


def made_id(names: Mapping[str, str], start: float) -> str:
    """Id of an incident that has none: two of the same devices and start are one."""
    return made_ids(names, [start])[0]


def made_ids(names: Mapping[str, str], starts: Iterable[float]) -> list[str]:
    """The same of several incidents of the same devices, in their order."""
    whom = ",".join(f"{column}={value}" for column, value in names.items())
    return [f"{whom}@{cell_text(start)}" for start in starts]
