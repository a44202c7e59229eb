"""A control plane inside the test process, for tests of single routes."""

from __future__ import annotations

import socket
import threading

import httpx
import pytest
import uvicorn

from project.local.api.app import build_app
from project.local.api.records.store import Store
from project.local.api.settings import Settings
from tests.project.local.conformance import DBPATH
from tests.project.local.mlrun_client import Client

REDIS_URL = "redis://127.0.0.1:2"


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store.sqlite3")


@pytest.fixture(scope="session")
def api_home(tmp_path_factory):
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="session")
def control_plane(api_home):
    """HTTP client of a control plane without functions; shared, because starting one takes a while."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    app = build_app(Settings(api_home, api_home, url))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        with httpx.Client(base_url=url) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def api(control_plane):
    """HTTP client of a control plane that holds nothing but the empty project 'demo'."""
    control_plane.put("/local/v1/redis-url", json={"redis_url": REDIS_URL})
    for name in control_plane.get("/api/v1/projects", params={"format": "name_only"}).json()["projects"]:
        headers = {"x-mlrun-deletion-strategy": "cascade"}
        assert control_plane.delete(f"/api/v2/projects/{name}", headers=headers).status_code == 204
    answer = control_plane.post("/api/v1/projects", json={"metadata": {"name": "demo"}, "spec": {}})
    assert answer.status_code == 201, answer.text
    return control_plane


@pytest.fixture(scope="session")
def dbpath(request):
    """Address of the MLRun API that the conformance suite drives."""
    return DBPATH or request.getfixturevalue("local_stack").info.mlrun_dbpath


@pytest.fixture(scope="session")
def client(dbpath, tmp_path_factory):
    """A process with MLRun's client, outside the repository."""
    client = Client(dbpath, tmp_path_factory.mktemp("client"))
    yield client
    client.close()
