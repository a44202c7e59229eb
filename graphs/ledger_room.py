"""Whether the ledger has room for a request: nothing that is within the deadline is forgotten for it."""

from __future__ import annotations

from typing import NamedTuple

from graphs.protocol.errors import ApiError
from graphs.protocol.records import LabelRecord
from graphs.protocol.request import Request
from graphs.state.ahead_join import AheadJoin
from graphs.state.derived_ledger import DerivedLedger
from graphs.state.ledger import PredictionLedger

LATER = {"Retry-After": "5"}


class Room(NamedTuple):
    """How much a ledger may remember.

    :param most: predictions and labels; labels have as much again, so that predictions that wait can always
        get theirs.
    :param deadline: after which an event is forgotten, in event time, seconds.
    :param tolerance: how far ahead of the clock the time of an event may be, seconds.
    """

    most: int
    deadline: float
    tolerance: float


def check_unwritten(unwritten: int, most: int) -> None:
    """Refuse events when pairs wait for the disk.

    :raises ApiError: 429 if too many do.
    """
    if unwritten >= most:
        rule = f"must be sent again later: {unwritten} labeled pairs are in no file"
        raise ApiError(429, "labeled_batches", rule, headers=LATER, reason="unwritten_pairs")


def check_room(
    ledger: PredictionLedger | DerivedLedger,
    join: AheadJoin | None,
    labels: int,
    request: Request,
    room: Room,
) -> None:
    """Refuse what cannot be remembered.

    What waits for what follows it, with further horizons, takes room like the rest. Labels that wait for an
    event by its name have room of their own, as no event ends them.

    :param labels: how many of these wait.
    :raises ApiError: 503 if there are too many predictions and labels, and no newer event ends one.
    """
    if labels >= room.most and any(isinstance(one, LabelRecord) and one.event.name for one in request.labels):
        rule = f"must be sent again later: {labels} labels wait for the request that they name"
        raise ApiError(503, "ledger", rule, reason="ledger")
    most = room.most * (2 if request.labels else 1)
    held = len(ledger) + (join.held if join is not None else 0)
    if held < most:
        return
    newest = request.newest_before(room.tolerance)
    if ledger.newest is not None:
        newest = max(newest, ledger.newest)
    earliest, settled = ledger.earliest, newest - room.deadline
    if join is None and (earliest is None or earliest < settled):
        return
    if join is not None and join.frees(settled, earliest):
        return
    rule = f"must be sent again later: {held} events wait for their labels or deadline"
    raise ApiError(503, "ledger", rule, reason="ledger")
