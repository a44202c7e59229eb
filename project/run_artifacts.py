"""What the run that made a model wrote beside it."""

from __future__ import annotations

from typing import Any

import mlrun


def written_beside(project: str, model: Any, key: str) -> mlrun.DataItem | None:
    """The artifact of a key that came of the workflow run that made a model; None if it is gone.

    :param model: as MLRun registered it.
    :raises mlrun.errors.MLRunBaseError: if it cannot be looked for.
    """
    found = mlrun.get_run_db().list_artifacts(name=key, project=project, tree=model.tree, tag="*")
    return mlrun.get_dataitem(mlrun.artifacts.dict_to_artifact(found[0]).target_path) if found else None
