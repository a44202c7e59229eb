"""The records of a ledger as a snapshot has them, and back to the last bit."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import lru_cache
from operator import attrgetter

import numpy as np

from graphs.protocol.records import Ahead, ShadowAnswer
from graphs.state.ledger_chunk import NONE, LedgerChunk, MadeBlock
from graphs.state.ledger_index import Bits
from graphs.state.ledger_records import LedgerRecords
from graphs.state.snapshots.predictions import (
    places_of,
    restored_ahead,
    restored_shadows,
    saved_ahead,
    saved_shadows,
)
from graphs.state.snapshots.saved_state import Array, SavedState, named

_TIMES, _PREDICTED_AT, _LABELED_AT = map(attrgetter, ("times", "predicted_at", "labeled_at"))

Kind = tuple[str, str]
"""Name and version of a model."""


def saved_records(records: LedgerRecords, inputs: Sequence[str]) -> SavedState:
    """Predictions and labels by device and time, chunk by chunk, and in each as they came.

    :param inputs: names of the features of predictions that do not tell theirs.
    """
    if not len(records):
        nothing = _nothing(tuple(inputs))
        return SavedState({**nothing.plain}, {**nothing.arrays})
    return _saved([(chunk, chunk.kept) for chunk in records.chunks], records, inputs)


@lru_cache(maxsize=4)
def _nothing(inputs: tuple[str, ...]) -> SavedState:
    """What there is of no record; making empty columns takes as long as making full ones."""
    return _saved([], LedgerRecords(1.0), inputs)


def _saved(
    kept: Sequence[tuple[LedgerChunk, Bits]], records: LedgerRecords, inputs: Sequence[str]
) -> SavedState:
    codes = _joined([chunk.codes[rows] for chunk, rows in kept], np.int64)
    used, numbers = np.unique(codes, return_inverse=True)
    times = [
        _joined([column(chunk)[rows] for chunk, rows in kept], np.float64)
        for column in (_TIMES, _PREDICTED_AT, _LABELED_AT)
    ]
    found = SavedState.of_parts({"made": _saved_made(kept, inputs)})
    found.plain["devices"] = records.names(used)
    found.arrays.update(
        device=numbers.astype(np.int64),
        times=np.stack(times, axis=1),
        is_made=_joined([chunk.made[rows] != NONE for chunk, rows in kept], np.bool_),
        label=_joined([chunk.label[rows] for chunk, rows in kept], np.int64),
    )
    return found


def put_records(records: LedgerRecords, state: SavedState, inputs: Sequence[str]) -> None:
    """Remember what was saved.

    :param inputs: of the model that is served now; predictions of a snapshot that does not tell the features
        of each version have these.
    """
    arrays, made = state.arrays, state.part("made")
    devices = named(state.plain["devices"], arrays["device"])
    seconds, predicted_at, labeled_at = arrays["times"].T
    is_made = arrays["is_made"]
    if not len(is_made):
        return
    row_of = np.cumsum(is_made) - 1  # Among the predictions.
    shadows, ahead = restored_shadows(made, int(is_made.sum())), restored_ahead(made, int(is_made.sum()))
    for chunk, own, rows, _ in records.put_all(devices, np.ascontiguousarray(seconds)):
        chunk.label[rows], chunk.labeled_at[rows] = arrays["label"][own], labeled_at[own]
        chunk.predicted_at[rows] = predicted_at[own]
        there = is_made[own]
        rows, of = rows[there], row_of[own[there]]
        chunk.made[rows], chunk.probability[rows] = (
            made.arrays["prediction"][of],
            made.arrays["probability"][of],
        )
        chunk.missing[rows] = made.arrays["missing"][of]
        for number in sorted(set(made.arrays["kind"][of].tolist())):
            at = np.flatnonzero(made.arrays["kind"][of] == number)
            block = _block(made, number, of[at], inputs)
            for place, each in enumerate(of[at].tolist()):
                if shadows[each]:
                    block.shadows[place] = shadows[each]
                if ahead[each]:
                    block.ahead[place] = ahead[each]
            chunk.note_made(rows[at], block, np.arange(len(at)))


def _block(made: SavedState, number: int, rows: Bits, inputs: Sequence[str]) -> MadeBlock:
    """Predictions of one version."""
    model, version = made.plain["kinds"][number]
    before = made.plain["inputs"]
    wanted = made.plain["inputs_of"][number] if "inputs_of" in made.plain else list(inputs)
    features = made.arrays["features"][rows]
    if wanted != before:
        places = {name: place for place, name in enumerate(before)}
        known = [(place, places[name]) for place, name in enumerate(wanted) if name in places]
        ordered = np.full((len(rows), len(wanted)), np.nan)
        ordered[:, [to for to, _ in known]] = features[:, [of for _, of in known]]
        features = ordered
    return MadeBlock(model, version, tuple(wanted), features, len(rows))


def _saved_made(kept: Sequence[tuple[LedgerChunk, Bits]], inputs: Sequence[str]) -> SavedState:
    """The predictions, in the order of the records."""
    made = [(chunk, rows[chunk.made[rows] != NONE]) for chunk, rows in kept]
    used = list(_by_block(made))
    kinds: dict[Kind, Sequence[str]] = {}
    for block, _, _ in used:
        kinds.setdefault((block.model, block.version), block.inputs or tuple(inputs))
    order = {kind: number for number, kind in enumerate(kinds)}
    columns = list(dict.fromkeys(name for names in [inputs, *kinds.values()] for name in names))
    places = {kind: places_of(columns, names) for kind, names in kinds.items()}
    features = np.full((sum(len(rows) for _, rows in made), len(columns)), np.nan)
    kind_of = np.empty(len(features), dtype=np.int64)
    told: list[tuple[int, ShadowAnswer]] = []
    ahead: list[tuple[Ahead, ...]] = [()] * len(features)
    for block, at, within in used:
        kind = (block.model, block.version)
        kind_of[at] = order[kind]
        features[at[:, None], places[kind]] = block.features[within]
        if block.shadows or block.ahead:
            for row, place in zip(at.tolist(), within.tolist(), strict=True):
                told += [(row, answer) for answer in block.shadows.get(place, ())]
                ahead[row] = block.ahead.get(place, ())
    told.sort(key=lambda each: each[0])
    found = SavedState(
        {
            "kinds": [list(kind) for kind in kinds],
            "inputs": columns,
            "inputs_of": [list(names) for names in kinds.values()],
            "shadows": list(dict.fromkeys(answer.version for _, answer in told)),
        },
        {
            "kind": kind_of,
            "features": features,
            "prediction": _joined([chunk.made[rows] for chunk, rows in made], np.int64),
            "probability": _joined([chunk.probability[rows] for chunk, rows in made], np.float64),
            "missing": _joined([chunk.missing[rows] for chunk, rows in made], np.int64),
            **saved_shadows(told),
        },
    )
    further = saved_ahead(ahead)
    found.plain.update(further.plain)
    found.arrays.update(further.arrays)
    return found


def _by_block(made: Sequence[tuple[LedgerChunk, Bits]]) -> Iterator[tuple[MadeBlock, Bits, Bits]]:
    """Blocks that are in use, with the places of their predictions among all, and in the block."""
    blocks = [block for chunk, _ in made for block in chunk.blocks]
    begins = itertools.accumulate((len(chunk.blocks) for chunk, _ in made), initial=0)
    numbers = _joined(
        [chunk.block[rows] + begin for (chunk, rows), begin in zip(made, begins, strict=False)], np.int64
    )
    within = _joined([chunk.place[rows] for chunk, rows in made], np.int64)
    order = np.argsort(numbers, kind="stable")
    first = np.flatnonzero(np.diff(numbers[order], prepend=-1)).tolist()
    for begin, end in itertools.pairwise([*first, len(order)]):
        at = order[begin:end]
        yield blocks[numbers[at[0]]], at, within[at]


def _joined(parts: Sequence[Array], kind: type) -> Array:
    """Parts of a column in a row."""
    return np.concatenate(parts, dtype=kind) if parts else np.empty(0, dtype=kind)
