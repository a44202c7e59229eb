"""The place of an entry in the order of a journal."""

from __future__ import annotations

EntryId = tuple[int, int]
"""Milliseconds and sequence number, as in a Redis stream."""

BEFORE_ALL: EntryId = (0, 0)
"""Id before that of every entry."""
