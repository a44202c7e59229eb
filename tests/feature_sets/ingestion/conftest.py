"""A folder of telemetry in a project without a history."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.feature_sets.ingestion.folders import MODELS, Folder, forget_all


@pytest.fixture
def folder(tmp_path: Path, project: str) -> Folder:
    forget_all()
    made = Folder(tmp_path / "telemetry")
    made.static(MODELS)
    return made
