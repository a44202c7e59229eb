"""``netops serve``: the registered model."""

from __future__ import annotations

from graphs.protocol.roles import Role
from project.cli.known_project import known_project
from project.cli.options import IS_OPEN, JsonOption, OpenOption, ProjectOption
from project.cli.status import print_status
from project.settings import Settings


def serve(project: ProjectOption = None, is_open: OpenOption = False, as_json: JsonOption = False) -> None:
    """Serve the production model. Brings an endpoint back that was stopped, or died too often."""
    from rich.console import Console

    from project.api_reader import check_production_model
    from project.cli.workflow_progress import run_to_end
    from project.run_lock import RUN, BusyError, holder
    from project.session import find_session, open_session

    settings = Settings.from_environment()
    console = Console(stderr=as_json)
    if find_session(settings) is None:
        console.print("  start  the control plane and the online store", highlight=False)
    session = open_session(settings)
    name = known_project(project, settings, session)
    console.print(f"netops serve: project {name}, MLRun API {session.mlrun_dbpath}", highlight=False)
    # At once, and not after the workflow has loaded.
    other = holder(settings.home, name, (RUN,))
    if other is not None:
        raise BusyError(other)
    check_production_model(session.mlrun_dbpath, name)
    if settings.anonymous == Role.WRITE:
        console.print(IS_OPEN, highlight=False)
    run_to_end(settings, session, name, "serve", {}, console)
    print_status(settings, session, as_json)
