"""``netops token``: what a request to the endpoint or the runner bears."""

from __future__ import annotations

from typing import Annotated

import typer

from feature_sets.checks import InputError
from graphs.protocol.roles import Role
from project.settings import Settings


def token(
    role: Annotated[Role, typer.Argument(help="What the holder may do; each role includes those before it.")],
) -> None:
    """Print the token of a role.

    On a laptop it is created on first use. Send it in the header Authorization, as 'Bearer TOKEN'. Sending
    telemetry, labels and incidents takes write; what changes the endpoint or starts a run takes admin.
    """
    # Never that of another role, which its holder could do more with.
    tokens = Settings.from_environment().tokens(role)
    if not tokens:
        raise InputError(f"token of the role {role}", "must have been given to the deployment", "none")
    print(tokens[0])
