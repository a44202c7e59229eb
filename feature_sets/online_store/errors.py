"""What can go wrong at the online store."""

from __future__ import annotations


class OnlineStoreError(RuntimeError):
    """The online store does not answer, or holds what cannot be read."""
