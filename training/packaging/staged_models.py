"""Which models of further horizons are rehearsed and served, by their tags."""

from __future__ import annotations

from typing import Any

import mlrun

from feature_sets.model_package.horizon_names import name_of_horizon
from feature_sets.model_package.tags import MODEL_KEY, PRODUCTION, STAGING

_RUN = "evaluate"
"""Run that registers the models of the primary horizon."""


def horizon_model(project: str, horizon: str, tag: str) -> Any:
    """The registered model of a further horizon with a tag; None if there is none."""
    address = f"store://models/{project}/{name_of_horizon(_RUN, horizon)}_{MODEL_KEY}:{tag}"
    try:
        return mlrun.datastore.get_store_resource(address) or None
    except mlrun.errors.MLRunNotFoundError:
        return None


def stage_production(project: str, horizon: str) -> None:
    """Have the model in production rehearsed again, in place of one that an earlier run has left; or none."""
    database = mlrun.get_run_db()
    served, left = (horizon_model(project, horizon, tag) for tag in (PRODUCTION, STAGING))
    if served is not None:
        database.tag_artifacts(served, project, tag_name=STAGING)
    elif left is not None:
        database.delete_artifacts_tags(left, project, tag_name=STAGING)
