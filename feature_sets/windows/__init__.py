"""Rolling windows: one definition, one engine for history and live events, an obvious reference."""

from feature_sets.windows.backfill import backfill, backfill_chunks
from feature_sets.windows.definition import WindowDefinition, WindowDefinitionError
from feature_sets.windows.online import OnlineWindows
from feature_sets.windows.parquet_chunks import ParquetChunks
from feature_sets.windows.snapshot import SnapshotError

__all__ = [
    "OnlineWindows",
    "ParquetChunks",
    "SnapshotError",
    "WindowDefinition",
    "WindowDefinitionError",
    "backfill",
    "backfill_chunks",
]
