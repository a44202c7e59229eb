"""Where a home is: what is recorded in it leads to places of its own, and to its processes.

So one that was moved, or a copy beside the first one, must not be worked with. The copy of a home that is in
use would end its servers, and write into its files.
"""

from __future__ import annotations

from pathlib import Path

from project.errors import NetopsError
from project.home_owner import PLACE, check_owner
from project.local.atomic_write import write_atomically


class MovedHomeError(NetopsError):
    """A home is not where it was made.

    :param home: where it is.
    :param made_at: where it was made.
    """

    def __init__(self, home: Path, made_at: str) -> None:
        now = "which is another folder now" if _is_there(made_at) else "which is gone"
        super().__init__(
            f"NETOPS_HOME {home}: must be where it was made, at {made_at}, {now}: what is recorded in it "
            f"leads there; next: move it there, or have that path lead here, 'ln -s {home} {made_at}'"
        )


def check_place(home: Path) -> None:
    """Look whether a home is where it was made; of one that notes nothing that is not known.

    :param home: folder of local state, without links.
    :raises MovedHomeError: if it is not.
    :raises ForeignHomeError: see ``check_owner``.
    """
    check_owner(home)
    try:
        made_at = (home / PLACE).read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        return
    if made_at and made_at != str(home) and not _is_same(made_at, home):
        raise MovedHomeError(home, made_at)


def note_place(home: Path) -> None:
    """Note where a home is, unless that is noted."""
    if not (home / PLACE).exists():
        write_atomically(home / PLACE, f"{home}\n")


def _is_same(made_at: str, home: Path) -> bool:
    """Whether a link leads from there to here."""
    return _is_there(made_at) and home.samefile(made_at)


def _is_there(path: str) -> bool:
    try:
        return Path(path).exists()
    except OSError:  # Another user may not look there.
        return False
