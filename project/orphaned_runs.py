"""Ends the runs that a dead workflow process left ``running``.

The local control plane does the same by itself; whoever started the process knows how it ended and says it
first. With another MLRun API nobody else would.
"""

from __future__ import annotations

from contextlib import suppress

from project.api_reader import runs
from project.http_json import UnreachableError, patch_json
from project.local.run_states import TERMINAL_STATES
from project.local.workflow_records import settle as settle_record
from project.local.workflow_records import workflow_records
from project.session import Session
from project.settings import Settings


def settle(settings: Settings, session: Session) -> int:
    """End as ``aborted``, with the reason, the runs of workflows whose process died.

    On a cluster there are none: a run there goes on without the process that submitted it. Where the API does
    not answer, the next command tries again.

    :returns: how many workflows had left something to do.
    """

    def unfinished(project: str, run_id: str) -> list[tuple[str, int]]:
        found = runs(session.mlrun_dbpath, project, run_id)
        return [
            (run["metadata"]["uid"], int(run["metadata"].get("iteration") or 0))
            for run in found
            if run["status"].get("state") not in TERMINAL_STATES
        ]

    def end(project: str, uid: str, iteration: int, reason: str) -> None:
        updates = {"status.state": "aborted", "status.error": reason, "status.status_text": reason}
        address = f"{session.mlrun_dbpath}/api/v1/projects/{project}/runs/{uid}?iter={iteration}"
        patch_json(address, updates)

    settled = 0
    if settings.profile != "local":
        return settled
    for record in workflow_records(settings.home):
        if session.owned or record.request.get("mlrun_dbpath") == session.mlrun_dbpath:
            with suppress(UnreachableError):
                settled += settle_record(record, unfinished, end)
    return settled
