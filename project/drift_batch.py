"""Labeled rows of live traffic, which the magnitude of drift is measured on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from feature_sets.model_package.columns import VERSION
from feature_sets.rows.stored_rows import utc_times
from project.labeled_files import read_pairs

LIVE = "live traffic"
"""Where labeled rows are from; those of a rehearsal are rows of the base, and cannot have moved."""


class Wanted(NamedTuple):
    """Which labeled rows are measured.

    :param version: of the model that predicted them.
    :param time: name of the time column.
    :param after: live rows up to then lie before or in the base, and do not count; None counts all.
    :param until: live rows later than that are not mature: of some only errors are known; None counts all.
    """

    version: str
    time: str
    after: pd.Timestamp | None = None
    until: pd.Timestamp | None = None


@dataclass(frozen=True)
class LabeledRows:
    """Labeled rows of one model version, and where they are from.

    :param rows: of the batches in order.
    :param source: ``LIVE``; empty without any row.
    :param why: why there are no more, for people; empty if there are enough.
    """

    rows: pd.DataFrame
    source: str
    why: str = ""


def chosen_rows(live: Path, wanted: Wanted, min_rows: int) -> LabeledRows:
    """Rows of real traffic that this model version predicted, however few they are.

    :param live: folder of the batches of the live endpoint; what earlier versions predicted lies there too.
    """
    every = version_rows(live, wanted.version)
    rows = _after(every, wanted)
    if len(rows) >= min_rows:
        return LabeledRows(rows, LIVE)
    if len(rows):
        return LabeledRows(rows, LIVE, "which is few")
    few = f"{LIVE} has {len(rows):,} of the {min_rows:,} labeled rows needed since this model"
    later = len(_after(every, wanted._replace(until=None)))
    if later < len(every):
        few += f", and {len(every) - later:,} not later than what it was evaluated on"
    if len(rows) < later:
        few += f", and {later - len(rows):,} of a time of which not all healthy readings are known"
    return LabeledRows(rows, "", few)


def _after(rows: pd.DataFrame, wanted: Wanted) -> pd.DataFrame:
    """The rows that are later than the base, and mature."""
    if rows.empty or (wanted.after is None and wanted.until is None):
        return rows
    times = utc_times(rows[wanted.time])
    is_wanted = pd.Series(True, rows.index)
    if wanted.after is not None:
        is_wanted &= times > wanted.after
    if wanted.until is not None:
        is_wanted &= times <= wanted.until
    return rows[is_wanted].reset_index(drop=True)


def version_rows(folder: Path, version: str) -> pd.DataFrame:
    """Rows that one model version predicted, of all batches in a folder, in their order."""
    files = sorted(folder.glob("*.parquet"))
    frames = [read_pairs(file, filters=[(VERSION, "==", version)]).to_pandas() for file in files]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


class RowCount:
    """How many rows there are of those wanted, of the batches in a folder that grows.

    A batch is complete as soon as it is there, and is read once.
    """

    def __init__(self, folder: Path, wanted: Wanted) -> None:
        self._folder = folder
        self._wanted = wanted
        self._seen: set[str] = set()
        self._rows = 0

    def now(self) -> int:
        """Rows by now."""
        for file in self._folder.glob("*.parquet"):
            if file.name not in self._seen:
                pairs = read_pairs(file, [VERSION, self._wanted.time]).to_pandas()
                self._rows += len(_after(pairs[pairs[VERSION] == self._wanted.version], self._wanted))
                self._seen.add(file.name)
        return self._rows
