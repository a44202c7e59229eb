"""Labeled pairs in Parquet batches: the data on which drift is measured."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from feature_sets.model_package.columns import (
    LABELED_AT,
    MODEL,
    PREDICTED_AT,
    PREDICTION,
    PROBABILITY,
    SHADOWS,
    VERSION,
)
from feature_sets.telemetry.schema import DEVICE
from graphs.protocol.records import LabeledPair, Position
from graphs.state.folder_lock import locked_folder
from graphs.state.snapshots.predictions import restored_pairs, saved_pairs
from graphs.state.snapshots.saved_state import SavedState

_NAME = re.compile(r"^(\d{13,})-(\d{6,})-(\d{6,})\.parquet$")
_UNFINISHED = ".unfinished"
_UTC_MICROS = pa.timestamp("us", tz="UTC")
_SHADOWS_TYPE = pa.list_(
    pa.struct([(VERSION, pa.string()), (PREDICTION, pa.int64()), (PROBABILITY, pa.float64())])
)


class LabeledBatches:
    """Collects pairs and writes them to files, off the request path.

    A file is written under another name and then renamed, so that a reader sees whole files only. Its name is
    the position of its last pair. A pair at or before the newest file's position is in a file already: it is
    not taken again when the journal is replayed. One process writes at a time, see ``locked_folder``.

    Columns: device, event time, model, version, the model's inputs before imputation, prediction,
    probability, label, predicted_at, labeled_at. Where versions in shadow said something, ``shadows`` has it.

    :param directory: where the files go; made if it does not exist.
    :param time: name of the event-time column.
    :param label: name of the label column.
    :param inputs: names of the model's inputs, in the order of a prediction's ``features``.
    :param rows: a batch is written when it has this many pairs (at least 1),
    :param seconds: or when this time (above 0) has passed; no pair waits longer than twice as long.
    :param on_failure: called with the error when a batch cannot be written; it is tried again later.
    :param anew: whether batches that are in the directory are deleted.
    """

    def __init__(
        self,
        directory: Path,
        time: str,
        label: str,
        inputs: Sequence[str],
        rows: int,
        seconds: float,
        on_failure: Callable[[Exception], None],
        anew: bool = False,
    ) -> None:
        self.directory = directory
        self._time = time
        self._label = label
        self._inputs = list(inputs)
        self._rows = rows
        self._seconds = seconds
        self._on_failure = on_failure
        directory.mkdir(parents=True, exist_ok=True)
        with locked_folder(directory):  # What is unfinished then was left by a process that died.
            for entry in os.scandir(directory):
                if entry.name.endswith(_UNFINISHED) or (anew and _NAME.match(entry.name)):
                    Path(entry).unlink()
            written = _positions(directory)
        self._last = max(written, default=None)
        self.written = len(written)
        """Files in the directory, also those of earlier processes."""
        self._pairs: list[LabeledPair] = []
        self._changed = threading.Condition()
        self._writing = threading.Lock()
        self._closed = False
        self._thread: threading.Thread | None = None

    @property
    def unwritten(self) -> int:
        """Pairs that are not in a file yet."""
        return len(self._pairs)

    def saved(self) -> SavedState:
        """Pairs that are not in a file yet; ``restore`` takes them anew."""
        return saved_pairs(list(self._pairs), self._inputs)

    def restore(self, state: SavedState) -> None:
        """Take the pairs that were saved, but for those that are in a file by now."""
        self.add(restored_pairs(state, self._inputs), replayed=True)

    def add(self, pairs: Sequence[LabeledPair], replayed: bool = False) -> None:
        """Take pairs, but for those that are in a file already.

        :param replayed: whether they come from the journal. Others are in a file if a step failed at their
            entry here, and another process of the function was done with it first.
        """
        last = self._last
        if last is not None and pairs and (replayed or pairs[0].position <= last):
            pairs = [pair for pair in pairs if pair.position > last]
        if not pairs:
            return
        with self._changed:
            before = len(self._pairs)
            self._pairs.extend(pairs)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="labeled-batches", daemon=True)
                self._thread.start()
            elif not before or len(self._pairs) >= self._rows:
                self._changed.notify()

    def flush(self, full_only: bool = False) -> None:
        """Write what was added, now.

        :param full_only: whether pairs that make no full batch stay.
        :raises OSError: if a file cannot be written; the pairs are kept.
        """
        with self._writing, locked_folder(self.directory):
            self._forget_written()
            while len(self._pairs) >= (self._rows if full_only else 1):
                batch = self._pairs[: self._rows]
                self._write(batch)
                with self._changed:
                    del self._pairs[: len(batch)]

    def _forget_written(self) -> None:
        """Leave out pairs that another process of the same function has written meanwhile."""
        written = _positions(self.directory)
        last = max(written, default=None)
        if last is not None and last != self._last:
            self._last, self.written = last, len(written)
            with self._changed:
                self._pairs = [pair for pair in self._pairs if pair.position > last]

    def close(self) -> None:
        """Write what is left and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
        self.flush()

    def _run(self) -> None:
        """Body of the thread: wait for a full batch, or for the time to be over."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._pairs)
                if self._closed:
                    return
                full = self._changed.wait_for(
                    lambda: self._closed or len(self._pairs) >= self._rows, self._seconds
                )
            try:
                self.flush(full_only=full)
            except (OSError, pa.ArrowException) as error:
                self._on_failure(error)
                with self._changed:
                    self._changed.wait_for(lambda: self._closed, self._seconds)

    def _write(self, batch: list[LabeledPair]) -> None:
        last = max(pair.position for pair in batch)
        path = self.directory / f"{last.milliseconds:013d}-{last.sequence:06d}-{last.place:06d}.parquet"
        unfinished = path.with_suffix(_UNFINISHED)
        pq.write_table(self._table(batch), unfinished)
        unfinished.rename(path)
        self._last = last
        self.written += 1

    def _table(self, batch: list[LabeledPair]) -> pa.Table:
        names, features = self._features(batch)
        columns: dict[str, pa.Array] = {
            DEVICE: pa.array([pair.device for pair in batch], pa.string()),
            self._time: _instants([pair.time for pair in batch]),
            MODEL: pa.array([pair.made.model for pair in batch], pa.string()),
            VERSION: pa.array([pair.made.version for pair in batch], pa.string()),
            **dict(zip(names, _columns(features), strict=True)),
            PREDICTION: pa.array([pair.made.prediction for pair in batch], pa.int64()),
            PROBABILITY: pa.array([pair.made.probability for pair in batch], pa.float64()),
            self._label: pa.array([pair.label for pair in batch], pa.int64()),
            PREDICTED_AT: _instants([pair.predicted_at for pair in batch]),
            LABELED_AT: _instants([pair.labeled_at for pair in batch]),
        }
        if any(pair.made.shadows for pair in batch):
            columns[SHADOWS] = pa.array(
                [[answer._asdict() for answer in pair.made.shadows] or None for pair in batch],
                _SHADOWS_TYPE,
            )
        return pa.Table.from_arrays(list(columns.values()), names=list(columns))

    def _features(self, batch: list[LabeledPair]) -> tuple[list[str], np.ndarray[Any, np.dtype[np.float64]]]:
        """Names and values of the features; a version may have others than the deployed model."""
        own = tuple(self._inputs)
        if all(pair.made.inputs in ((), own) for pair in batch):
            return self._inputs, np.array([pair.made.features for pair in batch])
        names = list(dict.fromkeys([*own, *(name for pair in batch for name in pair.made.inputs)]))
        places = {name: place for place, name in enumerate(names)}
        features = np.full((len(batch), len(names)), np.nan)
        for row, pair in zip(features, batch, strict=True):
            row[[places[name] for name in pair.made.inputs or own]] = pair.made.features
        return names, features


def _positions(directory: Path) -> list[Position]:
    """Position of the last pair of each file of a directory."""
    found = (_NAME.match(entry.name) for entry in os.scandir(directory))
    return [Position(*map(int, match.groups())) for match in found if match]


def _columns(values: np.ndarray[Any, np.dtype[np.float64]]) -> list[pa.Array]:
    """Each column of an array; one array that is cut is made much sooner than many."""
    rows, columns = values.shape
    joined = pa.array(values.ravel(order="F"))
    return [joined.slice(column * rows, rows) for column in range(columns)]


def _instants(seconds: list[float]) -> pa.Array:
    return pa.array([round(value * 1_000_000) for value in seconds], _UTC_MICROS)
