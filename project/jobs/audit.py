"""Workflow step: whether what the endpoint served is what the history says."""

from __future__ import annotations

import mlrun

from feature_sets.checks import InputError
from feature_sets.telemetry.schema import TelemetrySchema
from project.audit import MOST, SINCE, Audit, audit
from project.errors import NetopsError
from project.live_history import LiveJournal
from project.settings import Settings


def audit_served(context: mlrun.MLClientCtx, schema: str = "", pairs: int = MOST, since: str = SINCE) -> None:
    """MLRun job: compare what was served with the history, see ``project.audit``.

    What was served by this run is history with the next one, and counts as ``not_in_history`` until then.
    Results: the fields of ``Audit``, or why it ``failed``. That, or a difference, is an error of the log and
    ends nothing.

    :param schema: path of the telemetry schema; empty for the simulated network's.
    :param pairs: newest labeled pairs to look at, about.
    :param since: how long before the newest answer, or a time.
    """
    try:
        found = _audited(context.project, schema, int(pairs), since)
    except (NetopsError, InputError, OSError, mlrun.errors.MLRunBaseError) as error:
        context.log_result("failed", str(error))
        context.logger.error(f"nothing was audited: {error}")
        return
    for name, value in found.to_dict().items():
        if value is not None:
            context.log_result(name, value)
    if found.mismatches:
        for line in found.lines():
            context.logger.error(line)


def _audited(project: str, schema: str, pairs: int, since: str) -> Audit:
    settings = Settings.from_environment()
    directory, journal = settings.labeled_pairs(project), LiveJournal.of(project, settings)
    return audit(project, directory, journal, TelemetrySchema.load(schema), pairs, since)
