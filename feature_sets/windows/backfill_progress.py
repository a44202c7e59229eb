"""How far a backfill over chunks came, in a file from which it goes on."""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.event_micros import column_micros
from feature_sets.windows.online import OnlineWindows
from feature_sets.windows.snapshot import SnapshotError, pack, unpack


class ProgressError(ValueError):
    """Progress that cannot be continued; the message says what was done and what came."""


@dataclass(frozen=True)
class BackfillProgress:
    """Chunks and rows that are written, and a checksum of their event times and numbers of rows."""

    chunks: int = 0
    rows: int = 0
    checksum: int = 0

    def after(self, events: pd.DataFrame, definition: WindowDefinition) -> BackfillProgress:
        """The progress when these events are written too."""
        times = column_micros(events[definition.timestamp])
        checksum = zlib.crc32(times.astype("<i8").tobytes(), self.checksum)
        return BackfillProgress(self.chunks + 1, self.rows + len(events), checksum)

    def check_same(self, other: BackfillProgress) -> None:
        """Refuse to go on after chunks that are not those that were written.

        :raises ProgressError: if they are not.
        """
        if other != self:
            raise ProgressError(
                f"reader: must give the {self.chunks} chunks ({self.rows} rows) that were done before, "
                f"got {other.chunks} chunks ({other.rows} rows) or other times"
            )

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

        :raises ProgressError: if it is damaged or of another definition.
        """
        if not path.exists():
            return cls()
        try:
            done, arrays = unpack(path.read_bytes())
            windows.restore(arrays["windows"].tobytes())
        except SnapshotError as error:
            raise ProgressError(f"progress file {path}: {error}") from None
        return cls(done["chunks"], done["rows"], done["checksum"])
