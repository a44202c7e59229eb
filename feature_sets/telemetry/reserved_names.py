"""Names of columns that the product uses itself, which a telemetry schema may not give to its own."""

from __future__ import annotations

from collections.abc import Iterable

from feature_sets.checks import InputError

OF_PREDICTIONS = frozenset(
    {"model", "version", "prediction", "probability", "shadows", "predicted_at", "labeled_at"}
)
"""What a model adds to a row, see ``feature_sets.model_package.columns``."""

OF_PARTITIONS = frozenset({"year", "month", "day", "hour"})
"""Folders of the files that MLRun partitions by time, which readers take for columns."""

OF_REQUESTS = frozenset({"request_id"})
"""What a label may name its event by, see ``feature_sets.telemetry.events``."""

RESERVED = OF_PREDICTIONS | OF_PARTITIONS | OF_REQUESTS


def check_reserved(where: str, columns: Iterable[str]) -> None:
    """Raise InputError if a column has a name that the product uses itself."""
    for column in columns:
        if column in RESERVED:
            rule = f"must not be {column}, which NetOps uses itself; use 'rename' for another name"
            raise InputError(where, rule, column)
