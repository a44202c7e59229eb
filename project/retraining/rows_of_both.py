"""Live rows that champion and candidate have both scored; each file of them is read once."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from feature_sets.telemetry.schema import TelemetrySchema

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 1_000_000
"""Rows that are compared, at most; later ones are not read, and these decide if any do."""


class RowsOfBoth:
    """Remembers, of one trial at a time, what is in the files that it has read.

    :param folder: of the labeled pairs of the endpoint.
    :param most_rows: kept at most.
    """

    def __init__(self, folder: Path, most_rows: int = MOST_ROWS) -> None:
        self._folder = folder
        self._most_rows = most_rows
        self._trial: tuple[str, str, datetime] | None = None
        self._files: set[str] = set()
        self._rows: list[pd.DataFrame] = []

    def forget(self) -> None:
        """Keep nothing: no trial is under way."""
        self._trial, self._files, self._rows = None, set(), []

    def until(
        self,
        schema: TelemetrySchema,
        champion: str,
        candidate: str,
        since: datetime,
        until: datetime,
        written_since: float,
    ) -> pd.DataFrame:
        """Rows later than a time and up to another, each event once, in order of time.

        :param schema: names the columns.
        :param champion: version.
        :param candidate: version.
        :param since: the same in all calls for these versions, or all is read anew.
        :param until: may move on.
        :param written_since: files that were written before are left out, seconds since 1970.
        """
        # What looks at the loop alone is to start fast.
        from project.retraining.shadow_comparison import joined_rows, rows_of_file

        if self._trial != (champion, candidate, since):
            self._trial, self._files, self._rows = (champion, candidate, since), set(), []
        for path in sorted(self._folder.glob("*.parquet")) if self._folder.is_dir() else []:
            if sum(map(len, self._rows)) >= self._most_rows:
                break
            if path.name not in self._files:
                old = path.stat().st_mtime < written_since
                rows = None if old else rows_of_file(path, schema, champion, candidate, since)
                self._files.add(path.name)
                self._rows += [rows] if rows is not None and len(rows) else []
        mature = [rows[rows[schema.time] <= until] for rows in self._rows]
        return joined_rows([rows for rows in mature if len(rows)], schema)
