"""Which code made a model: the package's version and a digest of the files that decide what it learns."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent.parent
_ROOMS = ("feature_sets", "training")
_KINDS = (".py", ".yaml")
_PACKAGE = "netops"
_DIGITS = 12


@lru_cache(maxsize=1)
def code_version() -> str:
    """Version of the running code, for instance ``0.1.0+3f0c1d2e4b5a``.

    The same code gives the same text on any machine: files count by their path below the root and their
    lines, not by dates, line endings or where they lie. A copy of the source that is not an installed
    package has the version ``source``.
    """
    try:
        release = version(_PACKAGE)
    except PackageNotFoundError:
        release = "source"
    return f"{release}+{source_digest(_ROOT)}"


def source_digest(root: Path) -> str:
    """Short digest of the source files of the rooms that make a model.

    :param root: folder that holds the rooms.
    """
    digest = hashlib.sha256()
    paths = [path for room in _ROOMS for path in (root / room).rglob("*") if path.suffix in _KINDS]
    for name, path in sorted((path.relative_to(root).as_posix(), path) for path in paths):
        lines = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{name}\0{len(lines)}\0".encode() + lines)
    return digest.hexdigest()[:_DIGITS]
