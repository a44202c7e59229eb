"""MLRun's client in the test process, against the control plane and the Valkey of ``local_stack``."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Iterator

import mlrun
import mlrun.datastore
import mlrun.db
import pytest
from mlrun.db.httpdb import HTTPRunDB

from tests.conftest import LocalStack


@pytest.fixture(scope="module")
def project(local_stack: LocalStack) -> Iterator[str]:
    """Name of an empty project, active while the tests of one module run."""
    with pytest.MonkeyPatch.context() as patch:
        # The server hands its settings to the client, which keeps them for the whole process.
        patch.setattr(mlrun.mlconf, "_cfg", copy.deepcopy(mlrun.mlconf._cfg))
        database = HTTPRunDB(local_stack.info.mlrun_dbpath)
        database.connect()
        patch.setattr(mlrun, "get_run_db", lambda *args, **kwargs: database)
        patch.setattr(mlrun.db, "get_run_db", lambda *args, **kwargs: database)
        patch.setattr(mlrun.datastore.store_manager, "_db", database)
        name = f"features-{uuid.uuid4().hex[:8]}"
        database.create_project({"metadata": {"name": name}, "spec": {}})
        mlrun.mlconf.active_project = name
        yield name
