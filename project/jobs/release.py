"""Workflow step: stages a registered model, so that it is rehearsed and served like a new one."""

from __future__ import annotations

from typing import Any

import mlrun
import pandas as pd

from feature_sets.model_package.package import fetch_model_package
from feature_sets.model_package.tags import CANDIDATE, PRODUCTION, STAGING
from project.model_addresses import model_address
from project.registered_versions import evaluated_model
from project.workflow_steps import SERVED
from training.evaluation.current_champion import version_there
from training.job.run_artifacts import artifact_path
from training.packaging.staged_models import horizon_model, stage_production


def release(context: mlrun.MLClientCtx, version: str) -> None:
    """MLRun job: give a model the tag of the one that is rehearsed next.

    Of further horizons the models in production are rehearsed with it; those that wait for an approval, where
    it is the candidate that does.

    Results: ``version``; ``evaluated_against``, that which is in production now, in whose place it comes.
    Data set: ``served_set_preds``, its predictions of the test rows of its own evaluation, against which the
    endpoint is checked and detectors are warmed up.

    :param version: of the model, whole.
    :raises NetopsError: if no model of the project has this version, or its predictions are gone.
    """
    context.log_result("evaluated_against", version_there(model_address(context.project, PRODUCTION)))
    model, rows = evaluated_model(context.project, version)
    mlrun.get_run_db().tag_artifacts(model, context.project, tag_name=STAGING)
    _stage_further(context.project, model)
    path = artifact_path(context)
    context.log_dataset(SERVED, df=rows, format="parquet", index=False, stats=False, artifact_path=path)
    context.log_result("version", version)


def _stage_further(project: str, model: Any) -> None:
    """Stage the models of further horizons beside one of the primary horizon."""
    try:
        candidate = mlrun.datastore.get_store_resource(model_address(project, CANDIDATE))
    except mlrun.errors.MLRunNotFoundError:
        candidate = None
    approved = candidate is not None and candidate.uid == model.uid
    for horizon in fetch_model_package(model.uri).schema.telemetry.further_horizons:
        stage_production(project, horizon)
        waiting = horizon_model(project, horizon, CANDIDATE) if approved else None
        if waiting is not None and _is_newer(waiting, horizon_model(project, horizon, PRODUCTION)):
            mlrun.get_run_db().tag_artifacts(waiting, project, tag_name=STAGING)


def _is_newer(model: Any, before: Any) -> bool:
    """Whether a model has seen later rows than the one in production, if there is one."""
    if before is None:
        return True
    ends = [pd.Timestamp(fetch_model_package(one.uri).schema.training_end) for one in (model, before)]
    return ends[0] > ends[1]
