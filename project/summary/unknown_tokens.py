"""Tokens of a home that its endpoint does not know, as it read others when it started."""

from __future__ import annotations

from graphs.protocol.roles import Role
from project.errors import NetopsError
from project.http_json import DeniedError, UnreachableError, get_guarded
from project.settings import Settings
from project.token_files import token_file

_TIMEOUT = 5.0


def unknown_tokens(settings: Settings, address: str, project: str) -> list[str]:
    """That an endpoint knows some of them no more, in a sentence without any; none if it knows all.

    A role whose token nobody has given, and none is kept of, is left out: to look makes none.

    :param address: of the endpoint.
    """
    unknown: list[Role] = []
    given = {Role.ADMIN: settings.token, Role.WRITE: settings.write_token, Role.READ: settings.read_token}
    for role in Role:
        if not given[role] and not token_file(settings.home, role).is_file():
            continue
        try:
            get_guarded(f"{address}/", settings.bearer_token(role), _TIMEOUT)
        except DeniedError:
            unknown.append(role)
        except UnreachableError:  # That it does not answer is told elsewhere.
            return []
        except NetopsError as error:
            return [str(error)]
    if not unknown:
        return []
    *first, last = map(str, unknown)
    named = f"the tokens of {', '.join(first)} and {last} are" if first else f"the token of {last} is"
    return [
        f"{named} not known to the endpoint, which has read others when it started; "
        f"'netops serve --project {project}' has it take those of now"
    ]
