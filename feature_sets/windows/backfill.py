"""Rolling windows of a history: the state machine of the live engine over many events at once."""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from feature_sets.checks import InputError
from feature_sets.rows.event_micros import column_micros
from feature_sets.rows.keyed_rows import KeyedRows
from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.online import Clock, OnlineWindows
from feature_sets.windows.snapshot import pack, unpack

Writer = Callable[[pd.DataFrame], None]
"""Takes the rows of one chunk. It may have ``seek(chunk)``, which makes what is written next replace
everything from that chunk (from 0 on) onwards, and must have it to be used with a progress file; see
``ParquetChunks``."""


def backfill(
    events: pd.DataFrame | KeyedRows,
    definition: WindowDefinition,
    clock: Clock = time.time,
    arrival: str | None = None,
) -> pd.DataFrame:
    """Features and status of each event, as the live engine gives them, to the last bit.

    :param events: one event a row, in order of arrival; the columns that the definition names. With its keys
        numbered already, they are not numbered again.
    :param clock: what "now" is for events from the future where there is no arrival time.
    :param arrival: column with the time at which each event arrived.
    :returns: one float64 column a feature, in the order of ``definition.feature_names``, and
        ``event_status``; same index, same order.
    :raises KeyError: naming a column that is not there.
    :raises InputError: naming a column that breaks a rule, see ``OnlineWindows.update``.
    """
    return OnlineWindows(definition, clock, arrival).update(events)


def backfill_chunks(
    reader: Iterable[pd.DataFrame],
    definition: WindowDefinition,
    writer: Writer,
    progress: str | Path | None = None,
    clock: Clock = time.time,
    arrival: str | None = None,
    keep: Sequence[str] = (),
) -> dict[str, int]:
    """``backfill`` over any number of chunks, in memory bounded by one chunk and the state of the devices.

    The rows are those of one ``backfill`` over all chunks together. With a progress file it can be killed at
    any moment and called again with the same chunks: it goes on after the last chunk that is known to be
    written, and what is written in the end is the same. A finished one, called again, does nothing.

    :param reader: chunks, in order of arrival; called again it must give the same ones.
    :param writer: takes the rows of each chunk. One with ``seek`` is first sent to where this backfill
        begins, without progress to chunk 0: rows that an earlier one left do not stay among the new ones.
    :param progress: file that is replaced after each chunk; it holds the progress and the windows' state.
    :param clock: see ``backfill``.
    :param arrival: see ``backfill``.
    :param keep: columns of the events, such as key and time, that the rows get in front of the features.
    :returns: how many events had each status.
    :raises TypeError: if there is a progress file and the writer has no ``seek``.
    :raises InputError: if the progress is of another definition or of other chunks.
    """
    windows = OnlineWindows(definition, clock, arrival)
    made = BackfillProgress()
    seek = getattr(writer, "seek", None)
    if progress is not None:
        if seek is None:
            raise TypeError(f"writer: must have seek(chunk) to be used with a progress file, got {writer!r}")
        made = BackfillProgress.load(Path(progress), windows)
    if seek is not None:
        seek(made.chunks)
    skipped = BackfillProgress()
    for events in reader:
        if skipped.chunks < made.chunks:
            skipped = skipped.after(column_micros(events[definition.timestamp]))
            if skipped.chunks == made.chunks:
                made.check_same(skipped)
            continue
        keyed = KeyedRows.of(events, definition.entity, definition.timestamp)
        rows = windows.update(keyed)
        writer(pd.concat([events[list(keep)], rows], axis=1) if keep else rows)
        made = skipped = made.after(keyed.micros)
        if progress is not None:
            made.save(Path(progress), windows)
    if skipped.chunks < made.chunks:
        made.check_same(skipped)
    return dict(windows.counts)


@dataclass(frozen=True)
class BackfillProgress:
    """Chunks and rows that are written, and a checksum of their event times and numbers of rows."""

    chunks: int = 0
    rows: int = 0
    checksum: int = 0

    def after(self, micros: npt.NDArray[np.int64]) -> BackfillProgress:
        """The progress when a chunk with these event times is written too."""
        checksum = zlib.crc32(micros.astype("<i8").tobytes(), self.checksum)
        return BackfillProgress(self.chunks + 1, self.rows + len(micros), checksum)

    def check_same(self, other: BackfillProgress) -> None:
        """Raise InputError unless these are the chunks that were written."""
        if other != self:
            rule = f"must give the {self.chunks} chunks ({self.rows} rows) that were done before"
            raise InputError("reader", rule, f"{other.chunks} chunks ({other.rows} rows) or other times")

    def save(self, path: Path, windows: OnlineWindows) -> None:
        """Replace the file: killed at any moment, there is the old one or the new one."""
        state = np.frombuffer(windows.snapshot(), dtype=np.uint8)
        done = {"chunks": self.chunks, "rows": self.rows, "checksum": self.checksum}
        unfinished = path.with_name(path.name + ".unfinished")
        with unfinished.open("wb") as file:
            file.write(pack(done, {"windows": state}))
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)

    @classmethod
    def load(cls, path: Path, windows: OnlineWindows) -> BackfillProgress:
        """The progress in a file, with the windows as they were then; none if there is no file.

        :raises InputError: if it is damaged or of another definition.
        """
        if not path.exists():
            return cls()
        try:
            done, arrays = unpack(path.read_bytes())
            windows.restore(arrays["windows"].tobytes())
        except InputError as error:
            raise InputError(f"progress file {path}, {error.where}", error.rule, error.got) from None
        return cls(done["chunks"], done["rows"], done["checksum"])
