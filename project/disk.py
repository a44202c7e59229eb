"""Failures of the disk that a user can mend, in one line."""

from __future__ import annotations

import errno
from pathlib import Path

_REMEDIES = {
    errno.ENOSPC: "free space there",
    errno.EDQUOT: "free space there",
    errno.EROFS: "make it writable",
    errno.EACCES: "make it writable",
    errno.EPERM: "make it writable",
    errno.ENOTDIR: "it must be a folder",
    errno.EEXIST: "it must be a folder",
}


def disk_failure(error: OSError, home: Path | str) -> str:
    """What is wrong with the disk and what to do about it; empty for an error of another kind.

    :param home: folder of local state.
    """
    remedy = _REMEDIES.get(error.errno or 0)
    if error.errno == errno.ENOENT and error.filename == str(home):
        remedy = "it cannot be made"
    if remedy is None:
        return ""
    where = str(error.filename or home)
    text = f"{where}: {error.strerror}; {remedy}"
    # A file that the user named is elsewhere, and another home would not help.
    if error.filename and not Path(where).is_relative_to(home):
        return text
    return f"{text}, or set NETOPS_HOME (now {home}) to another folder"
