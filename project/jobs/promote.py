"""Workflow step: puts the model that was rehearsed into production."""

from __future__ import annotations

import mlrun

from feature_sets.model_package.tags import PRODUCTION, STAGING
from project.model_addresses import model_address
from training.evaluation.promotion_gate import after_rehearsal


def promote(context: mlrun.MLClientCtx) -> None:
    """MLRun job: give the tag of the production model to the one that was rehearsed.

    A new model is recorded as promoted, in its parameters as well.

    Results: ``version``; ``changed``, whether another one was in production before, and ``replaced``, the
    version of that. Of a new model also ``promoted``, ``promotion`` and ``promotion_reason``, as ``evaluate``
    has them.
    """
    staged = mlrun.datastore.get_store_resource(model_address(context.project, STAGING))
    try:
        before = mlrun.datastore.get_store_resource(model_address(context.project, PRODUCTION))
    except mlrun.errors.MLRunNotFoundError:
        before = None
    changed = before is None or before.uid != staged.uid
    if changed:
        mlrun.get_run_db().tag_artifacts(staged, context.project, tag_name=PRODUCTION)
    outcome = after_rehearsal(staged.spec.parameters.get("promotion", ""))
    if outcome:
        mlrun.artifacts.update_model(staged, parameters={"promotion": outcome}, write_spec_copy=False)
        context.log_result("promoted", True)
        context.log_result("promotion", outcome)
        context.log_result("promotion_reason", staged.spec.parameters["promotion_reason"])
    context.log_result("version", staged.spec.parameters["version"])
    context.log_result("changed", changed)
    context.log_result("replaced", before.spec.parameters["version"] if before and changed else "")
