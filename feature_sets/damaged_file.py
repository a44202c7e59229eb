"""Parquet files that cannot be read: told by name, with what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class DamagedFileError(OSError):
    """A file whose content cannot be read."""

    def __init__(self, path: Path | str, advice: str, error: Exception) -> None:
        said = " ".join(str(error).split())
        super().__init__(f"{path}: must be a readable Parquet file, got {said!r}; {advice}")


@contextmanager
def reading(path: Path | str, advice: str) -> Iterator[None]:
    """Have what is wrong with the content of a file told with its name.

    :param advice: what to do about such a file.
    :raises DamagedFileError: if its content cannot be read. Failures of the disk stay what they are.
    """
    import pyarrow as pa  # Only now: commands that read nothing need not wait for it.

    try:
        yield
    except (OSError, pa.ArrowException) as error:
        if isinstance(error, DamagedFileError) or getattr(error, "errno", None):
            raise
        raise DamagedFileError(path, advice, error) from error
