"""Workers of xdist compile the tests once between them, for each begins its collection with another folder.

pytest compiles a file of tests with its assertions rewritten, which takes 14 s of processor time for all. In
one order every worker would come to every file before another one has written what it made of it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def shared_bytecode(config: pytest.Config, worker: int, workers: int) -> Iterator[None]:
    """Have a worker keep what it compiles while this is open, and begin with a folder of its own.

    The environment may ask for no bytecode beside the source: what is compiled once for all is worth it.

    :param worker: number of the worker, from 0.
    """
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, False
    whole = os.fspath(Path(__file__).parent.relative_to(config.rootpath))
    if whole in config.args:
        others = [each for each in config.args if each != whole]
        config.args = [*others, *rotated(_parts(config.rootpath / whole), worker, workers)]
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def rotated(parts: Sequence[tuple[str, int]], worker: int, workers: int) -> list[str]:
    """All parts, from the one on that begins nearest to ``worker / workers`` of their sizes.

    :param parts: path and size of each.
    """
    begins = [sum(size for _, size in parts[:place]) for place in range(len(parts))]
    aim = sum(size for _, size in parts) * worker / workers
    first = min(range(len(parts)), key=lambda place: abs(begins[place] - aim))
    return [path for path, _ in (*parts[first:], *parts[:first])]


def _parts(folder: Path) -> list[tuple[str, int]]:
    """Path and size of each file and subfolder of tests."""
    found = []
    for path in sorted(folder.iterdir()):
        files = [path] if path.suffix == ".py" else list(path.rglob("*.py"))
        if files and path.name != "__init__.py":
            found.append((str(path), sum(file.stat().st_size for file in files)))
    return found
