"""Endpoints that were deployed with other code than is installed now, as before an upgrade."""

from __future__ import annotations

from project.api_reader import function_variables
from project.code_digest import CODE, code_digest
from project.function_names import RUNNER, SERVING, what_brings_back
from project.settings import Settings


def other_code_of(settings: Settings, dbpath: str, project: str) -> list[str]:
    """That such ones run, in a sentence with the command that replaces them; none if there are none.

    Releases that did not note their code are earlier ones. On a cluster nothing is noted.

    :param dbpath: address of the MLRun API.
    """
    if settings.profile != "local":
        return []
    deployed = {name: function_variables(dbpath, project, name) for name in (SERVING, RUNNER)}
    other = [
        name
        for name, variables in deployed.items()
        if variables is not None and variables.get(CODE) != code_digest()
    ]
    if not other:
        return []
    were = "was" if len(other) == 1 else "were"
    return [
        f"{' and '.join(other)} {were} deployed with other code or packages than are installed now, "
        f"as before an upgrade; '{what_brings_back(project, SERVING)}' replaces what runs, and loses nothing"
    ]
