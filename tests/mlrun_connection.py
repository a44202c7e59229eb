"""MLRun's client in this process, connected to a control plane for a while and as it was afterwards."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import mlrun
import mlrun.datastore
import mlrun.db
from mlrun.db.httpdb import HTTPRunDB


@contextmanager
def new_project(dbpath: str) -> Iterator[str]:
    """Name of an empty project, the active one while this is open.

    :param dbpath: address of the MLRun API.
    """
    database = HTTPRunDB(dbpath)
    with (
        # The server hands its settings to the client, which keeps them for the whole process.
        # Not by its attributes: to set one changes the settings themselves.
        patch.dict(vars(mlrun.mlconf), _cfg=copy.deepcopy(mlrun.mlconf._cfg)),
        patch.object(mlrun, "get_run_db", lambda *args, **kwargs: database),
        patch.object(mlrun.db, "get_run_db", lambda *args, **kwargs: database),
        patch.object(mlrun.datastore.store_manager, "_db", database),
    ):
        database.connect()
        name = f"features-{uuid.uuid4().hex[:8]}"
        database.create_project({"metadata": {"name": name}, "spec": {}})
        mlrun.mlconf.active_project = name
        yield name
