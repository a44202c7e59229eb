"""Warnings of an ingestion, kept until they are told: of rows that are known already nobody warns again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from project.local.atomic_write import write_atomically
from project.settings import Settings

_ENDED = "an ingestion that was ended before it could say so: "


class UntoldWarnings:
    """Those of one step of a project.

    :param path: of the file with them; there is none where all are told.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def of(cls, settings: Settings, project: str, step: str) -> UntoldWarnings:
        """Those of a step.

        :param step: ``files`` or ``live``.
        """
        return cls(settings.home / "ingestion" / f"{project}.{step}.json")

    def keep(self, warnings: Sequence[str]) -> None:
        """Keep warnings beside those that are kept, before the rows that they are of become known."""
        known = self._kept()
        every = list(dict.fromkeys([*known, *warnings]))
        if every != known:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._path, json.dumps(every))

    def earlier(self, warnings: Sequence[str]) -> list[str]:
        """Sentences that tell those that are kept.

        :param warnings: of now, which are told anyway.
        """
        return [f"{_ENDED}{each}" for each in self._kept() if each not in warnings]

    def told(self) -> None:
        """Forget them: they are told."""
        self._path.unlink(missing_ok=True)

    def _kept(self) -> list[str]:
        if not self._path.is_file():
            return []
        return [str(each) for each in json.loads(self._path.read_text(encoding="utf-8"))]
