"""``netops token``: what a request to the endpoint or the runner bears."""

from __future__ import annotations

from typing import Annotated

import typer

from graphs.protocol.roles import Role
from project.settings import Settings


def token(
    role: Annotated[Role, typer.Argument(help="What its holder may do; each role covers those before it.")],
) -> None:
    """Print the token of a role; it is made on first use.

    It is sent in the header Authorization, as 'Bearer TOKEN'. Sending telemetry, labels and incidents takes
    write; what changes the endpoint or starts a run takes admin.
    """
    print(Settings.from_environment().bearer_token(role))
