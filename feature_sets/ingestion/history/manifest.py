"""What a folder of Parquet files holds, written beside them: readers of Parquet pass over such a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from feature_sets.checks import InputError

NAME = "_history.json"
VERSION = 1


@dataclass(frozen=True)
class HistoryFile:
    """One Parquet file of a history.

    :param path: of the file, from the folder of the target.
    :param rows: in it.
    :param first: earliest event time in it, microseconds since the epoch.
    :param last: latest event time.
    :param arrived: latest arrival time; the latest event time where nobody knows.
    """

    path: str
    rows: int
    first: int
    last: int
    arrived: int

    @property
    def folder(self) -> str:
        """The partition that the file is in, such as ``year=2024/month=01/day=09/``; empty without one."""
        return self.path[: self.path.rfind("/") + 1]


@dataclass(frozen=True)
class Manifest:
    """The files of one state of a history, and what they were made of.

    :param files: every file; a partition has one.
    :param online: run id of the online table that shows the newest rows; None without one.
    :param halvings: of the sample that statistics are made of, see ``row_sample``.
    :param schema: content of what the rows were made by; rows of another one are not added.
    :param sources: what was read, by source; see ``feature_sets.ingestion.sources``.
    """

    files: tuple[HistoryFile, ...] = ()
    online: str | None = None
    halvings: int = 0
    schema: Mapping[str, Any] = field(default_factory=dict)
    sources: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Rows in all files."""
        return sum(file.rows for file in self.files)

    @property
    def first(self) -> int | None:
        """Earliest event time, microseconds since the epoch; None without rows."""
        return min((file.first for file in self.files), default=None)

    @property
    def last(self) -> int | None:
        """Latest event time."""
        return max((file.last for file in self.files), default=None)

    def with_files(self, files: tuple[HistoryFile, ...]) -> Self:
        """The same, of these files, in the order of their paths."""
        return replace(self, files=tuple(sorted(files, key=lambda file: file.path)))

    def to_bytes(self) -> bytes:
        """As JSON; ``from_bytes`` reads it back."""
        return json.dumps({"version": VERSION, **asdict(self)}, allow_nan=False).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Raise InputError unless these are the bytes of a manifest of this version."""
        try:
            given = json.loads(content)
            version = given.pop("version")
        except (ValueError, KeyError, AttributeError) as error:
            raise InputError(NAME, "must be the manifest of a history", content[:40]) from error
        if version != VERSION:
            raise InputError(NAME, f"must be of version {VERSION}", version)
        files = tuple(HistoryFile(**file) for file in given.pop("files"))
        return cls(files=files, **given)
