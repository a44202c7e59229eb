"""Workflow step: deletes the staging endpoint, whatever became of the rehearsal."""

from __future__ import annotations

from contextlib import suppress

import mlrun


def end_rehearsal(context: mlrun.MLClientCtx, function: str) -> None:
    """MLRun job: delete a deployed function, if there is one.

    :param function: name of the serving function for rehearsals.
    """
    with suppress(mlrun.errors.MLRunNotFoundError):
        mlrun.get_run_db().delete_function(function, context.project)
