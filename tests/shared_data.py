"""Data sets that lie beside the checkout, in ``shared/data`` of a folder above it; not everybody has them."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def data_set(name: str) -> Path:
    """Folder of a data set; a test that needs it is skipped without it."""
    for folder in ROOT.parents:
        found = folder / "shared" / "data" / name
        if found.is_dir():
            return found
    pytest.skip(f"the data set {name} is in no folder shared/data above {ROOT}")
