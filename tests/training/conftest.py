"""A small network whose errors follow from its metrics, as a frame and in MLRun's feature store."""

from __future__ import annotations

import copy

import mlrun
import mlrun.db
import pandas as pd
import pytest
from mlrun.execution import MLClientCtx

from project.run_state_json import read_notes_as_json
from tests.training.feature_store import store_vector
from tests.training.handler_runs import Network
from tests.training.memory_run_db import MemoryRunDB
from tests.training.network import make_frame, make_schema


@pytest.fixture
def schema():
    return make_schema()


@pytest.fixture
def frame():
    return make_frame()


@pytest.fixture
def run_db(monkeypatch):
    return connect(monkeypatch)


def connect(patch):
    """Connect MLRun's client to a database in memory, and read the notes of steps as a workflow does."""
    patch.setattr(MLClientCtx, "_read_tmpfile", MLClientCtx._read_tmpfile)
    read_notes_as_json()
    database = MemoryRunDB()
    patch.setattr(mlrun, "get_run_db", lambda *args, **kwargs: database)
    patch.setattr(mlrun.db, "get_run_db", lambda *args, **kwargs: database)
    patch.setattr(mlrun.datastore.store_manager, "_db", database)
    return database


@pytest.fixture
def context(run_db, tmp_path):
    return make_context(run_db, tmp_path)


def make_context(run_db, folder, name="job", uid="0123456789abcdef"):
    return mlrun.MLClientCtx.from_dict(
        {
            "metadata": {"name": name, "project": "test-network", "uid": uid},
            "spec": {"output_path": str(folder / "artifacts")},
        },
        rundb=run_db,
    )


@pytest.fixture(scope="session")
def stored_vectors():
    """What earlier tests have ingested: digest of a frame -> address and records of the vector."""
    return {}


@pytest.fixture
def vector_uri(run_db, frame, stored_vectors, tmp_path_factory):
    """The frame spread over the three feature sets, and the vector that joins them again.

    Equal frames are ingested once; each test gets records of its own.
    """
    digest = int(pd.util.hash_pandas_object(frame).sum()), tuple(frame.columns)
    if digest not in stored_vectors:
        uri = store_vector(frame, tmp_path_factory.mktemp("vector"))
        stored_vectors[digest] = uri, copy.deepcopy((run_db.feature_sets, run_db.feature_vectors))
    uri, records = stored_vectors[digest]
    run_db.feature_sets, run_db.feature_vectors = copy.deepcopy(records)
    return uri


@pytest.fixture
def network(vector_uri, schema, tmp_path):
    """Handlers on a network of the test's own."""
    return Network(vector_uri, schema, tmp_path)


@pytest.fixture(scope="module")
def shared_network(tmp_path_factory):
    """Handlers on a network that the tests of a module share; what they log is never overwritten."""
    folder = tmp_path_factory.mktemp("network")
    with pytest.MonkeyPatch.context() as patch:
        connect(patch)
        yield Network(store_vector(make_frame(), folder), make_schema(), folder)
