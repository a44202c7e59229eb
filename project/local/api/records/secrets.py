"""Secrets of a project, as its functions get them."""

from __future__ import annotations

import json

from project.local.api.records.entries import list_entries
from project.local.api.records.store import Store


def secret_values(store: Store, project: str) -> dict[str, str]:
    """Secrets of a project, as text."""
    entries = list_entries(store, "secret", project)
    return {
        name: value if isinstance(value := body["value"], str) else json.dumps(value)
        for name, body in entries.items()
    }
