"""A feature set whose files move: every ingestion writes its next state into another folder.

Where rows are added and files are linked, the state before stays until the ingestion after. That of devices,
and one that is replaced, is deleted at once. Whoever finds the files gone asks where they are now.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import mlrun.errors
import mlrun.feature_store as fstore
import pandas as pd

from feature_sets.checks import InputError
from feature_sets.ingestion.device_history import stored_attributes
from feature_sets.ingestion.errors import IngestError
from feature_sets.ingestion.history.stored_history import StoredHistory
from graphs.protocol.errors import ApiError

Found = TypeVar("Found")

# Failures of requests are OSErrors.
_AWAY = (mlrun.errors.MLRunBaseError, OSError, IngestError)


class MovingFeatureSet:
    """A feature set that is read again and again.

    :param uri: ``store://feature-sets/...``.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self.known = fstore.get_feature_set(uri)

    def refresh(self) -> None:
        """Ask where its files are now.

        :raises ApiError: 503 if MLRun is away; what is known stays.
        """
        try:
            self.known = fstore.get_feature_set(self._uri)
        except _AWAY as error:
            raise self._away(error) from error

    def read(self, read: Callable[[Any], Found]) -> Found:
        """What is read of it.

        :param read: reads from an MLRun feature set; a FileNotFoundError has it read where the files are now.
        :raises ApiError: 503 if it cannot be read.
        """
        try:
            try:
                return read(self.known)
            except FileNotFoundError:
                self.refresh()
                return read(self.known)
        except _AWAY as error:
            raise self._away(error) from error

    def _away(self, error: Exception) -> ApiError:
        rule = f"must be readable in the feature store ({type(error).__name__})"
        return ApiError(503, "feature set", rule, self._uri)


def stored_attributes_of(feature_set: object) -> pd.DataFrame | None:
    """Attributes that a feature set of devices has, see ``stored_attributes``; None without a history."""
    history = stored_history(feature_set)
    return None if history is None else stored_attributes(history)


def stored_history(feature_set: object) -> StoredHistory | None:
    """What lies beside the files of a feature set; None if an engine made them that keeps nothing there."""
    try:
        return StoredHistory.of(feature_set)  # type: ignore[arg-type]
    except InputError:
        return None
