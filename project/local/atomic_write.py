"""Small files that are there whole or not at all, also when the machine loses its power."""

from __future__ import annotations

import os
from pathlib import Path


def write_atomically(path: Path, text: str) -> None:
    """Write a file in the place of the one before.

    It is on the disk before it gets its name: else the name may be there after a crash, and the content not.
    """
    temporary = path.with_name(f"{path.name}.new")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
