"""Workflow step: stages a registered model, so that it is rehearsed and served like a new one."""

from __future__ import annotations

import mlrun

from feature_sets.model_package.tags import STAGING
from project.errors import NetopsError
from project.model_addresses import MODEL_ARTIFACT, TEST_SET_ARTIFACT
from project.workflow_steps import SERVED
from training.job.run_artifacts import artifact_path


def release(context: mlrun.MLClientCtx, version: str) -> None:
    """MLRun job: give a model the tag of the one that is rehearsed next.

    Results: ``version``. Data set: ``served_set_preds``, its predictions of the test rows of its own
    evaluation, against which the endpoint is checked and detectors are warmed up.

    :param version: of the model, whole.
    :raises NetopsError: if no model of the project has this version, or its predictions are gone.
    """
    database = mlrun.get_run_db()
    found = database.list_artifacts(
        name=MODEL_ARTIFACT, project=context.project, labels=[f"version={version}"], tag="*"
    )
    if not found:
        raise NetopsError(f"project '{context.project}' must have a model of version {version!r}, got none")
    model = mlrun.artifacts.dict_to_artifact(found[0])
    beside = database.list_artifacts(
        name=TEST_SET_ARTIFACT, project=context.project, tree=model.tree, tag="*"
    )
    if not beside:
        raise NetopsError(f"version {version!r} must have the predictions of its evaluation, got none")
    rows = mlrun.get_dataitem(mlrun.artifacts.dict_to_artifact(beside[0]).target_path).as_df()
    database.tag_artifacts(model, context.project, tag_name=STAGING)
    path = artifact_path(context)
    context.log_dataset(SERVED, df=rows, format="parquet", index=False, stats=False, artifact_path=path)
    context.log_result("version", version)
