"""The versions of a model, as the registry lists them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import mlrun
import pytest

from project.registered_versions import registered_versions


def test_a_version_is_registered_when_it_was_stored_first(monkeypatch: pytest.MonkeyPatch) -> None:
    def row(version: str, created: str, updated: str) -> dict[str, Any]:
        times = {"created": f"{created}T10:00:00+00:00", "updated": f"{updated}T10:00:00+00:00"}
        metadata = {"key": "m", "project": "p", "uid": version, "tree": "t", "tag": "latest", **times}
        return {"kind": "model", "metadata": metadata, "spec": {"parameters": {"version": version}}}

    # The older one was promoted last, which stores it again.
    rows = [row("old", "2026-11-01", "2026-11-09"), row("new", "2026-11-05", "2026-11-05")]
    monkeypatch.setattr(mlrun, "get_run_db", lambda: SimpleNamespace(list_artifacts=lambda **_: rows))
    told = [(each.version, each.registered[:10]) for each in registered_versions("p")]
    assert told == [("new", "2026-11-05"), ("old", "2026-11-01")]
