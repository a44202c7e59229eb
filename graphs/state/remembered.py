"""What a ledger remembers of a device: its predictions, and the labels that were told of it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

from graphs.protocol.label_status import LabelStatus
from graphs.protocol.records import Prediction


@dataclass(slots=True)
class Made:
    """A prediction that is remembered."""

    time: float
    made: Prediction
    predicted_at: float
    label: int | None = None
    excluded: bool = False
    left_out: bool = False

    @property
    def is_open(self) -> bool:
        """Whether a label may still join it."""
        return self.label is None and not self.excluded and not self.left_out


@dataclass(slots=True)
class Told:
    """A label that was told of a time, None if it leaves the prediction out.

    ``used`` is the status that it got when it met a prediction; ``observed`` says that it is the label
    itself, of which what is predicted is made.
    """

    label: int | None
    labeled_at: float
    used: LabelStatus | None = None
    observed: bool = False

    @property
    def is_kept(self) -> bool:
        """Whether it met a prediction, and the history has it as it was told."""
        if self.used is LabelStatus.CONFLICTING:
            return self.label == 1
        return self.used in (LabelStatus.JOINED, LabelStatus.DUPLICATE)


@dataclass(slots=True)
class RememberedDevice:
    """What is remembered of one device: times in order."""

    made: dict[int, Made] = field(default_factory=dict)
    told: dict[int, Told] = field(default_factory=dict)
    times: list[int] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)

    def pending(self, micros: int, oldest: int) -> int | None:
        """The label that belongs to a prediction, if no other one of its device comes in between.

        :param oldest: how much older than a label its prediction may be, microseconds.
        """
        until = self._last_of(micros, oldest)
        place = bisect_left(self.waiting, micros)
        found = self.waiting[place] if place < len(self.waiting) else None
        return found if found is not None and found <= until else None

    def _last_of(self, micros: int, beside: int) -> int:
        """Latest time of a label that belongs to a prediction: another one may come before it."""
        following = bisect_right(self.times, micros)
        last = micros + beside
        return min(last, self.times[following] - 1) if following < len(self.times) else last

    def row_of(self, micros: int, beside: int) -> Told | None:
        """The row that the history has of a prediction: the nearest that met it and was not refused.

        A label 0 of a prediction that an incident had made an error is refused.

        :param beside: how much older than a label its prediction may be, microseconds.
        """
        if not beside or not self.told:
            told = self.told.get(micros)
            return told if told is not None and told.is_kept else None
        until = self._last_of(micros, beside)
        met = (at for at, told in self.told.items() if micros <= at <= until and told.is_kept)
        return self.told[nearest] if (nearest := min(met, default=None)) is not None else None

    def was_healthy(self, micros: int, beside: int) -> bool:
        """Whether a prediction was taken as healthy, and no row said so."""
        return self.made[micros].label == 0 and self.row_of(micros, beside) is None

    def has_observed(self, first: int, last: int) -> bool:
        """Whether a row said in a stretch of time whether the device is in error, or left that open."""
        return any(
            first <= at <= last and (told.observed or told.label is None) for at, told in self.told.items()
        )
