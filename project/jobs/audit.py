"""Workflow step: whether what the endpoint served is what the history says."""

# No postponed annotations here: MLRun reads a handler's type hints and cannot resolve them from text.

from collections.abc import Mapping
from typing import Any

import mlrun
import pandas as pd

from feature_sets.checks import InputError
from feature_sets.telemetry.schema import TelemetrySchema
from project.audit import MOST, SINCE, audit
from project.audit_account import Audit
from project.endpoints import endpoint_address
from project.errors import NetopsError
from project.function_names import SERVING
from project.http_json import get_json
from project.jobs.stream_state import generator_address, goes_on
from project.live_history import LiveJournal
from project.report_sections import add_section
from project.settings import Settings
from project.summary.audit_text import DRIFT, STREAMING, audit_text
from project.summary.drift_section import drift_section
from training.report_page.page import Section, Table

_COUNTS = {
    "looked at": "pairs",
    "compared": "compared",
    "that differ": "mismatches",
    "with features not looked at": "partly",
    "no history yet": "not_in_history",
    "with a label that is no history yet": "label_not_in_history",
    "in error already by the history, or left out there": "without_target",
    "left out of the history": "out_of_history",
    "in the order of the journal, after a late reading": "after_late",
    "in the order of the journal, after a silence": "after_silence",
    "in the order of the journal, beside readings of files": "beside_files",
    "within a thousandth in relative features": "rounded",
    "with a late reading, and no journal": "not_in_journal",
    "of a model that is registered no more": "unknown_models",
    "of a model with features of another schema": "of_other_schema",
    "with an input that is no history": "without_input",
}

_TIMEOUT = 5.0


def audit_served(
    context: mlrun.MLClientCtx,
    schema: str = "",
    pairs: int = MOST,
    since: str = SINCE,
    report: mlrun.DataItem = None,
) -> None:
    """MLRun job: compare what was served with the history, see ``project.audit``.

    What was served by this run is history with the next one, and counts as ``not_in_history`` until then.
    The label of what was at the end of the history came after it: that counts as ``label_not_in_history``.
    Results: the fields of ``Audit``, or why it ``failed``; ``while_streaming`` if the simulated network still
    streamed, so that not all pairs were in files. That it failed, or a difference, is an error of the log and
    ends nothing. The report of the run gets a section with the figures, and one with the alerts of drift.
    ``drift``, what the endpoint tells of it when the step begins, is a result, too. A change of the champion
    resets the detectors, and a person may make one while the run still goes on.

    :param schema: path of the telemetry schema; empty for the simulated network's.
    :param pairs: newest labeled pairs to look at, about.
    :param since: how long before the newest answer, or a time.
    :param report: page of the run; none without one.
    """
    drift, unknown = read_drift(context.project)
    if drift is not None:
        context.log_result(DRIFT, drift)
    section = drift_section(drift, unknown)
    try:
        streams = goes_on(generator_address(context.project))
        found = _audited(context.project, schema, int(pairs), since)
    except (NetopsError, InputError, OSError, mlrun.errors.MLRunBaseError) as error:
        context.log_result("failed", str(error))
        context.logger.error(f"nothing was audited: {error}")
        _add_to_report(context, report, section, {"failed": str(error)})
        return
    results = {name: value for name, value in found.to_dict().items() if value is not None}
    if streams:
        results[STREAMING] = True
    context.log_results(results)
    _add_to_report(context, report, section, results)
    if found.mismatches:
        for line in found.lines():
            context.logger.error(line)


def _add_to_report(
    context: mlrun.MLClientCtx, report: mlrun.DataItem | None, drift: Section, results: Mapping[str, Any]
) -> None:
    """Put the figures on the page, after what there is of drift at the end of the run."""
    if report is not None:
        add_section(context, report, drift)
        add_section(context, report, audit_section(results))


def audit_section(results: Mapping[str, Any]) -> Section:
    """The section of a report.

    :param results: of the step, see ``Audit``.
    """
    counts = {name: results[key] for name, key in _COUNTS.items() if results.get("pairs")}
    tables = [Table(pd.DataFrame([counts]), "Labeled pairs, as they were written when they were served")]
    differing = results.get("by_feature") or {}
    if differing:
        frame = pd.DataFrame({"feature": list(differing), "pairs that differ": list(differing.values())})
        tables.append(Table(frame, "Features that are not what the history says"))
    return Section("Audit of what was served", (audit_text(results),), tuple(tables) if counts else ())


def _audited(project: str, schema: str, pairs: int, since: str) -> Audit:
    settings = Settings.from_environment()
    directory, journal = settings.labeled_pairs(project), LiveJournal.of(project, settings)
    return audit(project, directory, journal, TelemetrySchema.load(schema), pairs, since)


def read_drift(project: str) -> tuple[dict[str, Any] | None, str]:
    """What the endpoint of a project tells of drift by now, and why it does not; one of both is empty.

    :param project: name of the project.
    """
    try:
        return get_json(f"{endpoint_address(project, SERVING)}/drift", _TIMEOUT), ""
    except (NetopsError, mlrun.errors.MLRunBaseError) as error:
        return None, str(error)
