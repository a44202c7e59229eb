"""Predictions and labels of a stretch of event time, as columns: no object for each of them.

A ledger holds those of an hour. As objects they would take several times the memory, and each collection of
garbage, and each snapshot, would go through all of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from graphs.protocol.records import Ahead, Prediction, ShadowAnswer
from graphs.state import ledger_index
from graphs.state.ledger_index import Bits, Codes

Floats = npt.NDArray[np.float64]

NONE = -1
"""In the columns ``label`` and ``made``: there is none."""

_SMALLEST, _LARGEST_OPEN = 16, 512
_NONES = np.full(_SMALLEST, NONE, dtype=np.int8)


class MadeBlock:
    """What one version of the model predicted of several events.

    :param made: one of them, which tells the version.
    :param features: model inputs before imputation, shape (n, inputs); rows from ``used`` on are free.
    """

    __slots__ = ("ahead", "features", "inputs", "model", "shadows", "used", "version")

    def __init__(
        self, model: str, version: str, inputs: tuple[str, ...], features: Floats, used: int
    ) -> None:
        self.model, self.version, self.inputs = model, version, inputs
        self.features, self.used = features, used
        self.shadows: dict[int, tuple[ShadowAnswer, ...]] = {}
        self.ahead: dict[int, tuple[Ahead, ...]] = {}

    def takes(self, made: Prediction) -> bool:
        """Whether there is room for a prediction, and it is of this version."""
        return (
            self.used < len(self.features)
            and self.version == made.version
            and self.model == made.model
            and self.inputs == made.inputs
            and self.features.shape[1] == len(made.features)
        )


class LedgerChunk:
    """Records of a stretch of event time, each at a row that it keeps.

    A record that is forgotten stays until all of them are: ``forgotten`` says how many of the earliest are.
    Who asks for one knows from which time on they count.
    """

    __slots__ = (
        "bits", "block", "blocks", "codes", "count", "forgotten", "label", "labeled_at", "made", "missing",
        "order", "ordered", "place", "predicted_at", "probability", "slots",
    )  # fmt: skip

    def __init__(self) -> None:
        self.count = self.forgotten = 0
        self.slots = np.zeros(2 * _SMALLEST, dtype=np.int32)
        self.codes: Codes = np.empty(_SMALLEST, dtype=np.int32)
        self.bits: Bits = np.empty(_SMALLEST, dtype=np.int64)
        self.predicted_at: Floats = np.zeros(_SMALLEST)
        self.labeled_at: Floats = np.zeros(_SMALLEST)
        self.probability: Floats = np.zeros(_SMALLEST)
        self.label, self.made = _NONES.copy(), _NONES.copy()
        self.missing = np.zeros(_SMALLEST, dtype=np.int32)
        self.block = np.zeros(_SMALLEST, dtype=np.int32)
        self.place = np.zeros(_SMALLEST, dtype=np.int32)
        self.blocks: list[MadeBlock] = []
        self.order = np.empty(0, dtype=np.int64)
        self.ordered: Floats = np.empty(0)

    @property
    def times(self) -> Floats:
        """Event time of each row, epoch seconds."""
        return self.bits[: self.count].view(np.float64)

    def find(self, code: int, bits: int) -> int:
        """Row of a device and time; -1 without one."""
        return int(ledger_index.find(self.slots, self.codes, self.bits, code, bits))

    def row(self, code: int, bits: int) -> tuple[int, bool]:
        """Row of a device and time, made if there is none, and whether it was made."""
        self._reserve(1)
        row = int(ledger_index.put_one(self.slots, self.codes, self.bits, self.count, code, bits))
        is_new = row == self.count
        self.count += is_new
        return row, is_new

    def rows(self, codes: Codes, bits: Bits) -> tuple[Bits, int]:
        """Row of each device and time, made if there is none, and how many rows there were before."""
        self._reserve(len(codes))
        rows, before = np.empty(len(codes), dtype=np.int64), self.count
        self.count = int(ledger_index.put(self.slots, self.codes, self.bits, before, codes, bits, rows))
        return rows, before

    def note_made(self, rows: Bits, block: MadeBlock, places: Bits) -> None:
        """Have these rows the predictions of these places in a block."""
        self.block[rows], self.place[rows] = len(self.blocks), places
        self.blocks.append(block)

    def note_one(self, row: int, made: Prediction) -> None:
        """Have a row this prediction."""
        if not self.blocks or not self.blocks[-1].takes(made):
            size = min(max(self.count, _SMALLEST), _LARGEST_OPEN)
            features = np.empty((size, len(made.features)))
            self.blocks.append(MadeBlock(made.model, made.version, made.inputs, features, 0))
        block = self.blocks[-1]
        place, block.used = block.used, block.used + 1
        block.features[place] = made.features
        if made.shadows:
            block.shadows[place] = made.shadows
        if made.ahead:
            block.ahead[place] = made.ahead
        self.made[row], self.probability[row], self.missing[row] = (
            made.prediction,
            made.probability,
            made.missing,
        )
        self.block[row], self.place[row] = len(self.blocks) - 1, place

    def prediction(self, row: int) -> Prediction | None:
        """The prediction of a row, if there is one."""
        if self.made[row] == NONE:
            return None
        made, probability, missing = int(self.made[row]), float(self.probability[row]), int(self.missing[row])
        return self._prediction(made, self.block[row], int(self.place[row]), probability, missing)

    def predictions(self, rows: Bits) -> list[Prediction | None]:
        """The prediction of each of several rows, as far as they have one."""
        columns = (self.made, self.block, self.place, self.probability, self.missing)
        found: list[Prediction | None] = []
        for made, number, place, probability, missing in zip(
            *(column[rows].tolist() for column in columns), strict=True
        ):
            if made == NONE:
                found.append(None)
                continue
            found.append(self._prediction(made, number, place, probability, missing))
        return found

    def _prediction(self, made: int, number: int, place: int, probability: float, missing: int) -> Prediction:
        block = self.blocks[number]
        shadows, ahead = block.shadows.get(place, ()), block.ahead.get(place, ())
        features, inputs = block.features[place], block.inputs
        return Prediction(
            block.model, block.version, features, made, probability, missing, inputs, shadows, ahead
        )

    def forget(self, oldest: float) -> Bits:
        """Forget the rows before a time; gives them, the earliest first."""
        if len(self.order) < self.count:  # What came since is not before what is forgotten.
            self.order = np.argsort(self.times, kind="stable")
            self.ordered = self.times[self.order]
        begin, self.forgotten = self.forgotten, int(np.searchsorted(self.ordered, oldest, "left"))
        return self.order[begin : self.forgotten]

    @property
    def kept(self) -> Bits:
        """Rows that are not forgotten, as they came."""
        if not self.forgotten:
            return np.arange(self.count)
        return np.sort(self.order[self.forgotten :]) if len(self.order) == self.count else self._later()

    @property
    def earliest(self) -> float:
        """Event time of the first row that is not forgotten, epoch seconds."""
        return float(self.times[self.kept].min())

    def renumber(self, numbers: Codes) -> None:
        """Have other numbers for the devices: those at the places of the ones of now."""
        self.codes[: self.count] = numbers[self.codes[: self.count]]
        self.slots[:] = 0
        ledger_index.fill(self.slots, self.codes, self.bits, self.count)

    def _later(self) -> Bits:
        """Rows that are not forgotten, where more came since."""
        is_kept = np.ones(self.count, dtype=np.bool_)
        is_kept[self.order[: self.forgotten]] = False
        return np.flatnonzero(is_kept)

    def _reserve(self, more: int) -> None:
        needed, size = self.count + more, len(self.codes)
        if needed <= size:
            return
        while size < needed:
            size *= 2
        for name, rest in _COLUMNS.items():
            before = getattr(self, name)
            grown = np.full(size, rest, dtype=before.dtype)
            grown[: self.count] = before[: self.count]
            setattr(self, name, grown)
        self.slots = np.zeros(2 * size, dtype=np.int32)
        ledger_index.fill(self.slots, self.codes, self.bits, self.count)


_COLUMNS = {
    **dict.fromkeys(("codes", "bits", "predicted_at", "labeled_at", "probability"), 0),
    **dict.fromkeys(("missing", "block", "place"), 0),
    **dict.fromkeys(("label", "made"), NONE),
}
"""Columns, and what is in a row that is new."""


def bits_of(times: Sequence[float] | Floats) -> Bits:
    """Event times as they are looked for; -0 is 0."""
    seconds: Floats = np.asarray(times, dtype=np.float64) + 0.0
    return seconds.view(np.int64)
