"""``netops serve``: the registered model."""

from __future__ import annotations

from project.cli.arguments import project_name
from project.cli.options import JsonOption, ProjectOption
from project.cli.status import print_status
from project.settings import Settings


def serve(project: ProjectOption = None, as_json: JsonOption = False) -> None:
    """Serve the production model. Brings a stopped or killed endpoint back."""
    from rich.console import Console

    from project.cli.workflow_progress import run_to_end
    from project.session import open_session

    settings = Settings.from_environment()
    session = open_session(settings)
    run_to_end(settings, session, project_name(project), "serve", {}, Console(stderr=as_json))
    print_status(session, as_json)
