"""Chunks of rows as the files of a Parquet data set, one a chunk."""

from __future__ import annotations

from pathlib import Path

import pandas as pd


class ParquetChunks:
    """Writer for ``backfill_chunks``: ``part-00000.parquet`` and so on, each complete or not there.

    :param folder: made if it is not there.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._chunk = 0

    def seek(self, chunk: int) -> None:
        """Go to before a chunk; it and those after it are deleted."""
        for path in self._folder.glob("part-*.parquet"):
            if int(path.stem.removeprefix("part-")) >= chunk:
                path.unlink()
        self._chunk = chunk

    def __call__(self, rows: pd.DataFrame) -> None:
        """Write the rows of the next chunk."""
        path = self._folder / f"part-{self._chunk:05}.parquet"
        unfinished = path.with_suffix(".unfinished")
        rows.to_parquet(unfinished, index=False)
        unfinished.replace(path)
        self._chunk += 1
