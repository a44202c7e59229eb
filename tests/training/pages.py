"""Checks of pages that people open."""

from __future__ import annotations

import re

_LOADED = re.compile(r"<(?:script|link|img)\b[^>]*\b(?:src|href)\s*=\s*[\"']?(?:https?:)?//[^\s\"'>]*")


def loaded_from_network(page: str) -> list[str]:
    """Tags of a page that load something from the network."""
    return _LOADED.findall(page)
