"""One process at a time in a folder: while a function is deployed anew, its old and new ones both write."""

from __future__ import annotations

import errno
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlrun.utils import logger

_NAME = ".lock"
_UNSUPPORTED = frozenset((errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP))


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Wait until nobody else is inside, other threads of this process included; a kill ends it as well.

    Some volumes of clusters know no locks. There two processes may be inside, of which the log tells.

    :param folder: must exist; the lock is a file in it, which readers of Parquet pass over.
    :raises OSError: if it cannot be opened.
    """
    with (folder / _NAME).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
            logger.warning(
                f"{folder} knows no locks, so a process that is replaced may write beside: {error}"
            )
        yield
