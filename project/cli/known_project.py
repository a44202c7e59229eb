"""Which project a command is about that begins none."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from feature_sets.checks import InputError
from project import api_reader

if TYPE_CHECKING:
    from project.session import Session
    from project.settings import Settings


def known_project(given: str | None, settings: Settings, session: Session) -> str:
    """The project given, else that of the settings; where nobody named one and there is one only, that one.

    Which one is taken that has another name than the default is said on standard error.

    :param given: by ``--project``.
    """
    if given or settings.is_project_named:
        return given or settings.project
    known = api_reader.projects(session.mlrun_dbpath)
    if settings.project in known or len(known) != 1:
        return settings.project
    print(f"project {known[0]}: the only one there is", file=sys.stderr)
    return known[0]


def check_begins(name: str, settings: Settings, session: Session, *given: object) -> None:
    """Where nobody named a project or a source, no simulated network may begin beside an own project.

    :param name: of the settings.
    :param given: what the command was given that names a project or a source; None or empty where it was not.
    :raises InputError: if there is one project only, and it is another one.
    """
    if any(given) or settings.is_project_named:
        return
    if not session.owned:  # Another API has projects that are not ours.
        return
    known = api_reader.projects(session.mlrun_dbpath)
    if name in known or len(known) != 1:
        return
    rule = (
        f"must be named: '--project {known[0]}' goes on with the project that is there, '--project {name}' "
        "begins a simulated network beside it"
    )
    raise InputError("--project", rule, "no name")
