"""Rolling windows: one definition, one engine for history and live events, an obvious reference."""

from feature_sets.windows.backfill import backfill, backfill_chunks
from feature_sets.windows.definition import WindowDefinition
from feature_sets.windows.online import OnlineWindows
from feature_sets.windows.parquet_chunks import ParquetChunks

__all__ = [
    "OnlineWindows",
    "ParquetChunks",
    "WindowDefinition",
    "backfill",
    "backfill_chunks",
]
