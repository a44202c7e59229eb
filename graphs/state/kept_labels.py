"""Labels that become history and join no prediction, so that who sends another one is told so."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from feature_sets.rows.event_micros import event_micros
from graphs.protocol.label_status import LabelStatus

Others = tuple[Any, ...]

_PART = 8
"""Memory is looked through when the newest event is this part of the deadline ahead of the last look."""


class KeptLabels:
    """What was said first of a device and time, with a horizon: whether the device is in error then.

    The history takes the first of two labels, so this does. Time is event time: a label is remembered until
    the newest prediction is more than the deadline ahead of it, and an eighth of that longer at most.

    :param deadline_seconds: how much older than the newest event a label may be; above 0.
    :param most: labels remembered at most; beyond it that which was told of longest ago is forgotten.
    """

    def __init__(self, deadline_seconds: float, most: int) -> None:
        self._deadline = round(deadline_seconds * 1_000_000)
        self._most = most
        # Of a dict whose first entries are deleted one by one, finding the first takes ever longer.
        self._said: OrderedDict[tuple[int, str], tuple[int, Others | None]] = OrderedDict()
        self._looked_at = -math.inf

    def status(
        self, device: str, time: float, said: int, newest: float | None, others: Others = ()
    ) -> LabelStatus:
        """Whether a label is new, says the same as the one before it, or another thing; it is not noted.

        :param time: event time that it is about, epoch seconds.
        :param said: 0 or 1.
        :param newest: event time of the newest prediction, epoch seconds; None before one.
        :param others: what it says of the columns that exclude, as the history keeps it beside the label.
        """
        micros = event_micros(time)
        before = None if micros < self._oldest(newest) else self._said.get((micros, device))
        if before is None:
            return LabelStatus.KEPT
        # Nobody knows what columns an earlier snapshot's label had.
        same = before[0] == said and before[1] in (None, others)
        return LabelStatus.DUPLICATE if same else LabelStatus.CONFLICTING

    def said(self, device: str, time: float) -> int:
        """What was said first of a device and time that is remembered."""
        return self._said[event_micros(time), device][0]

    def note(self, device: str, time: float, said: int, newest: float | None, others: Others = ()) -> None:
        """Remember a label that is new; parameters are those of ``status``."""
        micros, oldest = event_micros(time), self._oldest(newest)
        self._forget(oldest)
        if micros < oldest:
            return
        while len(self._said) >= self._most:
            self._said.popitem(last=False)
        self._said[micros, device] = said, others

    def _oldest(self, newest: float | None) -> float:
        """Earliest event time that is remembered, microseconds."""
        return -math.inf if newest is None else event_micros(newest) - self._deadline

    def _forget(self, oldest: float) -> None:
        if oldest == -math.inf or oldest < self._looked_at + self._deadline // _PART:
            return
        self._looked_at = oldest
        self._said = OrderedDict((key, said) for key, said in self._said.items() if key[0] >= oldest)

    def saved(self) -> list[list[Any]]:
        """Plain content for JSON, in the order in which it was told; ``restore`` reads it back."""
        return [[micros, device, said] for (micros, device), (said, _) in self._said.items()]

    def saved_others(self) -> list[list[Any] | None]:
        """Of each of ``saved`` its columns; apart, as earlier releases read three fields there."""
        return [None if others is None else list(others) for _, others in self._said.values()]

    def restore(self, saved: list[list[Any]], others: Sequence[list[Any] | None] | None = None) -> None:
        """Go on from what ``saved`` and ``saved_others`` gave; earlier snapshots have none of the latter."""
        found = [None] * len(saved) if others is None else others
        self._said = OrderedDict(  # A fourth field is of a development version; it counts as not known.
            ((micros, device), (said, None if of is None else tuple(of)))
            for (micros, device, said, *_), of in zip(saved, found, strict=True)
        )
        self._looked_at = -math.inf
