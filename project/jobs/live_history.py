"""Workflow step: what arrived live since the last time becomes history, so that the next training has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mlrun

from feature_sets.checks import check_boolean
from feature_sets.ingestion.silence import unlearned_in_history
from feature_sets.ingestion.telemetry_history import TelemetryHistory
from feature_sets.telemetry.label_form import INCIDENTS
from feature_sets.telemetry.schema import TelemetrySchema
from project.contradicted_pairs import contradicted_pairs
from project.device_reload import RELOAD_FAILURE, EarlierVersionError, reload_devices
from project.endpoints import endpoint_address
from project.errors import NetopsError
from project.function_names import SERVING
from project.live_history import LiveJournal, labels_taken_until, take_live
from project.settings import Settings
from project.untold_warnings import UntoldWarnings
from project.workflow_steps import LIVE_LINES


def add_live_history(
    context: mlrun.MLClientCtx, schema: str = "", live: bool = True, feature_vector: str = ""
) -> None:
    """MLRun job: add what the endpoint accepted, readings and labels alike, to the feature sets.

    Each row becomes history once, however often this is done or interrupted. Logs the counts of
    ``live_history.COUNTS`` and of ``contradicted_pairs``, the report, also as one text, ``live_lines``, the
    watermark and ``feature_vector`` as it was given. An endpoint that is up takes over the devices, and what
    files have told: its windows begin anew with their readings. If it does not, why is logged as
    ``RELOAD_FAILURE``.

    :param schema: path of the telemetry schema; empty for the simulated network's.
    :param live: whether to do it; otherwise nothing is looked at.
    :param feature_vector: address of the vector of all features, for the steps that follow.
    :raises InputError: if the history does not take the rows; nothing is written then.
    """
    lines: list[str] = []
    try:
        if check_boolean("argument 'live'", live):
            settings = Settings.from_environment()
            journal = LiveJournal.of(context.project, settings)
            telemetry = TelemetrySchema.load(schema)
            untold = UntoldWarnings.of(settings, context.project, "live")
            results = {**(taken := take_live(journal, telemetry, untold)), **_unlearned(taken, telemetry)}
            lines = results["report_lines"]
            context.log_results({**results, **_contradicted(context.project, telemetry, journal)})
            untold.told()
    except BaseException:
        # Files were ingested before: what they tell reaches the endpoint whatever fails from here on.
        try:
            _tell(context)
        except Exception as error:  # The first error is the one to mend.
            mlrun.utils.logger.warning(f"the endpoint was not told of the files: {error!r}")
        raise
    _tell(context)
    context.log_result("feature_vector", feature_vector)
    context.log_result(LIVE_LINES, "\n".join(lines))


def _unlearned(taken: Mapping[str, Any], schema: TelemetrySchema) -> dict[str, Any]:
    """Incidents that no model learns from, counted again: the ingestion before did not see what came live.

    :param taken: what was added; nothing is counted where that was no reading and no incident.
    """
    changed = taken.get("readings_new") or taken.get("incidents")
    found = unlearned_in_history(schema) if changed and schema.labels.form == INCIDENTS else None
    if found is None:
        return {}
    sentences = [each.sentence for each in found if each.sentence]
    told = sentences or ["every incident has readings to learn from"]
    lines = [*taken["report_lines"], *(f"labels: with what arrived live: {each}" for each in told)]
    return {
        "incidents_outside": found.outside.to_dict(),
        "incidents_without_reading": found.silent.to_dict(),
        "report_lines": lines,
    }


def _tell(context: mlrun.MLClientCtx) -> None:
    """Have the endpoint take over what is new; why it did not is a result."""
    failure = _tell_endpoint(context.project)
    if failure:
        context.log_result(RELOAD_FAILURE, failure)


def _contradicted(project: str, schema: TelemetrySchema, journal: LiveJournal) -> dict[str, int]:
    """Pairs of the endpoint whose label is another one in the history; nothing without both."""
    history, pairs = TelemetryHistory.of(schema), Settings.from_environment().labeled_pairs(project)
    if history is None or history.labels is None or not pairs.is_dir():
        return {}
    taken = labels_taken_until(history, journal)
    return contradicted_pairs(pairs, history.labels, schema, metrics=history.metrics, labels_taken=taken)


def _tell_endpoint(project: str) -> str:
    """Have the endpoint take over what the ingestion before brought, if it is up.

    :returns: why it did not, with the next command; empty if it did, or will when it starts.
    """
    try:
        address = endpoint_address(project, SERVING)
    except NetopsError as error:
        mlrun.utils.logger.info(f"no endpoint takes over the devices now: {error}")
        return ""
    try:
        reload_devices(address, Settings.from_environment().bearer_token())
    except EarlierVersionError as error:
        mlrun.utils.logger.info(f"the endpoint takes over the devices when it starts: {error}")
    except NetopsError as error:
        mlrun.utils.logger.warning(str(error))
        return str(error)
    return ""
