"""Whose a home is: another user could read a half of it only, and root would leave files of its own in it."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from project.errors import NetopsError

PLACE = "place"
"""File of a home that notes where it is, of whoever has made it."""


class ForeignHomeError(NetopsError):
    """A home is of another user.

    :param home: where it is.
    :param owner: id of the user.
    """

    def __init__(self, home: Path, owner: int) -> None:
        if os.geteuid() == 0:
            name = _user(owner).removeprefix("user ")
            super().__init__(
                f"NETOPS_HOME {home}: must be of root, who runs this, got {_user(owner)}, who could not "
                f"change the files that root leaves there; next: run this as {_user(owner)}, "
                f"'sudo -u {name} ...', or set NETOPS_HOME to another folder"
            )
            return
        super().__init__(
            f"NETOPS_HOME {home}: must be of, or writable for, {_user(os.geteuid())}, who runs this, got "
            f"{_user(owner)}; next: run this as {_user(owner)}, or set NETOPS_HOME to another folder"
        )


def check_owner(home: Path) -> None:
    """Look whether this user may work with a home, before anything is written there.

    Root may write everywhere, and what it writes the owner of the home can not change. So root may work with
    a home that is its own, or that it has made: in a container the folder may be of somebody else.

    :param home: folder of local state, without links; one that is not there is made by this user.
    :raises ForeignHomeError: if it is of another user, who has not opened it to this one.
    """
    try:
        owner, user = home.stat().st_uid, os.geteuid()
        if owner == user or (user and os.access(home, os.W_OK)):
            return
        if user == 0 and (home / PLACE).stat().st_uid == 0:
            return
    except (FileNotFoundError, NotADirectoryError):
        if not home.is_dir() or not any(home.iterdir()):
            return
    raise ForeignHomeError(home, owner)


def _user(number: int) -> str:
    try:
        return f"user {pwd.getpwuid(number).pw_name}"
    except KeyError:
        return f"user {number}"
