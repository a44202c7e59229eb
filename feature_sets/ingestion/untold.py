"""What keeps warnings of files until they are told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Untold(Protocol):
    """Kept by whoever has the ingestion done; files that are known are not read, and warned of, again."""

    def keep(self, warnings: Sequence[str]) -> None:
        """Keep warnings, before the rows that they are of become known."""

    def earlier(self, warnings: Sequence[str]) -> list[str]:
        """Sentences that tell what is kept beside the warnings of now."""
