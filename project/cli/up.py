"""``netops up``: the servers of this machine."""

from __future__ import annotations

from project.cli.options import JsonOption
from project.cli.status import print_status
from project.settings import Settings


def up(as_json: JsonOption = False) -> None:
    """Start the local control plane and Valkey, unless they run."""
    from project.session import open_session

    settings = Settings.from_environment()
    print_status(settings, open_session(settings), as_json)
