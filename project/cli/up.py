"""``netops up``: the servers of this machine."""

from __future__ import annotations

from project.cli.options import JsonOption
from project.cli.status import print_status
from project.settings import Settings


def up(as_json: JsonOption = False) -> None:
    """Start the local control plane and Valkey, or find them running."""
    from project.session import open_session

    print_status(open_session(Settings.from_environment()), as_json)
