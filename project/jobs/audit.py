"""Workflow step: whether what the endpoint served is what the history says."""

from __future__ import annotations

import mlrun

from feature_sets.telemetry.schema import TelemetrySchema
from project.audit import MOST, SINCE, audit
from project.live_history import LiveJournal
from project.settings import Settings


def audit_served(context: mlrun.MLClientCtx, schema: str = "", pairs: int = MOST, since: str = SINCE) -> None:
    """MLRun job: compare what was served with the history, see ``project.audit``.

    What was served by this run is history with the next one, and counts as ``not_in_history`` until then.
    Results: the fields of ``Audit``. A difference is an error of the log and ends nothing.

    :param schema: path of the telemetry schema; empty for the simulated network's.
    :param pairs: newest labeled pairs to look at, about.
    :param since: how long before the newest answer, or a time.
    """
    settings = Settings.from_environment()
    found = audit(
        context.project,
        settings.labeled_pairs(context.project),
        LiveJournal.of(context.project, settings),
        TelemetrySchema.load(schema),
        int(pairs),
        since,
    )
    for name, value in found.to_dict().items():
        if value is not None:
            context.log_result(name, value)
    if found.mismatches:
        for line in found.lines():
            context.logger.error(line)
