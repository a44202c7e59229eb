"""How far a backfill over chunks is, in a file from which it continues."""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from feature_sets.checks import InputError
from feature_sets.windows.online import OnlineWindows
from feature_sets.windows.snapshot import pack, unpack


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
