"""The files of labeled pairs that nothing reads any more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

NEWEST = 2000
"""Files that stay in any case: what is read of the past, audits and contradictions, are the newest pairs."""

_DAY = 86_400.0


def old_pairs(folder: Path, days: int, now: datetime) -> list[Path]:
    """Files that were written longer ago, but the newest.

    By when they were written on this disk: their names have the time of the endpoint, which may be that of
    recorded events.

    :param folder: of the labeled pairs of an endpoint.
    :param days: how long files stay.
    """
    every = sorted(folder.glob("*.parquet")) if folder.is_dir() else []
    return [each for each in every[:-NEWEST] if now.timestamp() - each.stat().st_mtime > days * _DAY]


def delete_files(files: Sequence[Path]) -> int:
    """Delete files, the oldest first; gives the bytes that this frees."""
    freed = 0
    for each in files:
        freed += each.stat().st_size
        each.unlink()
    return freed
