"""Workflow step: puts the models that were rehearsed into production."""

from __future__ import annotations

import mlrun

from feature_sets.model_package.package import fetch_model_package
from feature_sets.model_package.tags import PRODUCTION, STAGING
from project.model_addresses import model_address
from training.evaluation.promotion_gate import after_rehearsal
from training.packaging.staged_models import horizon_model


def promote(context: mlrun.MLClientCtx) -> None:
    """MLRun job: give the tag of the production model to the one that was rehearsed, of each horizon.

    A new model is recorded as promoted, in its parameters as well.

    Results: ``version``; ``changed``, whether another one was in production before, and ``replaced``, the
    version of that. Of a new model also ``promoted``, ``promotion`` and ``promotion_reason``, as ``evaluate``
    has them. Of several horizons ``versions``, further horizon -> version that is in production, and
    ``promotions``, further horizon -> ``promotion`` of a new model.
    """
    staged = mlrun.datastore.get_store_resource(model_address(context.project, STAGING))
    try:
        before = mlrun.datastore.get_store_resource(model_address(context.project, PRODUCTION))
    except mlrun.errors.MLRunNotFoundError:
        before = None
    changed = before is None or before.uid != staged.uid
    if changed:
        mlrun.get_run_db().tag_artifacts(staged, context.project, tag_name=PRODUCTION)
    # One that was there already was promoted by somebody else: the gate may have kept another one out.
    outcome = after_rehearsal(staged.spec.parameters.get("promotion", "")) if changed else ""
    if outcome:
        mlrun.artifacts.update_model(staged, parameters={"promotion": outcome}, write_spec_copy=False)
        context.log_result("promoted", True)
        context.log_result("promotion", outcome)
        context.log_result("promotion_reason", staged.spec.parameters["promotion_reason"])
    context.log_result("version", staged.spec.parameters["version"])
    context.log_result("changed", changed)
    context.log_result("replaced", before.spec.parameters["version"] if before and changed else "")
    further = fetch_model_package(staged.uri).schema.telemetry.further_horizons
    promoted = {horizon: _promote_further(context.project, horizon) for horizon in further}
    if promoted:
        context.log_result("versions", {horizon: version for horizon, (version, _) in promoted.items()})
        context.log_result("promotions", {horizon: told for horizon, (_, told) in promoted.items() if told})


def _promote_further(project: str, horizon: str) -> tuple[str, str]:
    """Do so for a further horizon; gives the version in production, and the outcome of a new model."""
    staged = horizon_model(project, horizon, STAGING)
    if staged is None:
        return "", ""
    before = horizon_model(project, horizon, PRODUCTION)
    changed = before is None or before.uid != staged.uid
    if changed:
        mlrun.get_run_db().tag_artifacts(staged, project, tag_name=PRODUCTION)
    outcome = after_rehearsal(staged.spec.parameters.get("promotion", "")) if changed else ""
    if outcome:
        mlrun.artifacts.update_model(staged, parameters={"promotion": outcome}, write_spec_copy=False)
    return str(staged.spec.parameters["version"]), outcome
