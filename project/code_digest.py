"""Which code and packages a function was deployed with, in one word."""

from __future__ import annotations

import hashlib
import sys
from functools import lru_cache
from pathlib import Path

from project.settings import SOURCE_ROOT

CODE = "CODE_DIGEST"
"""Variable of a deployed function: of the code and packages of that time."""

_ROOMS = ("drift", "feature_sets", "graphs", "project", "training")
_WRITTEN_BY_MLRUN = "project.yaml"
"""The ``mlrun project ./project`` of any project writes it into our folder."""
_NOTES = ("*.dist-info", "*.egg-info")
"""Folders beside installed packages, called by name and version."""


@lru_cache(maxsize=1)
def code_digest() -> str:
    """Digest of our code, and of the names and versions of what is installed."""
    found = hashlib.sha256()
    for path in sorted(each for room in _ROOMS for each in (Path(SOURCE_ROOT) / room).rglob("*.*")):
        if "__pycache__" in path.parts or path.name == _WRITTEN_BY_MLRUN or not path.is_file():
            continue
        found.update(f"{path.relative_to(SOURCE_ROOT)}\n".encode())
        found.update(path.read_bytes())
    found.update(str(sorted(_installed())).encode())
    return found.hexdigest()


def _installed() -> set[str]:
    """Names and versions of what is installed, by its folders: what is in them takes long to read."""
    folders = [Path(each) for each in sys.path if each]
    return {found.name for folder in folders for kind in _NOTES for found in folder.glob(kind)}
