"""A feature set whose files move: every ingestion writes its next state into another folder.

The state before is there until the ingestion after, so whoever keeps a feature set for long finds its files
gone one day, and asks where they are now.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlrun.feature_store as fstore
import pandas as pd


class MovingFeatureSet:
    """A feature set that is read again and again.

    :param uri: ``store://feature-sets/...``.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self.known = fstore.get_feature_set(uri)

    def refresh(self) -> None:
        """Ask where its files are now."""
        self.known = fstore.get_feature_set(self._uri)

    def read(self, read: Callable[[Any], pd.DataFrame]) -> pd.DataFrame:
        """Rows of it.

        :param read: reads them from an MLRun feature set.
        """
        try:
            return read(self.known)
        except FileNotFoundError:
            self.refresh()
            return read(self.known)
