"""Workflow step: puts the model that was rehearsed into production."""

from __future__ import annotations

import mlrun

from feature_sets.model_package.tags import PRODUCTION, STAGING
from project.model_addresses import model_address


def promote(context: mlrun.MLClientCtx) -> None:
    """MLRun job: give the tag of the production model to the one that was rehearsed.

    Results: ``version``, and ``changed``, whether another one was in production before.
    """
    staged = mlrun.datastore.get_store_resource(model_address(context.project, STAGING))
    try:
        before = mlrun.datastore.get_store_resource(model_address(context.project, PRODUCTION))
    except mlrun.errors.MLRunNotFoundError:
        before = None
    changed = before is None or before.uid != staged.uid
    if changed:
        mlrun.get_run_db().tag_artifacts(staged, context.project, tag_name=PRODUCTION)
    context.log_result("version", staged.spec.parameters["version"])
    context.log_result("changed", changed)
