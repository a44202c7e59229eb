"""Where a home is: what is recorded in it leads to places of its own, and to processes that serve it.

So one that was moved, or a copy beside the first one, must not be worked with. The copy of a home that is in
use would end its servers, and write into its files.
"""

from __future__ import annotations

from pathlib import Path

from project.errors import NetopsError
from project.local.whole_files import write_whole

_NAME = "place"


class MovedHomeError(NetopsError):
    """A home is not where it was made.

    :param home: where it is.
    :param made_at: where it was made.
    """

    def __init__(self, home: Path, made_at: str) -> None:
        now = "which is another folder now" if Path(made_at).exists() else "which is gone"
        super().__init__(
            f"NETOPS_HOME {home}: must be where it was made, at {made_at}, {now}: what is recorded in it "
            f"leads there; next: move it there, or have that path lead here, 'ln -s {home} {made_at}'"
        )


def check_place(home: Path) -> None:
    """Look whether a home is where it was made; of one that notes nothing that is not known.

    :param home: folder of local state, without links.
    :raises MovedHomeError: if it is not.
    """
    try:
        made_at = (home / _NAME).read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        return
    if made_at and made_at != str(home) and not _is_same(made_at, home):
        raise MovedHomeError(home, made_at)


def note_place(home: Path) -> None:
    """Note where a home is, unless that is noted."""
    if not (home / _NAME).exists():
        write_whole(home / _NAME, f"{home}\n")


def _is_same(made_at: str, home: Path) -> bool:
    """Whether a link leads from there to here."""
    return Path(made_at).exists() and home.samefile(made_at)
