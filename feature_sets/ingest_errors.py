"""What can go wrong while rows are ingested into a feature set."""

from __future__ import annotations


class IngestError(RuntimeError):
    """Rows were lost, or cannot be taken, on the way into a feature set; the message says which."""


class UnsupportedFeatureSetError(ValueError):
    """A feature set asks an engine for what it does not do; the message names field, rule and what came."""

    def __init__(self, feature_set: str, name: str, rule: str, got: object) -> None:
        super().__init__(f"feature set '{feature_set}', {name}: {rule}, got {got!r}")
