"""What can go wrong while rows are written into a feature set."""

from __future__ import annotations


class IngestError(RuntimeError):
    """Rows were lost on the way into a feature set, or a target cannot be written."""
