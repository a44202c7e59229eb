"""What commands that look at the feature sets of a project begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from feature_sets.checks import InputError
from project.gc_paused import gc_paused
from project.settings import Settings

if TYPE_CHECKING:
    from feature_sets.telemetry.schema import TelemetrySchema
    from project.session import Session


def open_project(session: Session, project: str, settings: Settings) -> TelemetrySchema:
    """Make a project the current one; gives its telemetry schema.

    :raises InputError: if there is no such project.
    """
    with gc_paused():
        import mlrun

    from feature_sets.telemetry.schema import TelemetrySchema
    from project.api_reader import projects
    from project.last_run import recall
    from project.project_setup import project_folder

    known = projects(session.mlrun_dbpath)
    if project not in known:
        which = f": {', '.join(known)}" if known else ""
        raise InputError(
            "--project", f"must be one that there is{which}; 'netops ingest' begins one", project
        )
    mlrun.utils.logger.set_logger_level("WARNING")  # It prints to the output.
    mlrun.get_or_create_project(project, context=str(project_folder(project, settings)))
    memory = recall(session.mlrun_dbpath, project)
    return TelemetrySchema.load(memory.schema if memory and memory.schema else "")
