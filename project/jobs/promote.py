"""Workflow step: puts the models that were rehearsed into production."""

# No postponed annotations here: MLRun reads a handler's type hints and cannot resolve them from text.

from typing import Any

import mlrun

from feature_sets.model_package.package import fetch_model_package
from feature_sets.model_package.tags import PRODUCTION, STAGING
from project.model_addresses import model_address
from project.registered_versions import record_promotion, record_superseded
from project.report_sections import page_of, tell_gate
from training.evaluation.current_champion import why_superseded
from training.evaluation.promotion_gate import SUPERSEDED, after_rehearsal
from training.packaging.staged_models import horizon_model


def promote(context: mlrun.MLClientCtx, evaluated_against: str, report: mlrun.DataItem = None) -> None:
    """MLRun job: give the tag of the production model to the one that was rehearsed, of each horizon.

    A new model is recorded as promoted, in its parameters as well. It is superseded, and stays as it is,
    if a person has put another champion into production since it was evaluated: nobody has compared those.

    Results: ``version`` that is in production; ``changed``, whether another one was there before, and
    ``replaced``, the version of that. Of a new model also ``promoted``, ``promotion`` and
    ``promotion_reason``, as ``evaluate`` has them. Of several horizons ``versions``, further horizon ->
    version that is in production, and ``promotions``, further horizon -> ``promotion`` of a new model.
    ``superseded``, why, if it was.

    :param evaluated_against: version that was in production when it was decided that this one takes its
        place; empty for none.
    :param report: page of the run, which then says what became of the model; without one it is that of the
        run that made it, if there is one.
    """
    staged = mlrun.datastore.get_store_resource(model_address(context.project, STAGING))
    try:
        before = mlrun.datastore.get_store_resource(model_address(context.project, PRODUCTION))
    except mlrun.errors.MLRunNotFoundError:
        before = None
    there = str(before.spec.parameters["version"]) if before else ""
    said = str(staged.spec.parameters.get("promotion", ""))
    # What is there already takes nobody's place; one that a run has just promoted, and died, neither.
    why = "" if before is not None and before.uid == staged.uid else why_superseded(evaluated_against, there)
    if why:
        _keep(context, staged, there, why, report)
    else:
        _put(context, staged, before, report)
    further = fetch_model_package(staged.uri).schema.telemetry.further_horizons
    promoted = {
        horizon: _promote_further(context.project, horizon, after_rehearsal(said) or said)
        for horizon in further
    }
    if promoted:
        context.log_result("versions", {horizon: version for horizon, (version, _) in promoted.items()})
        context.log_result("promotions", {horizon: told for horizon, (_, told) in promoted.items() if told})


def _put(context: mlrun.MLClientCtx, staged: Any, before: Any, report: mlrun.DataItem | None) -> None:
    """Have what was rehearsed in production, and tell so.

    :param before: what is there; None if nothing is.
    """
    changed, outcome = _promoted(context.project, staged, before)
    if outcome:
        context.log_result("promoted", True)
        _tell(context, staged, outcome, staged.spec.parameters["promotion_reason"], report)
    context.log_result("version", staged.spec.parameters["version"])
    context.log_result("changed", changed)
    context.log_result("replaced", before.spec.parameters["version"] if before and changed else "")


def _keep(
    context: mlrun.MLClientCtx, staged: Any, version: str, why: str, report: mlrun.DataItem | None
) -> None:
    """Tell that what was rehearsed does not go into production.

    :param version: that stays there; empty for none.
    """
    context.log_result("superseded", why)
    context.log_result("version", version)
    context.log_result("changed", False)
    context.log_result("replaced", "")
    if record_superseded(staged, why):
        context.log_result("promoted", False)
        _tell(context, staged, SUPERSEDED, why, report)


def _tell(
    context: mlrun.MLClientCtx, staged: Any, outcome: str, reason: str, report: mlrun.DataItem | None
) -> None:
    """Have the results, and the page of the run that made the model, say what became of it, and why."""
    context.log_result("promotion", outcome)
    context.log_result("promotion_reason", reason)
    tell_gate(context, report or page_of(context.project, staged), f"{outcome}: {reason}")


def _promote_further(project: str, horizon: str, beside: str) -> tuple[str, str]:
    """Do so for a further horizon; gives the version in production, and the outcome of a new model.

    :param beside: what the model of the primary horizon says.
    """
    staged = horizon_model(project, horizon, STAGING)
    if staged is None:
        return "", ""
    _, outcome = _promoted(project, staged, horizon_model(project, horizon, PRODUCTION), beside)
    return str(staged.spec.parameters["version"]), outcome


def _promoted(project: str, staged: Any, before: Any, beside: str = "") -> tuple[bool, str]:
    """Have a model in production: whether it is in the place of another, and the outcome of a new one.

    One that was there already was promoted by somebody else: the gate may have kept another one out. Whoever
    did so may have been killed before it could be recorded.

    :param before: what was there; None if nothing was.
    :param beside: see ``record_promotion``.
    """
    if before is not None and before.uid == staged.uid:
        record_promotion(staged, beside)
        return False, ""
    mlrun.get_run_db().tag_artifacts(staged, project, tag_name=PRODUCTION)
    return True, record_promotion(staged, beside)
