"""Failures of the disk that a user can mend, in one line."""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
import tempfile
from pathlib import Path

_FREE, _WRITABLE = "free space there", "make it writable"
_FOLDER = "move away the file that is on this path"
_REMEDIES = {
    errno.ENOSPC: _FREE,
    errno.EDQUOT: _FREE,
    errno.EROFS: _WRITABLE,
    errno.EACCES: _WRITABLE,
    errno.EPERM: _WRITABLE,
    errno.ENOTDIR: _FOLDER,
    errno.EEXIST: _FOLDER,
}
_OF_SQLITE = {
    sqlite3.SQLITE_FULL: _FREE,
    sqlite3.SQLITE_IOERR: "free space there, or look at the disk",
    sqlite3.SQLITE_READONLY: _WRITABLE,
    sqlite3.SQLITE_CANTOPEN: _WRITABLE,
}

_TRIED_BYTES = 2**20


def disk_line(error: Exception) -> str:
    """What is wrong with the disk and what to do about it; empty for an error of another kind.

    :param error: of the operating system, or of SQLite.
    """
    remedy = _remedy(error)
    return f"{getattr(error, 'filename', None) or 'the disk'}: {_said(error)}; {remedy}" if remedy else ""


def write_failure(folder: Path) -> str:
    """Why files cannot be written in a folder, found by one of 1 MiB; empty if they can."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_TRIED_BYTES))
            file.flush()
            os.fsync(file.fileno())  # A share tells only now that it is full.
    except OSError as error:
        return "; ".join(filter(None, (f"{folder}: {_said(error)}", _remedy(error))))
    return ""


def disk_failure(error: Exception, home: Path | str) -> str:
    """The same for a command, which may be given another home.

    :param home: folder of local state, where SQLite keeps its files.
    """
    remedy, filename = _remedy(error), getattr(error, "filename", None)
    if isinstance(error, OSError) and error.errno == errno.ENOENT and filename == str(home):
        # The parents were tried too: nothing that is there can be mended.
        return f"{filename}: no folder can be made there; set NETOPS_HOME (now {home}) to another folder"
    if not remedy:
        return ""
    text = f"{filename or home}: {_said(error)}; {remedy}"
    # A file that the user named is elsewhere, and another home would not help.
    if filename and not Path(str(filename)).is_relative_to(home):
        return text
    return f"{text}, or set NETOPS_HOME (now {home}) to another folder"


def log_failure(log: logging.Logger, error: Exception, what: str) -> str:
    """Log that something failed: in one line where the disk is to blame, else with the traceback.

    :param what: failed, in words.
    :returns: why, in words.
    """
    why = disk_line(error)
    if why:
        log.error("%s: %s", what, why)
        return why
    log.error("%s", what, exc_info=error)
    return f"{type(error).__name__}: {error}"


def _remedy(error: Exception) -> str:
    """What to do about a failure of the disk; empty for an error of another kind."""
    if isinstance(error, OSError):
        return _REMEDIES.get(error.errno or 0, "")
    if isinstance(error, sqlite3.OperationalError):
        # The lower byte is the kind, the others say more of it; made by hand it has none.
        return _OF_SQLITE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, "")
    return ""


def _said(error: Exception) -> str:
    return str((error.strerror if isinstance(error, OSError) else None) or error)
