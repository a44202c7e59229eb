"""Which project a command is about that begins none."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

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
